import pytest

from runner.analysis.directions import direction_of


@pytest.mark.parametrize(
    ("score", "direction"),
    [
        ("val/loss", "min"),
        ("test/rmse", "min"),
        ("train/accuracy", "max"),
        ("samples_per_second", "max"),
        ("seconds", "min"),
        ("loss", None),
        ("val/nonsense", None),
        ("overfitting/loss", None),  # a diagnostic's, whatever it is called
        ("accuracy/val", None),
    ],
)
def test_what_is_better(score, direction):
    assert direction_of(score) == direction
