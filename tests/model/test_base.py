import pytest
import torch
from torch import nn

from runner.init.base import function_in, gain_in
from runner.init.truncated_normal import residual_ends
from runner.model.base import Declared, Network, declared
from runner.model.layers.activation import ACTIVATIONS
from runner.model.resnet import ResNet


class Plain(nn.Module):
    """A network of one's own that knows nothing of ours."""

    takes = ("image",)
    residual_ends = ("last",)

    def __init__(self):
        super().__init__()
        self.activation, self.last = nn.Tanh(), nn.Linear(2, 2)


def test_what_a_network_does_not_declare_has_its_default():
    assert declared(nn.Linear(2, 2)) == declared(nn.Linear) == declared(lambda: None) == Declared()
    assert declared(Network()) == Declared()
    assert declared(ResNet).takes == ("image",)


def test_a_plain_module_may_declare_and_a_layer_of_such_a_name_is_none():
    plain = Plain()
    assert declared(plain) == Declared(takes=("image",), residual_ends=("last",))
    assert residual_ends(nn.Sequential(plain)) == [plain.last]
    assert function_in(plain) is ACTIVATIONS["relu"]
    plain = nn.Linear(2, 2)
    plain.activation = "tanh"
    assert gain_in(plain) == pytest.approx(5 / 3)
    plain.activation = "of-ones-own"
    assert function_in(plain) is ACTIVATIONS["relu"]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_what_its_entry_says(name):
    """Bounded, pointwise and steepest, measured on the function itself."""
    function = ACTIVATIONS[name]
    x = torch.linspace(-50, 50, 20_001, dtype=torch.float64).unsqueeze(1)
    layer = function.build().double()
    y = layer(x.requires_grad_()) if function.pointwise else layer(torch.cat([x, -x], 1))
    assert function.bounded == bool(y.abs().max() <= 1)
    assert (function.steepest is not None) == (function.bounded and function.pointwise)
    if function.steepest is not None:
        (slope,) = torch.autograd.grad(y.sum(), x)
        assert slope.max().item() == pytest.approx(function.steepest, abs=1e-4)
    if function.slope is not None:
        assert layer(torch.tensor([-1.0], dtype=torch.float64)).item() == pytest.approx(-function.slope)
    rows = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    alone = torch.cat([layer(rows[:, :1]), layer(rows[:, 1:])], 1)
    assert function.pointwise == torch.equal(layer(rows), alone)
