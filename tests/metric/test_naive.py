"""mase and relative_mae against their formulas and torchmetrics' mean absolute error, in any grouping of batches."""

import numpy as np
import pytest
import torch
from torchmetrics.functional import mean_absolute_error

from runner.engine.metric import Scored
from runner.engine.spec import Field, Spec
from runner.metric.mase import MASE
from runner.metric.relative_mae import RelativeMAE
from runner.metric.statistic.naive import NaiveErrors

N, LENGTH, HORIZON = 23, 7, 4
COLUMNS = ("a", "b", "c")


def examples(targets, seed=0):
    generator = torch.Generator().manual_seed(seed)
    history = torch.randn(N, LENGTH, 3, generator=generator)
    true, told = torch.randn(2, N, HORIZON, len(targets), generator=generator)
    spec = Spec(
        "forecasting", Field("series", (LENGTH, 3), names=COLUMNS), Field("values", true.shape[1:], names=targets)
    )
    return spec, history, true, told


def scores(spec, parts):
    statistic = NaiveErrors(spec)
    for history, true, told in parts:
        statistic.update(Scored(told, true, inputs=history))
    return [float(metric().compute(statistic.total)) for metric in (MASE, RelativeMAE)]


@pytest.mark.parametrize("targets", [COLUMNS, ("c",), ("c", "a")])
@pytest.mark.parametrize("size", [1, 5, N])
def test_values_are_those_of_the_formulas(targets, size):
    spec, history, true, told = examples(targets)
    seen = history[..., [COLUMNS.index(name) for name in targets]]
    naive = seen[:, -1:].expand_as(true)
    own = [mean_absolute_error(told[..., i].flatten(), true[..., i].flatten()).item() for i in range(len(targets))]
    of_naive = [
        mean_absolute_error(naive[..., i].flatten(), true[..., i].flatten()).item() for i in range(len(targets))
    ]
    changes = np.abs(np.diff(seen.numpy(), axis=1)).mean((0, 1))
    expected = [np.mean(own / changes), np.mean(np.divide(own, of_naive))]
    found = scores(spec, zip(history.split(size), true.split(size), told.split(size), strict=True))
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_naive_forecast_has_one_and_units_cancel():
    spec, history, true, told = examples(COLUMNS)
    naive = history[:, -1:].expand_as(true)
    assert scores(spec, [(history, true, naive)])[1] == 1.0
    scale = torch.tensor([10.0, 0.1, 3.0])
    scaled = scores(spec, [(history * scale, true * scale, told * scale)])
    assert scaled == pytest.approx(scores(spec, [(history, true, told)]), rel=1e-5)


def test_a_series_that_never_changes_is_left_out():
    spec, history, true, told = examples(("c", "a"))
    history[..., COLUMNS.index("c")] = true[..., 0] = 3.0
    alone = Spec("forecasting", spec.inputs, Field("values", (HORIZON, 1), names=("a",)))
    expected = scores(alone, [(history, true[..., 1:], told[..., 1:])])
    assert scores(spec, [(history, true, told)]) == expected and np.isfinite(expected).all()
    constant = Spec("forecasting", spec.inputs, Field("values", (HORIZON, 1), names=("c",)))
    assert np.isnan(scores(constant, [(history, true[..., :1], told[..., :1])])).all()


def test_one_step_told_naively_errs_by_the_mean_change():
    series = torch.arange(20.0).square()[:, None]
    windows = series.unfold(0, 3, 1).transpose(1, 2)  # two steps and one to be told
    spec = Spec("forecasting", Field("series", (2, 1)), Field("values", (1, 1)))
    mase, relative = scores(spec, [(windows[:, :2], windows[:, 2:], windows[:, 1:2])])
    assert relative == 1.0
    assert mase == pytest.approx(np.mean(np.diff(np.arange(1, 20) ** 2)) / np.mean(np.diff(np.arange(19) ** 2)))
