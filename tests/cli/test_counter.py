"""Lines that count: only on a terminal, from the second second on, at most twice a second."""

import io
import time
from types import SimpleNamespace

import pytest

from runner.cli.counter import Counter, Steps, Waiting


@pytest.fixture
def terminal(monkeypatch):
    """A standard error that is a terminal, and a clock that is set by hand."""
    screen = io.StringIO()
    monkeypatch.setattr("runner.cli.counter.sys", SimpleNamespace(stderr=screen))  # not pytest's
    screen.isatty = lambda: True
    screen.now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: screen.now)
    return screen


def test_a_counter(terminal):
    counter = Counter("predictions")
    for seconds, count in ((0.0, 0), (1.9, 100), (2.5, 5000), (2.6, 6000), (4.0, 8000)):
        terminal.now = seconds
        counter.hear(count)
    counter.tell("done\x1b[2J")
    counter.clear()
    assert terminal.getvalue() == (
        "\r5,000 predictions, 2,000 a second \r8,000 predictions, 2,000 a second \r\x1b[Kdone\\x1b[2J\n"
    )


def test_steps_of_one_thing_after_another(terminal, capsys):
    steps = Steps()
    for seconds, what, done in ((0.0, "a", 1), (2.5, "a", 2), (3.5, "b", 1), (5.0, "b", 2), (6.0, "b", 3)):
        terminal.now = seconds
        steps.hear(what, done, 1000)
    steps.tell("one\ntwo")
    assert terminal.getvalue() == "\ra: 2 of 1,000 \rb: 3 of 1,000 \r\x1b[K"
    assert capsys.readouterr().out == "one\\ntwo\n"


def test_waiting(terminal):
    with Waiting("it has 5 s") as waiting:
        terminal.now = 3.0
        waiting.show()
    assert terminal.getvalue() == "\rwaiting for 3 s; it has 5 s \r\x1b[K"


def test_nothing_where_nobody_looks(terminal):
    terminal.isatty = lambda: False
    counter = Counter("predictions")
    terminal.now = 9.0
    counter.hear(1)
    counter.clear()
    assert terminal.getvalue() == ""
