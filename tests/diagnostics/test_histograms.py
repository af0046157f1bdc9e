import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from runner.diagnostics.activation_histograms import relative_spread
from runner.diagnostics.weight_histograms import row_difference


def tags(folder="run"):
    accumulator = EventAccumulator(folder, {"histograms": 0})
    accumulator.Reload()
    return {tag: accumulator.Histograms(tag) for tag in accumulator.Tags()["histograms"]}


def test_relative_spread_by_hand():
    same = torch.tensor([[0.5, 0.5, 0.5], [0.2, 0.2, 0.2]])
    assert relative_spread(same) == pytest.approx(0.0, abs=1e-6)
    centred = torch.randn(20, 1000) - torch.zeros(1)
    assert relative_spread(centred - centred.mean(1, keepdim=True)) == pytest.approx(1.0)
    assert relative_spread(torch.tensor([[1.0, 3.0]])) == pytest.approx((1 / 5) ** 0.5)
    assert relative_spread(torch.zeros(3, 4)) == 0.0


def test_row_difference_by_hand():
    assert row_difference(torch.ones(4, 3)) == 0.0
    assert row_difference(torch.tensor([[1.0, 2.0], [1.0, 4.0]])) == 0.5
    assert row_difference(nn.Conv2d(2, 3, 3).weight.detach()) > 0.1


def test_activations_are_drawn_every_so_many_epochs(go):
    go("diagnostics=[activation_histograms]", "diagnostics.activation_histograms.every=2", "trainer.max_epochs=5")
    drawn = tags()
    assert set(drawn) == {"activations/linear1"}
    assert [event.step for event in drawn["activations/linear1"]] == [80, 160]
    assert drawn["activations/linear1"][0].histogram_value.num == 256 * 128
    assert drawn["activations/linear1"][0].histogram_value.min == 0.0


def test_a_layer_that_tells_nothing_is_named(go):
    deep = ["model.hidden=[32,32,32,32,32,32]", "diagnostics=[activation_histograms]", "trainer.max_epochs=1"]
    bad = go(*deep, "model.activation=sigmoid", folder="bad")
    assert any("linear6: outputs are nearly the same" in s or "more: outputs are nearly" in s for s in bad["advice"])
    assert go(*deep, "init=he", folder="cured")["advice"] == []


def test_weights_and_gradients_are_drawn(go):
    go("diagnostics=[weight_histograms]", "trainer.max_epochs=2")
    names = ["linear1.weight", "linear1.bias", "output.weight", "output.bias"]
    assert set(tags()) == {f"{kind}/{name}" for kind in ("weights", "gradients") for name in names}


def test_units_that_are_copies_are_named(go):
    same = ["init=zeros", "model.activation=sigmoid", "diagnostics=[weight_histograms]", "trainer.max_epochs=2"]
    (sentence,) = go(*same, folder="same")["advice"]
    assert "all units of layer linear1 have the same weights since epoch 1" in sentence
    assert go("diagnostics=[weight_histograms]", "trainer.max_epochs=2", folder="fine")["advice"] == []
