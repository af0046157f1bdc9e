import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.model.mlp import MLP

SPEC = Spec.classification((1, 8, 8), 10)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 20), max_size=4), st.integers(1, 30), st.integers(1, 7))
def test_parameter_count(hidden, inputs, outputs):
    model = MLP(Spec.regression((inputs,), outputs), tuple(hidden))
    widths = [inputs, *hidden, outputs]
    assert sum(p.numel() for p in model.parameters()) == sum(a * b + b for a, b in itertools.pairwise(widths))


def test_output_is_that_of_the_matrices():
    model = MLP(SPEC, (5, 4), activation="tanh")
    x = torch.randn(3, 1, 8, 8)
    h = x.reshape(3, 64)
    for layer in (model.linear1, model.linear2):
        h = torch.tanh(h @ layer.weight.T + layer.bias)
    torch.testing.assert_close(model(x), h @ model.output.weight.T + model.output.bias)


def test_nothing_runs_that_does_nothing():
    model = MLP(Spec.classification((64,), 10), (8,), activation="identity")
    assert [type(m) for m in model] == [nn.Linear, nn.Linear]
    full = MLP(SPEC, (8,), norm="batch", dropout=0.2)
    assert [type(m) for m in full] == [nn.Flatten, nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout, nn.Linear]


def test_weights_fit_the_same_network_with_dropout():
    plain, dropping = MLP(SPEC, (8, 8)), MLP(SPEC, (8, 8), dropout=0.5)
    dropping.load_state_dict(plain.state_dict())
    x = torch.randn(4, 1, 8, 8)
    assert torch.equal(plain.eval()(x), dropping.eval()(x))


def test_dropout_keeps_the_expectation_and_drops_its_share():
    model = MLP(SPEC, (10_000,), dropout=0.3)
    hidden = torch.ones(1, 10_000)
    dropped = model.dropout1(hidden)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.03)
    assert dropped.max().item() == pytest.approx(1 / 0.7)


def test_dropout_without_hidden_layers_is_refused():
    with pytest.raises(ConfigError, match=r"model\.hidden"):
        MLP(SPEC, (), dropout=0.5)
