"""Pinball loss against scikit-learn's, its optimum, and forecasts with quantiles from the command line to a file."""

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss

from runner.engine.metric import Scored
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError
from runner.loss.quantile import Quantile
from runner.metric.coverage import Coverage
from runner.metric.pinball import Pinball
from runner.metric.statistic.quantiles import QuantileSums
from runner.run import evaluate_run
from runner.task.forecasting import Forecasting
from tests.batches import batch_of
from tests.trained import with_data

LEVELS = (0.1, 0.5, 0.8)


def test_is_the_mean_of_that_of_sklearn():
    torch.manual_seed(0)
    outputs, targets = torch.randn(6, 4 * 2 * 3), torch.randn(6, 4, 2)
    told = outputs.view(6, 8, 3).numpy()
    expected = np.mean(
        [mean_pinball_loss(targets.flatten(1), told[..., i], alpha=level) for i, level in enumerate(LEVELS)]
    )
    assert Quantile(LEVELS)(outputs, batch_of(targets)).item() == pytest.approx(expected, rel=1e-5)


def test_nothing_is_better_than_the_quantiles():
    values = torch.from_numpy(np.random.default_rng(0).gamma(2.0, size=4001)).view(-1, 1, 1)
    best = torch.from_numpy(np.quantile(values, LEVELS))

    def loss(told):
        return Quantile(LEVELS)(told.expand(len(values), 3), batch_of(values)).item()

    for level in range(3):
        for away in (-0.3, -0.05, 0.05, 0.3):
            assert loss(best + away * torch.eye(3)[level]) > loss(best)


@pytest.mark.parametrize("levels", [(), (0.5, 0.1), (0.0, 0.5), (0.5, 1.0), (0.5, 0.5)])
def test_what_are_no_levels(levels):
    with pytest.raises(ConfigError, match="expected shares in"):
        Quantile(levels)


def test_crossed_quantiles_are_sorted():
    targets = Field("values", (1, 1), names=("v",), mean=(10.0,), std=(2.0,), levels=LEVELS)
    task = Forecasting(Spec("forecasting", None, targets, num_outputs=3))
    (row,) = task.rows(torch.tensor([[3.0, 1.0, 2.0]]))
    assert row == {"prediction_1": 14.0, "quantile_0.1_1": 12.0, "quantile_0.5_1": 14.0, "quantile_0.8_1": 16.0}


def test_scores_of_a_run_are_those_of_its_predictions(go):
    result = go(
        "data=membrane", "data.fraction=0.3", "data.stride=5", "model.hidden=[16]", "loss=quantile",
        "loss.levels=[0.1,0.5,0.8]", "metric=[pinball,coverage]", "monitor=val/pinball", "trainer.max_epochs=3",
        "trainer.images=0",
    )  # fmt: skip
    assert result["monitor"] == "val/pinball"
    network, data = with_data("run")
    batch = data.val.read(torch.arange(len(data.val)))
    assert network.spec.targets.levels == LEVELS and network.spec.num_outputs == 16 * 3
    rows = network.task.rows(network.outputs(batch))
    (mean,), (std,) = data.spec.targets.mean, data.spec.targets.std
    true = (batch.targets[..., 0].double() * std + mean).numpy()
    told = {
        level: np.array([[row[f"quantile_{level}_{step}"] for step in range(1, 17)] for row in rows])
        for level in LEVELS
    }
    scores = evaluate_run("run", "val")
    expected = np.mean([mean_pinball_loss(true, told[level], alpha=level) for level in LEVELS])
    assert scores["pinball"] == pytest.approx(expected, rel=1e-4)
    assert scores["coverage"] == pytest.approx(((told[0.1] <= true) & (true <= told[0.8])).mean(), abs=1e-3)
    assert scores["mae"] == pytest.approx(np.abs(told[0.5] - true).mean(), rel=1e-4)


def test_scores_of_several_series_are_means_in_their_units_and_ends_lie_within():
    torch.manual_seed(0)
    targets = Field("values", (4, 2), names=("a", "b"), mean=(0.0, 0.0), std=(2.0, 10.0), levels=LEVELS)
    statistic = QuantileSums(Spec("forecasting", None, targets, num_outputs=24))
    true, told = torch.randn(30, 4, 2), torch.randn(30, 4, 2, 3).sort(-1).values
    told[:5, :, 0] = true[:5, :, 0, None] + torch.arange(3)  # the truth is the lowest quantile, and then the highest
    told[5:10, :, 1] = true[5:10, :, 1, None] - torch.arange(3).flip(0)
    for some in range(0, 30, 7):
        statistic.update(Scored(told[some : some + 7, ..., 1], true[some : some + 7], told[some : some + 7]))
    losses = [
        unit * mean_pinball_loss(true[..., i].flatten(), told[..., i, q].flatten(), alpha=level)
        for i, unit in enumerate((2.0, 10.0))
        for q, level in enumerate(LEVELS)
    ]
    assert Pinball().compute(statistic.total).item() == pytest.approx(np.mean(losses), rel=1e-5)
    within = (told[..., 0] <= true) & (true <= told[..., 2])
    assert Coverage().compute(statistic.total).item() == pytest.approx(within.double().mean().item())
    assert within.sum() > ((told[..., 0] < true) & (true < told[..., 2])).sum()


def test_without_quantiles_there_is_nothing_to_score(go):
    with pytest.raises(ConfigError, match="Take loss=quantile"):
        go("data=membrane", "metric=[coverage]")
