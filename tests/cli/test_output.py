"""Output that nobody takes: a closed pipe, a full device, no standard output at all, a terminal that is closed."""

import io
import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from runner import streams
from runner.streams import dropped_when_gone

COMMAND = ("data=iris", "model.hidden=[8]", "trainer.images=0", "trainer.threads=1", "hydra.run.dir=run")


def shell(line, cwd):
    """A line of bash; `R` is the program."""
    program = f"R() {{ {sys.executable} -m runner \"$@\"; }}; C='{' '.join(COMMAND)}'; "
    return subprocess.run(["bash", "-c", program + line], cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_a_training_goes_on_when_its_reader_has_gone(tmp_path):
    done = shell("R $C trainer.max_epochs=300 | head -1; echo ${PIPESTATUS[0]}", tmp_path)
    assert done.stdout.splitlines()[1:] == ["0"]
    assert (done.stderr, len((tmp_path / "run/metrics.jsonl").read_text().splitlines())) == ("", 300)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("to", "said"),
    [(">/dev/full", "Not all could be printed: No space left on device.\n"), (">&-", ""), ("<&- >&-", "")],
)
def test_or_when_there_never_was_one(tmp_path, to, said):
    done = shell(f"R $C trainer.max_epochs=20 {to}", tmp_path)
    assert (done.returncode, done.stderr) == (0, said)
    assert (tmp_path / "run/result.json").exists()


def test_a_list_ends_quietly_where_its_reader_has_gone_and_fails_on_a_full_device(tmp_path):
    done = shell("R list | head -1; echo ${PIPESTATUS[0]}", tmp_path)
    assert (done.stdout.splitlines()[1:], done.stderr) == (["0"], "")
    done = shell("R list model >/dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (1, "error: standard output: No space left on device.\n")


def test_a_complaint_that_nobody_reads_changes_no_exit_status(tmp_path):
    done = shell("R nonsense 2>&1 >/dev/null | :; echo ${PIPESTATUS[0]}; R nonsense 2>&-; echo $?", tmp_path)
    assert done.stdout.split() == ["2", "2"]


@pytest.mark.slow
def test_a_terminal_that_is_closed_saves_the_run(tmp_path):
    process, terminal = pty.fork()
    if not process:
        os.chdir(tmp_path)
        endless = ("trainer.max_epochs=1000000", "trainer.checkpoint.every_seconds=0.1")
        os.execv(sys.executable, [sys.executable, "-m", "runner", *COMMAND, *endless])
    while not (tmp_path / "run/checkpoints/last.pt").exists():
        time.sleep(0.02)
        os.read(terminal, 1 << 16)
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    assert '"interrupted"' in (tmp_path / "run/result.json").read_text()


def test_what_follows_on_a_failure_is_dropped(tmp_path, monkeypatch, capfd):
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with dropped_when_gone():
            print("one", flush=True)
            assert os.read(read, 100) == b"one\n"
            os.close(read)
            for _ in range(3):
                print("two" * 10_000, flush=True)
        assert sys.stdout is stream


def test_a_terminal_without_letters_for_it_gets_escapes(monkeypatch):
    """As with LANG=C; what can't be encoded would end a training at its first line."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    streams.open_all()
    with dropped_when_gone():
        print("größe \udce9")
    stream.flush()
    assert stream.buffer.getvalue() == rb"gr\xf6\xdfe \udce9" + b"\n"


def test_a_working_directory_that_was_removed(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd {gone} && rmdir {gone} && {sys.executable} -m runner list"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the working directory was removed. Change to one that is there.\n"
