"""Lookahead against its algorithm on a quadratic."""

import pytest
import torch

from runner.engine.step import Step
from runner.errors import ConfigError
from runner.optimizer.wrapper.lookahead import Lookahead
from tests.optimizer.wrapper.test_sam import A, FirstOutput, Quadratic, make_fit


@pytest.mark.parametrize(("k", "alpha"), [(5, 0.5), (1, 0.3), (3, 1.0), (4, 0.8)])
def test_closed_form_on_a_quadratic(k, alpha):
    """Zhang et al. 2019, algorithm 1, around gradient descent."""
    fit = make_fit([Lookahead(k, alpha)], model=Quadratic(), lr=0.1)
    fit.loss = FirstOutput()
    step = Step(fit)
    fast = slow = fit.model.w.detach().clone()
    count = 0
    for _ in range(4):
        for update in fit.train.updates(0):
            step.gradients(update)
            step.apply(want_norm=False)
            count += 1
            fast = fast - 0.1 * A @ fast
            if count % k == 0:
                slow = fast = slow + alpha * (fast - slow)
            torch.testing.assert_close(fit.model.w.detach(), fast)
            before = fit.model.w.detach().clone()
            with fit.evaluating():
                torch.testing.assert_close(fit.model.w.detach(), slow)
            assert torch.equal(fit.model.w, before)
    assert count == 24


def test_goes_on_from_its_state():
    first, second = Lookahead(k=3), Lookahead(k=3)
    fit, _ = make_fit([first]), make_fit([second])
    step = Step(fit)
    for update in fit.train.updates(0):
        step.gradients(update)
        step.apply(want_norm=False)
    second.load_state_dict(first.state_dict())
    assert second.updates == 6
    for a, b in zip(first.slow, second.slow):
        assert torch.equal(a, b)
        assert a is not b


@pytest.mark.parametrize("other", ["optimizer/wrapper=lookahead", "regularization=[max_norm]"])
def test_moving_weights_that_an_average_follows_from_is_refused(go, other):
    with pytest.raises(ConfigError, match="can't be combined with a schedule-free optimizer"):
        go("optimizer=schedule_free_sgd", other)
