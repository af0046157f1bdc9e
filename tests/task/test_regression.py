import pytest
import torch

from runner.engine.spec import Spec
from runner.loss.huber import Huber
from runner.loss.mae import MAE
from runner.loss.mse import MSE
from runner.loss.smooth_l1 import SmoothL1
from runner.task.regression import Regression, in_their_units


@pytest.mark.parametrize("loss", [MSE, MAE, Huber, SmoothL1])
def test_predictions_are_the_outputs_whatever_the_loss(loss):
    outputs = torch.randn(7, 2)
    assert Regression(Spec.regression((4,), 2), loss().link).predict(outputs) is outputs


def test_an_ensemble_is_the_mean():
    members, task = torch.randn(3, 7, 2), Regression(Spec.regression((4,), 2))
    assert torch.equal(task.combine(members), members.mean(0))
    assert torch.equal(task.combine(members.bfloat16()), members.bfloat16().float().mean(0))


def test_units_come_back():
    raw = torch.randn(9, 2, dtype=torch.float64) * 40 + 1e4
    mean, std = raw.mean(0), raw.std(0)
    scaled = (raw - mean) / std
    torch.testing.assert_close(in_their_units(scaled, tuple(mean.tolist()), tuple(std.tolist())), raw)
    assert torch.equal(in_their_units(scaled, (), ()), scaled)


@pytest.mark.parametrize(
    ("targets", "keys"),
    [
        (1, ["prediction"]),
        (("price",), ["prediction"]),
        (2, ["prediction_0", "prediction_1"]),
        (("price", "size"), ["prediction_price", "prediction_size"]),
    ],
)
def test_rows_of_a_file_are_in_their_units(targets, keys):
    width = len(keys)
    task = Regression(Spec.regression((4,), targets, (10.0,) * width, (2.0,) * width))
    assert task.rows(torch.full((1, width), 0.5)) == [dict.fromkeys(keys, 11.0)]
