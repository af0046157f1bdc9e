import math

import pytest
import torch
from torch import nn

from runner.diagnostics.gradient_norm import GradientNorm


def network(*gradients):
    """Linear layers with weights of ones and the given gradients everywhere."""
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in gradients))
    for layer, gradient in zip(model, gradients):
        nn.init.ones_(layer.weight)
        layer.weight.grad = None if gradient is None else torch.full((2, 2), gradient)
    return model


def look(fit, *gradients, **settings):
    technique = GradientNorm(**settings)
    technique.setup(fit(network(*gradients)))
    return technique, technique.on_interval(1)


def test_norms_by_layer_and_in_total(fit):
    _, scores = look(fit, 0.5, None, -2.0)
    expected = {"gradient_norm/0": 1.0, "gradient_norm/2": 4.0, "gradient_norm/total": math.sqrt(17)}
    assert scores == pytest.approx(expected)


def test_nothing_is_said_of_gradients_of_about_one_size(fit):
    technique, _ = look(fit, 0.01, 1.0, 1.0)
    assert technique.advice() == []


def test_vanishing_is_relative_to_the_last_layer(fit):
    technique, _ = look(fit, 1e-6, 1e-2, 1.0)
    (sentence,) = technique.advice()
    assert "gradients vanish" in sentence
    assert "layer 0 are down to 1e-06" in sentence
    technique.layers["0"].grad.fill_(1.0)
    technique.on_interval(2)
    assert technique.advice() == []


@pytest.mark.parametrize(("gradient", "factor"), [(30.0, "3e+01"), (math.nan, "inf"), (math.inf, "inf")])
def test_exploding_is_relative_to_the_weights(fit, gradient, factor):
    technique, _ = look(fit, gradient, gradient)
    assert "gradients explode: in 1 of 1 looks" in technique.advice()[-1]
    assert f"up to {factor} times" in technique.advice()[-1]
    assert look(fit, 9.9, 9.9)[0].advice() == []


def test_overflow_of_scaled_gradients_is_left_to_the_scaler(fit):
    technique = GradientNorm()
    technique.setup(fit(network(math.inf), precision=type("P", (), {"scaler": object()})))
    technique.on_interval(1)
    assert technique.advice() == []


def test_a_deep_stack_of_sigmoids_is_named_and_its_cure_is_not(go):
    deep = "model.hidden=[32,32,32,32,32,32,32,32]"
    bad = go(deep, "model.activation=sigmoid", "diagnostics=[gradient_norm]", "trainer.max_epochs=2", folder="bad")
    assert any("gradients vanish" in s and "linear1" in s for s in bad["advice"])
    cured = [deep, "init=he", "model.norm=batch", "diagnostics=[gradient_norm]", "trainer.max_epochs=2"]
    assert go(*cured, folder="cured")["advice"] == []


def test_exploding_gradients_are_named_in_a_run(go):
    large = ["model.hidden=[64,64,64]", "init=normal", "init.std=1.0", "optimizer=sgd", "optimizer.lr=1e-9"]
    result = go(*large, "diagnostics=[gradient_norm]", "trainer.max_epochs=2")
    assert any("gradients explode" in s for s in result["advice"])
