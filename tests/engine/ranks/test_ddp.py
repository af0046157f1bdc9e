"""The same run with one process, two and four: losses, scores and weights agree up to the rounding of sums."""

import pytest

TOLERANCE = 2e-5  # of losses and scores of a few dozen updates in float32: sums are rounded in another order

PLAIN = ("data=iris", "model.hidden=[8]", "trainer.max_epochs=3", "optimizer=momentum")


def difference(ours, theirs):
    """The largest relative difference of two runs' rows."""
    assert [sorted(row) for row in ours] == [sorted(row) for row in theirs]
    return max(abs(a[n] - b[n]) / max(1.0, abs(b[n])) for a, b in zip(ours, theirs, strict=True) for n in b)


CASES = {
    "a last batch of other size": ("data.batch_size=32",),
    "a last batch of one": ("data.batch_size=8",),
    "accumulation": ("data.batch_size=8", "trainer.accumulate=3"),
}


@pytest.mark.parametrize("case", CASES)
def test_losses_are_those_of_one_process(case, one, two, tmp_path, rows):
    overrides = (*PLAIN, *CASES[case])
    assert one.train(tmp_path / "one", *overrides)[0].error is None
    ranks = two.train(tmp_path / "two", *overrides)
    assert [rank.error for rank in ranks] == [None, None]
    assert difference(rows(tmp_path / "two"), rows(tmp_path / "one")) < TOLERANCE
    assert ranks[0].weights == ranks[1].weights
