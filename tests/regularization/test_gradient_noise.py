import math

import pytest
import torch
from torch import nn

from runner.engine.state import TrainState
from runner.regularization.gradient_noise import GradientNoise, noise_std


def test_fades_as_in_the_paper():
    assert noise_std(0, 0.3, 0.55) == pytest.approx(math.sqrt(0.3))
    assert [noise_std(t, 1.0, 0.55) ** 2 for t in (1, 9, 99)] == pytest.approx([2**-0.55, 10**-0.55, 100**-0.55])


@pytest.mark.parametrize("step", [0, 99])
def test_noise_has_the_mean_and_variance_it_should(fit, step):
    torch.manual_seed(0)
    model = nn.Linear(500, 400)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.weight.grad = torch.full_like(model.weight, 2.0)  # the bias has none, as if it were frozen
    technique = GradientNoise(eta=0.3)
    technique.setup(fit(state=TrainState(0, step=step), optimizer=optimizer))
    technique.before_step()
    noise = model.weight.grad - 2.0
    assert noise.var().item() == pytest.approx(0.3 / (1 + step) ** 0.55, rel=0.02)
    assert abs(noise.mean().item()) < 5 * noise_std(step, 0.3, 0.55) / math.sqrt(noise.numel())
    assert model.bias.grad is None
