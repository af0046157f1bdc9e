import pytest
import torch
from torch import nn

from runner.diagnostics.gradient_check import GradientCheck, central_difference, relative_error
from runner.engine.progress import Progress
from runner.errors import RunFailed


class Cube(torch.autograd.Function):
    """x³, whose slope is taken to be `wrong` times 3x²."""

    @staticmethod
    def forward(ctx, x, wrong):
        ctx.save_for_backward(x)
        ctx.wrong = wrong
        return x**3

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * 3 * x**2 * ctx.wrong, None


class Layer(nn.Module):
    def __init__(self, wrong):
        super().__init__()
        self.wrong = wrong

    def forward(self, x):
        return Cube.apply(x, self.wrong)


def network(wrong=1.0):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), Layer(wrong), nn.Dropout(0.5), nn.Linear(8, 3))


def check(fit, model, **settings):
    torch.manual_seed(1)
    GradientCheck(**settings).setup(fit(model, torch.randn(32, 5), torch.randint(3, (32,))))


def test_central_difference_by_hand():
    point = torch.tensor([2.0, -1.0], dtype=torch.float64)
    function = lambda: float(point[0] ** 3 + point[1])  # noqa: E731
    direction = torch.tensor([1.0, 1.0], dtype=torch.float64)
    assert central_difference(function, point, direction, 1e-5) == pytest.approx(13.0, rel=1e-8)
    assert point.tolist() == [2.0, -1.0]
    assert relative_error(1.0, 0.9) == pytest.approx(0.1)
    assert relative_error(1e-12, -1e-12) == 0.0


def test_right_gradients_pass_and_nothing_is_changed(fit):
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.manual_seed(3)
    check(fit, model)
    torch.manual_seed(1)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert next(model.parameters()).dtype == torch.float32


def test_a_check_that_passed_says_so(fit):
    class Heard(Progress):
        said = ""

        def message(self, text):
            self.said += text

    heard, model = Heard(), network()
    GradientCheck().setup(fit(model, torch.randn(32, 5), torch.randint(3, (32,)), progress=heard))
    assert f"{len(list(model.parameters()))} parameters agree" in heard.said


@pytest.mark.parametrize("wrong", [1.01, 0.0, -1.0])
def test_a_planted_wrong_backward_is_caught_and_named(fit, wrong):
    with pytest.raises(RunFailed, match=r"the gradient of (0\.weight|0\.bias|1\.weight|1\.bias) is wrong"):
        check(fit, network(wrong))
    check(fit, network(1.000001))


def test_the_generator_is_left_alone(fit):
    torch.manual_seed(1)
    expected = (torch.randn(32, 5), torch.randint(3, (32,)), torch.rand(1))[2]
    check(fit, network())
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    "choices",
    [
        ["model=mlp", "model.activation=gelu", "model.dropout=0.5"],
        ["model=cnn", "model.channels=[4,4]", "model.head=[8]", "loss.weight=balanced", "loss=cross_entropy"],
        ["data=diabetes", "loss=huber"],
        ["data=breast_cancer", "loss=binary_cross_entropy", "loss.pos_weight=2.0"],
    ],
)
def test_our_own_networks_and_losses_pass(go, choices):
    result = go(*choices, "diagnostics=[gradient_check]", "trainer.max_steps=1")
    assert result["status"] == "completed"
