import logging
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.fit import Best, Fit
from runner.engine.monitor import Monitor
from runner.engine.progress import Progress
from runner.errors import ConfigError
from runner.regularization.early_stopping import EarlyStopping


def stopping(**given):
    technique = EarlyStopping(**given)
    fit = object.__new__(Fit)  # only what is asked for
    fit.directions = {"val/loss": "min", "val/accuracy": "max"}
    fit.best, fit.progress = Best(Monitor("val/loss", "min")), Progress()
    technique.setup(fit)
    return technique


def epochs_run(technique, scores, name="val/loss", first=1):
    """The epoch that stops the run, or None."""
    for epoch, score in enumerate(scores, start=first):
        if technique.on_epoch_end(epoch, {name: score}) is not None:
            return epoch
    return None


def keras_stop(scores, patience, min_delta, baseline, start_from_epoch, sign):
    """The epoch (from 1) that stops the run and the best epoch, from the documentation of Keras' EarlyStopping.

    `patience`: epochs with no improvement after which training is stopped; `min_delta`: a smaller change is no
    improvement; `baseline`: training stops unless it is improved on; `start_from_epoch`: epochs to wait before
    monitoring. From its code: an epoch that is the best never stops, neither does the first.
    """
    best, best_epoch, stale = math.inf, None, 0
    for epoch, score in enumerate(scores, start=1):
        if epoch <= start_from_epoch:
            continue
        value = sign * score
        stale += 1
        if value + min_delta < best:
            best, best_epoch = value, epoch
            if baseline is None or value + min_delta < sign * baseline:
                stale = 0
        elif stale >= patience and epoch > 1:
            return epoch, best_epoch
    return None, best_epoch


# Multiples of 1/64, so that no comparison depends on rounding.
SCORES = st.lists(st.one_of(st.integers(0, 64).map(lambda n: n / 64), st.just(math.nan)), max_size=30)


@given(
    scores=SCORES,
    patience=st.integers(0, 4),
    min_delta=st.sampled_from([0.0, 1 / 64, 0.25]),
    baseline=st.sampled_from([None, 0.5, 0.1]),
    start_from_epoch=st.integers(0, 4),
    score=st.sampled_from([("val/loss", 1), ("val/accuracy", -1)]),
)
@settings(max_examples=500, deadline=None)
def test_value_by_value_as_keras(scores, patience, min_delta, baseline, start_from_epoch, score):
    name, sign = score
    given = {"patience": patience, "min_delta": min_delta, "baseline": baseline, "start_from_epoch": start_from_epoch}
    technique = stopping(monitor=name, **given)
    stop = epochs_run(technique, scores, name)
    assert (stop, technique.best.best_epoch) == keras_stop(scores, sign=sign, **given)


def test_kerass_example_runs_four_epochs():
    assert epochs_run(stopping(patience=3), [1.0, 1.5, 1.4, 1.3, 1.2]) == 4


def test_an_improvement_starts_the_count_anew():
    assert epochs_run(stopping(patience=2), [1.0, 1.1, 0.9, 1.0, 0.95, 0.8]) == 5


def test_baseline_not_beaten():
    technique = stopping(monitor="val/accuracy", patience=3, baseline=0.9)
    assert epochs_run(technique, [0.1, 0.2, 0.3, 0.3], "val/accuracy") == 4
    assert technique.best.best_epoch == 3


def test_first_epochs_left_out():
    assert epochs_run(stopping(patience=2, start_from_epoch=3), [0.1, 0.2, 0.3, 0.9, 0.95, 0.99]) == 6


def test_nan_is_no_improvement():
    assert epochs_run(stopping(patience=2), [math.nan] * 5) == 2


def test_epochs_without_the_score_are_passed_over():
    technique = stopping(patience=1)
    assert technique.on_epoch_end(1, {"val/loss": 1.0}) is None
    assert technique.on_epoch_end(2, {"train/loss": 1.0}) is None
    assert technique.on_epoch_end(3, {"val/loss": 1.0}) is not None


def test_reasons():
    technique = stopping(patience=2)
    reasons = [technique.on_epoch_end(e, {"val/loss": s}) for e, s in enumerate([0.5, 0.25, 0.3, 0.3], start=1)]
    assert reasons == [None, None, None, "val/loss has not improved for 2 epochs (best 0.25 in epoch 2)"]
    technique = stopping(patience=1, baseline=0.1)
    assert [technique.on_epoch_end(e, {"val/loss": 0.5}) for e in (1, 2)] == [
        None,
        "val/loss did not beat the baseline 0.1 within 2 epochs",
    ]
    technique = stopping(patience=1)
    assert technique.on_epoch_end(1, {"val/loss": math.nan}) is None
    assert technique.on_epoch_end(2, {"val/loss": math.nan}) == "val/loss was no number for 2 epochs"


@given(scores=SCORES, cut=st.integers(0, 30))
@settings(max_examples=100, deadline=None)
def test_goes_on_from_its_state(scores, cut):
    given = {"patience": 3, "baseline": 0.4}
    expected = epochs_run(stopping(**given), scores)
    first = stopping(**given)
    stopped = epochs_run(first, scores[:cut])
    second = stopping(**given)
    second.load_state_dict(first.state_dict())
    assert expected == (stopped or epochs_run(second, scores[cut:], first=cut + 1))


def test_verbose_logs_stale_epochs(caplog):
    caplog.set_level(logging.INFO)
    epochs_run(stopping(patience=3), [0.5, 0.6])
    assert not caplog.records
    epochs_run(stopping(patience=3, verbose=1), [0.5, 0.6])
    assert [record.getMessage() for record in caplog.records] == ["val/loss 0.6: no improvement for 1 of 3 epochs"]


def test_unknown_score():
    with pytest.raises(ConfigError, match=r"early_stopping.monitor=val/los: .*Did you mean 'val/loss'"):
        stopping(monitor="val/los")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["monitor=val/accuracy"], False),
        (["regularization.early_stopping.monitor=val_loss"], False),
        (["regularization.early_stopping.monitor=val/accuracy"], True),
        (["regularization.early_stopping.mode=max"], True),
        (
            ["regularization.early_stopping.mode=max", "regularization.early_stopping.restore_best_weights=false"],
            False,
        ),
    ],
)
def test_weights_kept_by_another_score_are_told_of(go, overrides, said):
    messages = []

    class Hear(Progress):
        def message(self, text):
            messages.append(text)

    common = ["data=iris", "regularization=[early_stopping]", "trainer.max_steps=1"]
    go(*common, *overrides, progress=Hear())
    assert any(text.startswith("early_stopping follows") for text in messages) == said
