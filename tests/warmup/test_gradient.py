"""The warm-up that waits for steady gradients, against the linear one and against its rule written out."""

import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.schedule import LearningRate, Plan
from runner.engine.step import Step
from runner.scheduler.cosine import Cosine
from runner.warmup.gradient import Gradient, relative_variance
from runner.warmup.linear import Linear
from tests.engine.test_step import make_fit

PLAN = Plan(updates_per_epoch=20, epochs=10, total=200)


def rates(warmup, norms, plan=PLAN):
    """The rate of every update, the warm-up hearing these norms as long as it wants."""
    rate = LearningRate(Cosine(eta_min=0.0), warmup, plan, 0.1)
    found = []
    for step, norm in enumerate(norms):
        found.append(rate(step, 0.1))
        if warmup.hears_norms:
            warmup.on_gradient_norm(torch.tensor(norm))
    return found


def test_with_steady_gradients_it_is_the_linear_warm_up():
    linear = LearningRate(Cosine(eta_min=0.0), Linear(steps=45), PLAN, 0.1)
    assert rates(Gradient(steps=45), [2.0] * 200) == [linear(step, 0.1) for step in range(200)]


@given(
    norms=st.lists(st.sampled_from([0.5, 1.0, 3.0, 9.0, float("inf"), float("nan")]), min_size=1, max_size=200),
    length=st.integers(1, 60),
    window=st.integers(2, 7),
    bound=st.sampled_from([0.05, 0.25, 1.0]),
)
@settings(max_examples=200, deadline=None)
def test_the_rule_written_out(norms, length, window, bound):
    found = rates(Gradient(steps=length, bound=bound, window=window), norms)
    behind = Cosine(eta_min=0.0)
    behind.bind(200 - length, 0.1)
    risen, rising = 0, True
    for step, rate in enumerate(found):
        target = behind.lr(max(0, step - length), 0.1)
        assert rate == pytest.approx(target * (0.01 + 0.99 * min(1.0, risen / length)), rel=1e-12)
        risen += rising and risen < length
        if (step + 1) % window == 0:
            last = norms[step + 1 - window : step + 1]
            mean = sum(last) / window
            rising = sum((n - mean) ** 2 for n in last) / window / mean**2 < bound


def test_relative_variance():
    norms = [1.0, 2.0, 6.0]
    assert relative_variance(norms) == pytest.approx(statistics.pvariance(norms) / 9)
    assert relative_variance([5 * n for n in norms]) == pytest.approx(relative_variance(norms))
    assert relative_variance([0.0, 0.0]) == 0.0


@given(cut=st.integers(0, 60), seed=st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_goes_on_from_its_state(cut, seed):
    generator = torch.Generator().manual_seed(seed)
    norms = torch.rand(60, generator=generator).mul(3).tolist()
    whole, first, second = (Gradient(steps=30, window=4) for _ in range(3))
    expected = rates(whole, norms)
    assert rates(first, norms[:cut]) == expected[:cut]
    second.load_state_dict(first.state_dict())
    rate = LearningRate(Cosine(eta_min=0.0), second, PLAN, 0.1)
    for step in range(cut, 60):
        assert rate(step, 0.1) == expected[step]
        if second.hears_norms:
            second.on_gradient_norm(torch.tensor(norms[step]))


@pytest.mark.parametrize("settings_", [{}, {"clip_norm": 1e-3}, {"precision": "fp16"}, {"on_nonfinite": "skip"}])
def test_hears_the_norm_before_clipping_and_without_scaling_and_stops_when_it_is_over(settings_):
    class Hearing(Gradient):
        def __init__(self):
            super().__init__(steps=4)
            self.heard = []

        def on_gradient_norm(self, norm):
            self.heard.append(float(norm))
            super().on_gradient_norm(norm)

    fit = make_fit(**settings_)
    fit.learning_rate.warmup = warmup = Hearing()
    fit.learning_rate.warmup_steps = 4
    step = Step(fit)
    for update in fit.train.updates(0):
        step.set_rates()
        step.gradients(update)
        scale = fit.precision.scaler.get_scale() if fit.precision.scaler else 1.0
        expected = torch.cat([p.grad.flatten() for p in fit.model.parameters()]).norm() / scale
        step.apply(want_norm=False)
        fit.state.advance()
        if len(warmup.heard) == fit.state.step:
            assert warmup.heard[-1] == pytest.approx(float(expected), rel=1e-4)
    assert fit.state.step == 6
    assert len(warmup.heard) == 4


def test_its_picture_is_that_of_steady_gradients(tmp_path, monkeypatch):
    from runner.plots import draw

    monkeypatch.chdir(tmp_path)
    pictures = [dict(draw("warmup", name, ["warmup.epochs=2"])[1]) for name in ("gradient", "linear")]
    assert pictures[0] == pictures[1]
