import pytest
import torch
from torch import nn

from runner.init.he_normal import HeNormal
from runner.init.orthogonal import Orthogonal
from runner.init.xavier_normal import XavierNormal

CELLS = {nn.RNN: 1, nn.LSTM: 4, nn.GRU: 3}


@pytest.mark.parametrize("cell", CELLS)
def test_every_gate_is_orthogonal_by_itself(cell):
    layer = cell(20, 32, 2, bidirectional=True)
    Orthogonal()(layer)
    for name, parameter in layer.named_parameters():
        if "bias" in name:
            assert parameter.count_nonzero() == 0
        elif "weight_hh" in name:
            gates = parameter.split(32)
            assert len(gates) == CELLS[cell]
            for gate in gates:
                torch.testing.assert_close(gate @ gate.T, torch.eye(32), atol=1e-5, rtol=0)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("init", "variance"), [(HeNormal, lambda fan_in: 1 / fan_in), (XavierNormal, lambda fan_in: 2 / (fan_in + 400))]
)
def test_fans_are_those_of_a_gate_and_the_gain_is_one(cell, init, variance):
    torch.manual_seed(0)
    layer = cell(1000, 400)
    layer.activation = "tanh"
    init()(layer)
    for gate in layer.weight_ih_l0.split(400):
        assert gate.var().item() == pytest.approx(variance(1000), rel=0.02)
    for gate in layer.weight_hh_l0.split(400):
        assert gate.var().item() == pytest.approx(variance(400), rel=0.02)
