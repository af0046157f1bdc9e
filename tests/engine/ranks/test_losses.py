"""The same run with one process, two and four: losses, scores and weights agree up to the rounding of sums."""

import pytest

# Of losses and scores after a few dozen updates in float32, whose sums are rounded in another order.
TOLERANCE, IN_BF16 = 5e-6, 5e-3

IRIS = ("data=iris", "model.hidden=[8]", "trainer.max_epochs=3", "optimizer=momentum")
IMAGES = ("data=digits", "model=cnn", "model.channels=[4]", "trainer.max_epochs=2", "trainer.limit_batches=5")
TEXTS = (
    *("data=digit_sequences", "data.examples=120", "model=seq2seq", "model.hidden=8", "metric=none"),
    *("trainer.max_epochs=2", "trainer.limit_batches=6", "data.batch_size=6"),
)
WEIGHTS = ("loss=cross_entropy", "loss.weight=[1,2,3]", "loss.normalize=weights")


def difference(ours, theirs):
    """The largest relative difference of two runs' rows."""
    assert len(ours) == len(theirs) and [sorted(row) for row in ours] == [sorted(row) for row in theirs]
    return max(abs(a[n] - b[n]) / max(1.0, abs(b[n])) for a, b in zip(ours, theirs, strict=True) for n in b)


CASES = {
    "a last batch of other size": (*IRIS, "data.batch_size=32"),
    "a last batch of one": (*IRIS, "data.batch_size=8"),
    "an odd batch": (*IRIS, "data.batch_size=7", "trainer.clip_norm=0.5"),
    "all rows at once": (*IRIS, "data.batch_size=full"),
    "accumulation": (*IRIS, "data.batch_size=8", "trainer.accumulate=3"),
    "texts whose tokens count": TEXTS,
    "texts whose tokens count, accumulated": (*TEXTS, "trainer.accumulate=2", "optimizer=momentum"),
    "classes that weigh": (*IRIS, "data.batch_size=10", *WEIGHTS),
    "classes that weigh, accumulated": (*IRIS, "data.batch_size=8", "trainer.accumulate=2", *WEIGHTS),
    "synchronized batch norm": (*IMAGES, "model.norm=batch", "trainer.sync_batch_norm=true"),
    "bfloat16": (*IRIS, "data.batch_size=32", "trainer.precision=bf16"),
}


@pytest.fixture(scope="module")
def alone(one, tmp_path_factory, rows):
    """The rows of the run with one process, trained once."""
    known = {}

    def run(case):
        if case not in known:
            folder = tmp_path_factory.mktemp("alone")
            assert one.train(folder / "run", *CASES[case])[0].error is None
            known[case] = rows(folder / "run")
        return known[case]

    return run


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
@pytest.mark.parametrize("case", CASES)
def test_losses_are_those_of_one_process(case, strategy, alone, two, tmp_path, rows):
    ranks = two.train(tmp_path / "run", f"trainer.strategy={strategy}", *CASES[case])
    assert [rank.error for rank in ranks] == [None, None]
    assert difference(rows(tmp_path / "run"), alone(case)) < (IN_BF16 if case == "bfloat16" else TOLERANCE)
    assert ranks[0].weights == ranks[1].weights


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_four_processes(strategy, alone, four, tmp_path, rows):
    case = "a last batch of one"
    ranks = four.train(tmp_path / "run", f"trainer.strategy={strategy}", *CASES[case])
    assert [rank.error for rank in ranks] == [None] * 4
    assert difference(rows(tmp_path / "run"), alone(case)) < TOLERANCE
    assert all(rank.weights == ranks[0].weights for rank in ranks)


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_rows_sorted_by_class_of_which_the_last_is_not_trained(strategy, one, two, tmp_path, rows):
    table = tmp_path / "sorted.csv"
    table.write_text("number,size,kind\n" + "".join(f"{i},{(i * 7) % 11},{'abc'[i // 30]}\n" for i in range(90)))
    words = ("data=csv", f"data.path={table}", "data.target=kind", "data.order=number", "data.split=[0.6,0.2,0.2]")
    words = (*words, "data.batch_size=10", "model.hidden=[4]", "trainer.max_epochs=2", "trainer.accumulate=2")
    words = (*words, "optimizer=momentum")  # others take no notice of how large gradients are
    assert one.train(tmp_path / "one", *words)[0].error is None
    ranks = two.train(tmp_path / "run", f"trainer.strategy={strategy}", *words)
    assert [rank.error for rank in ranks] == [None, None]
    assert difference(rows(tmp_path / "run"), rows(tmp_path / "one")) < TOLERANCE
    assert ranks[0].weights == ranks[1].weights
