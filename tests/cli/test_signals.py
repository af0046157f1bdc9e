"""Signals from the first import of a command to its last word."""

import random
import signal
import subprocess
import sys
import time

import pytest

from tests.faults import interrupt_anywhere as anywhere


def sent(number, cwd, when, *command):
    process = anywhere.start(list(command), cwd)
    anywhere.begun(process)
    when(process)
    process.send_signal(number)
    return process


@pytest.mark.parametrize("number", anywhere.SIGNALS)
def test_as_soon_as_it_has_begun(tmp_path, number):
    process = sent(number, tmp_path, lambda _: None, *anywhere.QUICK)
    assert anywhere.faults(process, number, tmp_path) == []
    assert process.returncode == 128 + number
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("turn", [0, *(pytest.param(turn, marks=pytest.mark.long) for turn in (1, 2))])
def test_at_any_moment(tmp_path, turn):
    draw, number = random.Random(turn), anywhere.SIGNALS[turn % 3]
    process = sent(number, tmp_path, lambda _: time.sleep(draw.uniform(0, 6)), *anywhere.QUICK)
    assert anywhere.faults(process, number, tmp_path) == []


def test_an_import_is_not_broken_into(tmp_path):
    """torch's C++ aborts the process where Python raises in what it imports."""
    (tmp_path / "slow.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nfor _ in range(10**6): pass\nprint('whole')"
    )
    program = (
        "from runner.cli import signals; signals.listen()\n"
        "try:\n import slow\n while True: pass\n"
        "except KeyboardInterrupt as error:\n print(error, signals.exit_code(error))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("whole\nSIGTERM 143\n", "")


@pytest.mark.parametrize("code", [0, 1])
def test_when_all_is_done_a_signal_changes_nothing(code):
    program = (
        "import atexit, os, signal, sys\nfrom runner.cli import signals, verbs\nsignals.listen()\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGTERM))\nverbs._leave(int(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(code)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (code, "")


def test_what_a_signal_was_replaced_by_is_not_told(monkeypatch, capsys):
    from runner.cli import signals, verbs

    def broken(_):
        raise ImportError("half a module")

    monkeypatch.setattr(verbs, "_dispatch", broken)
    monkeypatch.setattr(signals, "_heard", [int(signal.SIGTERM)])
    assert verbs.answer([]) == 143
    assert capsys.readouterr().err == "Stopped at once; what was saved before stays.\n"
