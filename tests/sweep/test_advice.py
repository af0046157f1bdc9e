from __future__ import annotations

from types import SimpleNamespace

import pytest

from runner.sweep.advice import stopped_too_early
from runner.sweep.results import best, by_point
from runner.sweep.trial import Trial


def sweep(sign, *ended):
    """A sweep whose trials ended with a status and a score."""
    trials = {
        n: Trial(n, n, n, 0, {}, [], str(n), {}, status, "epoch 1: told why", [sign * score])
        for n, (status, score) in enumerate(ended)
    }
    plan = SimpleNamespace(objectives=["val/loss"], signs=[sign])
    return SimpleNamespace(plan=plan, trials=trials, best=lambda: best(by_point(trials.values(), 1), [sign]))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_why_a_stopped_trial_with_a_better_score_is_not_the_best(sign):
    said = list(stopped_too_early(sweep(sign, ("completed", 3), ("pruned", 2), ("pruned", 1), ("pruned", 4))))
    assert said == [
        f"Trial 2 was stopped at val/loss {sign:.6g} (1 other too), better than the best one's {3 * sign:.6g}: only "
        "trials that ran to their end count. It was stopped at epoch 1: told why."
    ]
    assert list(stopped_too_early(sweep(sign, ("completed", 1), ("pruned", 2), ("failed", 0)))) == []


def test_when_no_trial_ran_to_its_end():
    (said,) = stopped_too_early(sweep(1.0, ("pruned", 2), ("pruned", 1)))
    assert said.startswith("No trial ran to its end, so none is the best.")
    assert list(stopped_too_early(sweep(1.0, ("failed", 1)))) == []
