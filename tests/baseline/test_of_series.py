"""What forecasts and classes of series are held against: by hand and by statsmodels, through the command line too."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from statsmodels.tsa.holtwinters import ExponentialSmoothing as Reference

from runner.baseline.forecasts import ExponentialSmoothing, Naive, SeasonalNaive
from runner.baseline.models import forecasts
from runner.baseline.summaries import summaries
from runner.engine.spec import Field, Spec
from runner.engine.split import SequenceSplit
from tests.cli.conftest import say as say

SPEC = Spec(
    "forecasting",
    Field("series", (20, 3), names=("a", "b", "c")),
    Field("values", (7, 2), names=("c", "a")),
)
WINDOWS = np.random.default_rng(0).normal(size=(9, 20, 3)).astype(np.float32)


def test_naive_and_seasonal_naive_by_hand():
    flat = WINDOWS.reshape(9, -1)
    told = Naive(SPEC).fit(flat, flat).predict(flat).reshape(9, 7, 2)
    assert (told == WINDOWS[:, -1:, [2, 0]]).all()
    told = SeasonalNaive(SPEC, 5).fit(flat, flat).predict(flat).reshape(9, 7, 2)
    for step in range(7):
        assert (told[:, step] == WINDOWS[:, 15 + step % 5][:, [2, 0]]).all()


@pytest.mark.parametrize("season", [5, None])
def test_smoothing_is_that_of_statsmodels(season):
    flat = WINDOWS.reshape(9, -1)
    model = ExponentialSmoothing(SPEC, season).fit(flat, flat)
    told = model.predict(flat).reshape(9, 7, 2)
    for series, column in enumerate((2, 0)):
        theirs = Reference(
            WINDOWS[4, :, column].astype(float), seasonal="add" if season else None, seasonal_periods=season,
            initialization_method="heuristic",
        ).fit(optimized=False, **model.constants[series])  # fmt: skip
        np.testing.assert_allclose(told[4, :, series], theirs.forecast(7))
        assert all(0 <= constant <= 1 for constant in model.constants[series].values())


def test_a_season_is_repeated_where_a_history_has_it_and_smoothed_where_it_has_it_twice():
    made = forecasts(SPEC, (4, 10, 11, 20, 21))  # of histories of 20 steps
    assert [name for name in made if "seasonal" in name] == [f"seasonal_naive_{season}" for season in (4, 10, 11, 20)]
    assert made["exponential_smoothing"](0).season == 10  # statsmodels needs two whole cycles
    assert forecasts(SPEC, (11,))["exponential_smoothing"](0).season is None
    short = Spec("forecasting", Field("series", (16, 1), names=("a",)), Field("values", (3, 1), names=("a",)))
    told = forecasts(short, (3, 8))["exponential_smoothing"](0)  # of 8 steps statsmodels asks for 18
    assert told.season == 3 and np.isfinite(told.fit(WINDOWS[:, :16, 0], None).predict(WINDOWS[:, :16, 0])).all()
    flat = WINDOWS.reshape(9, -1)
    assert (made["seasonal_naive_20"](0).predict(flat).reshape(9, 7, 2) == WINDOWS[:, :7, [2, 0]]).all()


def test_summaries_look_at_no_padding():
    lengths = [4, 1, 6]
    each = [torch.randn(length, 2) for length in lengths]
    split = SequenceSplit(torch.cat(each), torch.tensor([0, *np.cumsum(lengths)]), torch.zeros(3, dtype=torch.int64))
    found = summaries(split)
    for row, one in zip(found, each, strict=True):
        values = one.numpy()
        expected = np.concatenate([values.mean(0), values.std(0), values.min(0), values.max(0)])
        np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)


def test_a_forecast_beside_the_plain_ones(say, go):
    time = np.arange(300)
    rows = "\n".join(f"{10 + np.sin(t * 2 * np.pi / 12) + 0.01 * (t % 7)}" for t in time)
    Path("t.csv").write_text("v\n" + rows)
    data = ("data=csv_series", "data.path=t.csv", "data.columns=[v]", "data.length=30", "data.horizon=3")
    data = (*data, "data.seasons=[12,40]")
    go(*data, "model.hidden=[8]", "trainer.max_epochs=1", "trainer.images=0")
    answer = say("baseline", "run")
    assert answer.code == 0, answer.err
    assert "exponential_smoothing" in answer.out and "LOSES TO seasonal_naive_12" in answer.out
    told = json.loads((Path("outputs/baselines/run/baselines.json")).read_text())
    scores = {name: each[0] for name, each in told["scores"]["test"].items()}
    assert list(scores) == ["run", "naive", "seasonal_naive_12", "exponential_smoothing", "linear"]
    assert scores["naive"]["relative_mae"] == pytest.approx(1)
    assert scores["seasonal_naive_12"]["mae"] < 0.05 < scores["naive"]["mae"]


def test_one_number_is_not_held_against_quantiles(say):
    Path("t.csv").write_text("v\n" + "\n".join(str(10 + np.sin(t) + 0.1 * (t % 7)) for t in range(100)))
    data = ("data=csv_series", "data.path=t.csv", "data.columns=[v]", "data.length=8", "data.horizon=2")
    answer = say("baseline", *data, "loss=quantile", "metric=[pinball]", "monitor=val/pinball")
    assert answer.code == 0, answer.err
    assert "compared by mae, the run by its middle quantile" in answer.out
    (told,) = Path("outputs/baselines").glob("*/baselines.json")
    assert json.loads(told.read_text())["score"] == "mae"
