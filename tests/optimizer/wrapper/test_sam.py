"""Sharpness-aware minimization against closed forms, with accumulation, mixed precision and random draws."""

import pytest
import torch
from torch import nn

from runner.engine.device import seeder
from runner.engine.loss import Loss
from runner.engine.step import Step
from runner.engine.technique import Slot, Technique
from runner.optimizer.wrapper.sam import SAM, climb
from tests.engine.test_step import epoch
from tests.engine.test_step import make_fit as bare_fit

A = torch.tensor([[3.0, 0.5], [0.5, 1.0]], dtype=torch.float64)


class Quadratic(nn.Module):
    """``wᵀAw / 2``, whatever the input."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))

    def forward(self, x):
        return (self.w @ A @ self.w / 2).expand(len(x), 1)


def make_fit(techniques=(), **given):
    """A fit whose techniques are set up."""
    fit = bare_fit(techniques, **given)
    for technique in techniques:
        technique.setup(fit)
    return fit


class FirstOutput(Loss):
    def __call__(self, outputs, batch):
        return outputs[:, 0].mean()


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_closed_form_on_a_quadratic(adaptive, accumulate):
    """``w ← w - lr A (w + e)``, with e of the two papers."""
    fit = make_fit([SAM(0.3, adaptive)], model=Quadratic(), lr=0.05, accumulate=accumulate)
    fit.loss = FirstOutput()
    w = fit.model.w.detach().clone()
    step = Step(fit)
    for _ in range(4):
        for update in fit.train.updates(0):
            results = step.gradients(update)
            assert float(results[0].loss) == pytest.approx(float(w @ A @ w / 2))  # of the weights, not of those uphill
            step.apply(want_norm=False)
            g = A @ w
            scale = w.abs() if adaptive else torch.ones(2, dtype=torch.float64)
            e = 0.3 * scale**2 * g / (scale * g).norm()
            w = w - 0.05 * A @ (w + e)
            torch.testing.assert_close(fit.model.w.detach(), w)


def test_the_step_uphill_is_as_long_as_said_whatever_the_scale_of_the_loss():
    weights, gradients = [torch.randn(3, 2), torch.randn(4)], [torch.randn(3, 2), torch.randn(4)]
    for adaptive in (False, True):
        step = climb(weights, gradients, 0.7, adaptive)
        flat = torch.cat([(e / w.abs() if adaptive else e).flatten() for e, w in zip(step, weights)])
        assert float(flat.norm()) == pytest.approx(0.7, rel=1e-5)
        scaled = climb(weights, [1024 * g for g in gradients], 0.7, adaptive)
        for a, b in zip(step, scaled):
            torch.testing.assert_close(a, b)
    assert all((e == 0).all() for e in climb([torch.ones(2)], [torch.zeros(2)], 0.7, False))


def test_accumulated_parts_equal_one_large_batch():
    """22 examples in parts of 4: the last is short. All parts share one step uphill, that of the whole update."""
    small = epoch(make_fit([SAM()], batch=4, accumulate=3))
    large = epoch(make_fit([SAM()], batch=12))
    plain = epoch(make_fit(batch=12))
    for a, b, c in zip(small, large, plain):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)
        assert not torch.allclose(a, c, rtol=0, atol=1e-5)


def test_loss_scaling_changes_nothing():
    scaled = epoch(make_fit([SAM()], precision="fp16"))
    plain = epoch(make_fit([SAM()]))
    for a, b in zip(scaled, plain):
        torch.testing.assert_close(a, b, rtol=0, atol=2e-3)


def test_an_overflow_in_fp16_leaves_the_weights_where_they_were():
    fit = make_fit([SAM()], precision="fp16")
    fit.precision.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**120)
    before = [p.detach().clone() for p in fit.model.parameters()]
    step = Step(fit)
    step.gradients(next(iter(fit.train.updates(0))))
    step.apply(want_norm=False)
    assert fit.state.skipped == 1
    assert all(torch.equal(p.detach(), b) for p, b in zip(fit.model.parameters(), before))


class Noise(Technique):
    """Random inputs; remembers what it gave."""

    slot = Slot.NOISE

    def __init__(self):
        self.given = []

    def on_batch(self, batch):
        self.given.append(batch.inputs + torch.randn(batch.inputs.shape))
        return batch.changed(self.given[-1])


def test_both_passes_draw_alike_and_updates_differ():
    noise = Noise()
    fit = make_fit([SAM(), noise])
    step, seed = Step(fit), seeder(fit.device)
    for _ in range(2):
        seed(fit.state.step_seed())  # as the loop does before every update
        step.gradients(next(iter(fit.train.updates(0))))
        fit.state.advance()
    one, again, other, other_again = noise.given
    assert torch.equal(one, again)
    assert torch.equal(other, other_again)
    assert not torch.equal(one, other)


def test_batch_norm_keeps_the_statistics_of_the_first_pass():
    def network():
        return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))

    found = []
    for techniques in ([SAM(rho=5.0)], []):
        torch.manual_seed(0)
        fit = make_fit(techniques, model=network())
        Step(fit).gradients(next(iter(fit.train.updates(0))))
        found.append(fit.model[1])
    assert int(found[0].num_batches_tracked) == 1
    assert torch.equal(found[0].running_mean, found[1].running_mean)


def test_frozen_parameters_are_left_alone():
    fit = make_fit([SAM(rho=1.0)])
    first = next(fit.model.parameters())
    first.requires_grad_(False)
    before = first.detach().clone()
    epoch(fit)
    assert torch.equal(first, before)
