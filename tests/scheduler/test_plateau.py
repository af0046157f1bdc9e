import math
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.fit import Fit
from runner.errors import ConfigError
from runner.scheduler.plateau import Plateau


def plateau(**given: Any) -> Plateau:
    schedule = Plateau(**given)
    fit = object.__new__(Fit)  # only what is asked for
    fit.directions = {"val/loss": "min", "val/accuracy": "max"}
    schedule.setup(fit)
    return schedule


def rates(schedule: Plateau, scores: list[float], base_lr: float = 1.0, name: str = "val/loss") -> list[float]:
    found = []
    for t, score in enumerate(scores):
        schedule.on_epoch_end({name: score, "train/loss": 0.0})
        found.append(schedule.lr(t + 1, base_lr))
    return found


def keras_rates(scores, base_lr, factor, patience, min_lr, cooldown, min_delta, sign):
    """The rate after each epoch, from the documentation of keras.callbacks.ReduceLROnPlateau.

    `patience`: epochs with no improvement after which the rate is reduced; `cooldown`: epochs to wait before resuming
    normal operation; `min_delta`: threshold for measuring the new optimum; `min_lr`: lower bound.
    """
    k = SimpleNamespace(lr=base_lr, best=math.inf, stale=0, rest=0)
    for score in scores:
        k.rest = max(0, k.rest - 1) if k.rest else 0
        better = sign * score < k.best - min_delta
        if better:
            k.best = sign * score
        k.stale = 0 if better or k.rest else k.stale + 1
        if k.stale and k.stale >= patience and k.lr > min_lr:
            k.lr = max(k.lr * factor, min_lr)
            k.stale, k.rest = 0, cooldown
        yield k.lr


# Multiples of 1/64, so that no comparison depends on rounding.
SCORES = st.lists(st.one_of(st.integers(0, 64).map(lambda n: n / 64), st.just(math.nan)), max_size=40)


@given(
    scores=SCORES,
    patience=st.integers(0, 4),
    cooldown=st.integers(0, 4),
    min_lr=st.sampled_from([0.0, 0.1, 0.3]),
    min_delta=st.sampled_from([0.0, 1 / 64, 0.25]),
    score=st.sampled_from([("val/loss", 1), ("val/accuracy", -1)]),
)
@settings(max_examples=400, deadline=None)
def test_value_by_value_as_keras(scores, patience, cooldown, min_lr, min_delta, score):
    name, sign = score
    given = {"patience": patience, "cooldown": cooldown, "min_lr": min_lr, "min_delta": min_delta, "factor": 0.5}
    ours = rates(plateau(monitor=name, **given), scores, 1.0, name)
    assert ours == pytest.approx(list(keras_rates(scores, 1.0, sign=sign, **given)))


def test_fires_when_patience_is_reached():
    schedule = plateau(patience=2, factor=0.5)
    assert rates(schedule, [1.0, 1.0, 1.0, 1.0, 1.0]) == [1.0, 1.0, 0.5, 0.5, 0.25]


def test_cooldown_does_not_count():
    schedule = plateau(patience=2, cooldown=2)
    # The last epoch of the cooldown is already an ordinary one: Keras lowers its counter before it judges the epoch.
    assert rates(schedule, [1.0] * 8) == [1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]


def test_a_gain_within_min_delta_is_none():
    assert rates(plateau(patience=1, min_delta=0.25), [1.0, 0.75, 0.5]) == [1.0, 0.5, 0.5]


def test_never_below_min_lr_and_no_rise_to_it():
    schedule = plateau(patience=1, min_lr=0.3)
    assert rates(schedule, [1.0] * 4) == [1.0, 0.5, 0.3, 0.3]
    assert schedule.lr(4, 0.1) == 0.1


def test_epochs_without_the_score_are_passed_over():
    schedule = plateau(patience=2)
    for scores in ({"val/loss": 1.0}, {"val/loss": 1.0}, {}, {"train/loss": 5.0}):
        schedule.on_epoch_end(scores)
    assert schedule.lr(4, 1.0) == 1.0
    schedule.on_epoch_end({"val/loss": 1.0})
    assert schedule.lr(5, 1.0) == 0.5


@given(scores=SCORES, cut=st.integers(0, 40))
@settings(max_examples=100, deadline=None)
def test_goes_on_from_its_state(scores, cut):
    given = {"patience": 2, "cooldown": 1}
    whole = rates(plateau(**given), scores)
    first = plateau(**given)
    head = rates(first, scores[:cut])
    second = plateau(**given)
    second.load_state_dict(first.state_dict())
    assert head + rates(second, scores[cut:]) == whole


def test_direction_is_the_metrics_unless_told():
    assert plateau(monitor="val_accuracy").plateau.best.direction == "max"
    assert plateau(monitor="val/accuracy", mode="min").plateau.best.direction == "min"
    with pytest.raises(ConfigError, match=r"scheduler.monitor=val/acuracy.*Did you mean 'val/accuracy'"):
        plateau(monitor="val/acuracy")
