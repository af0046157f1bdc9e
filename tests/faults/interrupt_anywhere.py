"""Send a run SIGINT, SIGTERM or SIGHUP at random moments, from its first import to its last word.

Whenever it comes, the process ends with 128 and the number of the signal (or 0, if all was done), says so in one
sentence, without a traceback, and leaves either no folder, or one that `resume` brings to its end.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

QUICK = ["data=iris", "model.hidden=[8]", "trainer.images=0", "trainer.threads=1", "trainer.max_epochs=200"]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
SENTENCES = ("Stopped at once; what was saved before stays.", "; the state is saved. Continue with:")


def start(arguments: list[str], cwd: Path) -> subprocess.Popen[str]:
    """A command in a process of its own, with its errors apart."""
    command = [sys.executable, "-m", "runner", *arguments]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def begun(process: subprocess.Popen[str]) -> None:
    """Wait until the process hears signals: before that it is Python that starts, and dies of them as any program."""
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        caught = next((line for line in status.read_text().splitlines() if line.startswith("SigCgt")), "SigCgt: 0")
        if int(caught.split()[1], 16) & 1 << (signal.SIGTERM - 1):
            return
        time.sleep(0.002)


def faults(process: subprocess.Popen[str], number: signal.Signals, cwd: Path) -> list[str]:
    """What is wrong with how a process ended that was sent a signal."""
    _, err = process.communicate(timeout=120)
    code, wrong = process.returncode, []
    folders = list(cwd.glob("outputs/runs/*"))
    if code == 0:
        return [] if (folders[0] / "result.json").exists() else ["it ended well, without a result"]
    if code != 128 + number:
        wrong.append(f"exit {code}")
    if sum(err.count(sentence) for sentence in SENTENCES) != 1 or "Traceback" in err:
        wrong.append(f"said: {err!r}")
    if folders:
        again = start(["resume", str(folders[0])], cwd)
        _, err = again.communicate(timeout=120)
        if again.returncode not in (0, 2) or (again.returncode == 2 and "is complete" not in err):
            wrong.append(f"left a folder that can't be resumed: {err!r}")
    elif (cwd / "outputs").exists():
        wrong.append("left a folder without a run")
    return wrong
