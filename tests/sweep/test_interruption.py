"""What counts as one wish to stop, and what as a second one."""

import os
import signal

import pytest

from runner.sweep import interruption
from runner.sweep.interruption import Interruption


def tell(number):
    os.kill(os.getpid(), number)


@pytest.fixture
def now(monkeypatch):
    """A clock that stands still."""
    time = [100.0]
    monkeypatch.setattr(interruption.time, "monotonic", lambda: time[0])
    return time


def test_signals_of_one_moment_are_one_wish(now):
    with Interruption() as asked:
        assert not asked.asked()
        tell(signal.SIGINT)
        now[0] += 0.1
        tell(signal.SIGTERM)
        assert asked.asked()
    assert asked.by == "SIGINT"


def test_a_later_one_breaks_in(now):
    with Interruption() as asked:
        tell(signal.SIGTERM)
        now[0] += 1.0
        with pytest.raises(KeyboardInterrupt):
            tell(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):  # once more, had it been lost
            asked.asked()


def test_work_that_nobody_loses_is_left_at_once(now):
    with Interruption(at_once=True), pytest.raises(KeyboardInterrupt):
        tell(signal.SIGINT)


def test_waiting_is_left_and_told(now):
    with Interruption() as asked:
        assert not asked.attempt(lambda: tell(signal.SIGINT))
        assert not asked.attempt(lambda: pytest.fail("somebody asked to stop"))
    before = signal.getsignal(signal.SIGINT)
    with Interruption():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
