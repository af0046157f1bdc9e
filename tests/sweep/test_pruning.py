from __future__ import annotations

import math

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.engine.monitor import Monitor
from runner.errors import ConfigError
from runner.sweep.pruning import Asha, Curve, Hyperband, Median, Patient, Threshold

curves = st.lists(st.lists(st.floats(-5, 5) | st.just(math.nan), min_size=1, max_size=8), min_size=2, max_size=9)


def told(lists):
    """Curves and the Optuna study with the same ones: the last is running, the others are complete."""
    study = optuna.create_study()
    ours = {}
    for number, scores in enumerate(lists):
        trial = study.ask()
        for epoch, value in enumerate(scores, start=1):
            trial.report(value, epoch)
        last = number == len(lists) - 1
        ours[number] = Curve(dict(enumerate(scores, start=1)), completed=not last)
        if not last:
            study.tell(trial, 0.0)
    return ours, study, study.get_trials()[-1]


@given(curves, st.integers(1, 4), st.integers(0, 3))
def test_median_is_optunas(lists, startup, warmup):
    ours, study, trial = told(lists)
    if all(math.isnan(v) for v in lists[-1]):
        return  # Optuna stops what has no number yet at once; ours waits for the engine's own verdict
    theirs = optuna.pruners.MedianPruner(startup, warmup + 1).prune(study, trial)
    got = Median(startup, warmup).judge(ours, len(lists) - 1, len(lists[-1]))
    assert (got is not None) == theirs


@given(st.lists(st.floats(-5, 5) | st.just(math.nan), min_size=1, max_size=12), st.integers(1, 5), st.floats(0, 2))
def test_patient_is_early_stopping(scores, patience, delta):
    monitor = Monitor("val/loss", "min", delta)
    stopped = False
    for epoch, score in enumerate(scores, start=1):
        monitor.update(score, epoch)
        stopped = epoch - (monitor.best_epoch or 0) >= patience
    curve = {0: Curve(dict(enumerate(scores, start=1)))}
    assert (Patient(patience, delta).judge(curve, 0, len(scores)) is not None) == stopped


@given(st.floats(-5, 5) | st.just(math.nan), st.sampled_from([1.0, -1.0]))
def test_threshold_is_optunas(score, sign):
    study = optuna.create_study()
    trial = study.ask()
    trial.report(score, 1)
    theirs = optuna.pruners.ThresholdPruner(lower=-1, upper=2).prune(study, study.get_trials()[-1])
    pruner = Threshold(-1, 2)
    pruner.sign = sign
    assert (pruner.judge({0: Curve({1: sign * score})}, 0, 1) is not None) == theirs


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_reasons_name_the_score_itself(sign):
    seen = {n: Curve({1: sign * score}, completed=True) for n, score in enumerate([0.25, 0.5, 0.75])}
    seen[3] = Curve({1: sign * (0.5 + 0.5 * sign)})
    for pruner in (Median(3), Asha(1, 2), Threshold(0.25, 0.75)):
        pruner.sign = sign
        reason = pruner.judge(seen, 3, 1)
        assert "-" not in reason
        assert f"{0.5 + 0.5 * sign:.4g}" in reason


def run_asha(pruner, scores, epochs):
    """A cluster of one machine: promote where possible, else start the next; gives epochs trained by each trial."""
    seen: dict[int, Curve] = {}
    waiting = list(range(len(scores)))
    while True:
        number = pruner.promotable(seen)
        if number is None:
            if not waiting:
                return {n: max(c.scores) for n, c in seen.items()}
            number = waiting.pop(0)
            seen[number] = Curve()
        curve = seen[number]
        curve.paused_at = None
        for epoch in range(max(curve.scores, default=0) + 1, epochs + 1):
            curve.scores[epoch] = scores[number]
            if pruner.judge(seen, number, epoch):
                curve.paused_at = epoch
                break
        curve.completed = curve.paused_at is None


@given(st.permutations(range(27)))
def test_asha_promotes_the_best_third_at_every_rung(scores):
    # Whatever the order, the true best third is promoted in the end; others only where they once seemed to belong.
    trained = run_asha(Asha(1, 3, 27), scores, 27)
    by_score = sorted(range(27), key=lambda n: scores[n])
    assert trained[by_score[0]] == 27
    assert all(trained[n] >= 3 for n in by_score[:9])
    assert all(trained[n] >= 9 for n in by_score[:3])


def test_asha_in_order_is_successive_halving():
    trained = run_asha(Asha(1, 3, 27), list(range(27)), 27)
    # 27 at epoch 1, the best 9 to epoch 3, the best 3 to 9, the best 1 to 27: Li et al. 2020, table 1
    assert sorted(trained.values(), reverse=True) == [27] + [9] * 2 + [3] * 6 + [1] * 18
    assert [trained[n] for n in range(9)] == [27, 9, 9, 3, 3, 3, 3, 3, 3]


def test_asha_says_where_a_trial_stands():
    seen = {n: Curve({3: score}) for n, score in enumerate([0.25, 0.5, 0.125])}
    assert Asha(3, 3).judge(seen, 0, 3) == "epoch 3: 0.25 is place 2 of 3 there, and the best 1 in 3 go on"


def test_asha_puts_nan_last():
    reached = {n: Curve({1: v}) for n, v in enumerate([math.nan, 0.1, 0.2])}
    assert Asha(1, 3).judge(reached, 0, 1)
    assert Asha(1, 3).judge(reached, 1, 1) is None


def test_hyperband_has_the_papers_brackets():
    # Li et al. 2018, table 1: R = 81, eta = 3 starts 81, 34, 15, 8 and 5 configurations at 1, 3, 9, 27 and 81 epochs.
    band = Hyperband(1, 3, 81)
    assert band.shares == [81, 34, 15, 8, 5]
    cycle = [band.first_rung(n) for n in range(143)]
    assert [cycle.count(r) for r in (1, 3, 9, 27, 81)] == [81, 34, 15, 8, 5]
    assert band.rungs(0, 81) == [1, 3, 9, 27]
    assert band.rungs(142, 81) == []
    with pytest.raises(ConfigError, match="length of a whole trial"):
        Hyperband()
