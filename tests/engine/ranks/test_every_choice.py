"""Every option that acts while a network is trained, under both strategies: it works, or it is refused with a reason.

Those that draw nothing give what one process gives; of those that draw, and of batch norm, whose statistics each
process takes of its own examples, the weights must be the same on all ranks at the end. New files are covered too.
"""

import pytest

from runner.config.targets import resolve
from tests.config.test_options import LISTS, NEEDS, OPTIONS, content, for_its_task, save_weights
from tests.engine.ranks.test_losses import difference
from tests.test_every_option import STATEFUL

STRATEGIES = {
    **dict.fromkeys(("optimizer", "optimizer/wrapper", "regularization", "compression"), ("ddp", "fsdp")),
    **dict.fromkeys(("loss", "batch_growth"), ("ddp",)),  # which know nothing of how weights are held
}
SHORT = ("trainer.max_epochs=2", "trainer.limit_batches=3", "data.batch_size=7", "trainer.log_every=2")
SUMS = 1e-4  # what rounds in another order, of adaptive optimizers and of penalties too

# What draws anew for each share, rounds or normalizes by it, or is no mean over examples (overlaps, matched boxes).
BY_SHARE = {
    *("regularization=cutmix", "regularization=dropout", "regularization=gradient_noise", "regularization=mixup"),
    *("regularization=spatial_dropout", "regularization=stochastic_depth", "compression=qat", "loss=dice", "loss=iou"),
    *("loss=faster_rcnn", "loss=fcos", "loss=mask_rcnn", "loss=retinanet"),
}
DIAGNOSTICS = [name for name in OPTIONS.names("diagnostics") if name != "none"]
OF_THE_CLOCK = ("throughput", "time_to_target")


@pytest.fixture(scope="module")
def root(one, tmp_path_factory):
    """A trained network, for those that need one."""
    folder = tmp_path_factory.mktemp("root")
    assert one.train(folder / "run", "model.hidden=[6]", *SHORT)[0].error is None
    save_weights(folder)
    return folder


def typed(group, name, root):
    choice = f"{group}={name}"
    words = [need.format(root=root) for need in NEEDS.get(choice, ())] + list(STATEFUL.get(choice, ()))
    words += [f"{group}=[{name}]" if group in LISTS else choice, "model.hidden=[6]", *SHORT]
    words += for_its_task(group, name) if group == "loss" else []
    if any(word.startswith("model=") and word != "model=mlp" for word in words):
        words.remove("model.hidden=[6]")
    return words


@pytest.mark.long
@pytest.mark.parametrize("group", STRATEGIES)
def test_every_option_works_or_is_refused(group, one, two, root, tmp_path, rows):
    for name in OPTIONS.names(group):
        words, choice = typed(group, name, root), f"{group}={name}"
        (alone,) = one.train(tmp_path / name / "one", *words)
        assert alone.error is None, choice
        for strategy in STRATEGIES[group]:
            folder = tmp_path / name / strategy
            ranks = two.train(folder, *words, f"trainer.strategy={strategy}")
            errors = [rank.error for rank in ranks]
            if strategy == "fsdp" and errors[0] is not None:
                assert errors[0][0] == "ConfigError" and "trainer.strategy=fsdp: not with" in errors[0][1], (
                    choice,
                    errors,
                )
                assert not (folder / "checkpoints/last.pt").exists()
                continue
            assert errors == [None, None], (choice, strategy)
            assert ranks[0].weights == ranks[1].weights, (choice, strategy)
            if choice not in BY_SHARE:
                ours, theirs = (without_clocks(rows(tmp_path / name / part)) for part in (strategy, "one"))
                assert difference(ours, theirs) < SUMS, (choice, strategy)


@pytest.mark.slow
def test_every_diagnostic_looks_on_or_is_refused(one, two, tmp_path, rows):
    words = [word for word in typed("diagnostics", "none", "") if not word.startswith("diagnostics=")]
    known = {name: resolve(content("diagnostics", name)["_target_"], "diagnostics") for name in DIAGNOSTICS}
    for strategy in ("ddp", "fsdp"):
        for name in DIAGNOSTICS:
            if reason := known[name].not_under.get(strategy):
                ranks = two.train(tmp_path / name, *words, f"diagnostics=[{name}]", f"trainer.strategy={strategy}")
                assert ranks[0].error[0] == "ConfigError" and reason in ranks[0].error[1]
        fit = ",".join(name for name in DIAGNOSTICS if strategy not in known[name].not_under)
        assert one.train(tmp_path / strategy / "one", *words, f"diagnostics=[{fit}]")[0].error is None
        ranks = two.train(tmp_path / strategy / "two", *words, f"diagnostics=[{fit}]", f"trainer.strategy={strategy}")
        assert [rank.error for rank in ranks] == [None, None]
        ours, theirs = (without_clocks(rows(tmp_path / strategy / part)) for part in ("two", "one"))
        assert difference(ours, theirs) < SUMS


def without_clocks(rows):
    return [{n: v for n, v in row.items() if not any(clock in n for clock in OF_THE_CLOCK)} for row in rows]
