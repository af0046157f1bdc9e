import pytest
import torch
from torch import nn

from runner.engine.spec import Spec
from runner.init.dirac import Dirac
from runner.model.cnn import CNN


@pytest.mark.parametrize("kind", [nn.Conv1d, nn.Conv2d, nn.Conv3d])
@pytest.mark.parametrize(("inputs", "outputs"), [(6, 6), (6, 4)])
def test_with_no_more_outputs_than_inputs_it_is_torchs(kind, inputs, outputs):
    layer = kind(inputs, outputs, 3)
    theirs = nn.init.dirac_(torch.empty_like(layer.weight))
    Dirac()(layer)
    assert torch.equal(layer.weight, theirs)
    assert layer.bias.count_nonzero() == 0


def test_inputs_are_passed_on_and_repeated():
    layer = nn.Conv2d(3, 7, 5, padding=2)
    Dirac()(layer)
    x = torch.randn(2, 3, 9, 8)
    assert torch.equal(layer(x), x[:, [0, 1, 2, 0, 1, 2, 0]])


def test_dense_layers_stay_and_no_channel_is_dead():
    torch.manual_seed(0)
    net = CNN(Spec.classification((1, 8, 8), 10), norm="none")
    before = net.linear1.weight.clone(), net.linear1.bias.clone()
    Dirac()(net)
    assert torch.equal(net.linear1.weight, before[0])
    assert torch.equal(net.linear1.bias, before[1])
    net(torch.rand(4, 1, 8, 8)).square().sum().backward()
    assert (net.conv1.weight.grad.flatten(1).abs().sum(1) > 0).all()
