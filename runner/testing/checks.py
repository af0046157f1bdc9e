"""The checks of every option, and which groups they are for."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from runner.config.check import check_run
from runner.config.signature import SUPPLIED, signature_of
from runner.run import compose, evaluate_run
from runner.testing import contracts
from runner.testing.comparison import content, same
from runner.testing.option import TestedOption

Check = Callable[[TestedOption], None]

# Groups in which an option is a method that somebody published.
_PUBLISHED = (
    "cleaning",
    "features",
    "balance",
    "optimizer",
    "optimizer/wrapper",
    "scheduler",
    "warmup",
    "init",
    "adapter",
    "loss",
    "regularization",
    "augmentation",
    "compression",
)


def described(option: TestedOption) -> None:
    """The first line of its file says what it is and when to choose it, the second where it comes from."""
    lines = option.options.comments(option.group, option.name)
    assert lines, "no comment at the head of the file: say what it is and when to choose it"
    first = lines[0]
    assert first.endswith((".", "?")), f"the first line is no sentence: {first}"
    assert len(first.split()) >= 4, f"the first line says too little: {first}"
    assert len(first) <= 130, f"the first line is a paragraph: {first}"
    known = len(lines) > 1 or "Source:" in (inspect.getdoc(option.target) or "")
    assert known or option.group not in _PUBLISHED, "no source: a second line of comment with paper and year"


def as_its_signature(option: TestedOption) -> None:
    """Its file has what its class needs and nothing else, and of classes of ours and yours the very defaults."""
    target = option.target
    values = {k: v for k, v in option.values(option.group, option.name).items() if k not in ("_target_", "defaults")}
    arguments = signature_of(target, SUPPLIED | {"params", "wrapper"}).arguments
    left_out = [name for name, a in arguments.items() if name not in values and not a.has_plain_default]
    unknown = sorted(values.keys() - arguments.keys() - {"wrapper"})
    assert not left_out, f"arguments without a default that the file leaves out: {', '.join(left_out)}"
    assert not unknown, f"keys of the file that are no arguments: {', '.join(unknown)}"
    if target.__module__.partition(".")[0] not in {
        "runner",
        *(name.partition(".")[0] for name in option.trusted_targets),
    }:
        return
    for name, value in values.items():
        default = arguments[name].default if name in arguments else value
        if value == "???":
            assert default is inspect.Parameter.empty, f"{name} is required in the file and has a default"
        elif not isinstance(value, dict) and not str(value).startswith("${"):
            assert alike(value, default), f"{name}: {value!r} in the file, {default!r} in the signature"


def alike(value: object, default: object) -> bool:
    """Whether a value of a file is the default of a signature: 1 is not True, and a list stands for a tuple."""
    if isinstance(value, list):
        return isinstance(default, tuple) and len(value) == len(default) and all(map(alike, value, default))
    if isinstance(default, float) and isinstance(value, (int, float)):
        return math.isclose(value, default)
    return value == default and isinstance(value, bool) == isinstance(default, bool)


def checked(option: TestedOption) -> None:
    """It composes, its class has what its group calls, and nothing of it needs to be loaded to be checked."""
    check_run(compose(option.words, option.config_dir))


def resumes(option: TestedOption) -> None:
    """Trained, stopped in mid-epoch and resumed, with accumulation: every bit as of the run that was not stopped."""
    _resumes(option, "fp32")


def resumes_in_bf16(option: TestedOption) -> None:
    """The same in bfloat16."""
    _resumes(option, "bf16")


def _resumes(option: TestedOption, precision: str) -> None:
    more = (f"trainer.precision={precision}",)
    result = option.run(f"whole_{precision}", *more)
    assert result["status"] == "completed", result
    scores = {**result["train"], **result["val"]}
    bad = [name for name, value in scores.items() if not math.isfinite(value)]
    assert not bad, f"not finite: {', '.join(bad)}"
    option.interrupted(f"cut_{precision}", max(1, (3 * result["step"]) // 4), *more)
    whole, cut = content(option.folder / f"whole_{precision}"), content(option.folder / f"cut_{precision}")
    assert not (differing := same(whole, cut)), f"a resumed run differs: {differing[:5]}"


def outlives_its_data(option: TestedOption) -> None:
    """Its network is built again from the checkpoint alone, and has the scores that it had, to the last digit."""
    folder = _trained(option)
    test = json.loads((folder / "result.json").read_text())["test"]
    if test is not None:
        found = evaluate_run(folder, trusted_targets=list(option.trusted_targets), device="cpu")
        assert found == test, f"evaluated again: {found}; in the run: {test}"


def _trained(option: TestedOption) -> Path:
    folder = option.folder / "whole_fp32"
    if not (folder / "result.json").exists():
        option.run("whole_fp32", "trainer.precision=fp32")
    return folder


def predicts(option: TestedOption) -> None:
    """Its task's contract with what its trained network gives; see `runner.testing.contracts.check_task`."""
    contracts.check_task(*contracts.outputs_of(option, _trained(option)))


def measures(option: TestedOption) -> None:
    """Of a metric: the same value however examples are grouped; one example and a missing class end in no error."""
    contracts.check_metric(option.target, *contracts.outputs_of(option, _trained(option)))


def averages(option: TestedOption) -> None:
    """Of a loss: a mean, with gradients, also of one example and where a class is missing."""
    contracts.check_loss(*contracts.outputs_of(option, _trained(option)), contracts.loss_of(option, _trained(option)))


def divides(option: TestedOption) -> None:
    """Of data: probed and loaded alike, divided in one way only, no part in another, statistics that can be kept."""
    contracts.check_data(option)


def gives_each_its_own(option: TestedOption) -> None:
    """Of a network: what it gives for an example depends on no other example of the batch."""
    contracts.check_model(option, _trained(option))


ALL = (described, as_its_signature, checked, resumes, resumes_in_bf16)
CHECKS: dict[str, tuple[Check, ...]] = {
    "data": (*ALL, outlives_its_data, predicts, divides),
    "model": (*ALL, outlives_its_data, predicts, gives_each_its_own),
    "loss": (*ALL, outlives_its_data, averages),
    "metric": (*ALL, outlives_its_data, measures),
}


def checks_of(group: str) -> tuple[Check, ...]:
    """The checks that options of a group are put to."""
    return CHECKS.get(group, ALL)


def check_option(
    group: str,
    name: str,
    folder: str | Path,
    *,
    config_dir: str | None = None,
    trusted_targets: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> None:
    """Put an option to every check of its group. Takes a few seconds: it is trained half a dozen times.

    Args:
        group: such as ``optimizer``; a nested one as ``optimizer/wrapper``.
        name: of its file.
        folder: an empty folder for its runs, such as pytest's ``tmp_path``.
        config_dir: a folder of options of your own, as for ``--config-dir``.
        trusted_targets: your own modules that its file names; they must be importable.
        overrides: what it needs to work: ``regularization.mine.strength=0.1``, ``data=wine``. Where neither data nor
            a network is named, the first that go with it are taken.

    Raises:
        AssertionError: it does not keep to something.
        ConfigError: it was refused before a run.
        RunFailed: it was found out in one.
    """
    option = TestedOption(group, name, Path(folder), config_dir, trusted_targets, overrides)
    for check in checks_of(group):
        check(option)
