"""A run's side of its trackers: starts their processes and hears what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from runner.record.reading import read

_WAIT = 10.0  # seconds at the end of a run


class Tracking:
    """The trackers of one run, each in a process of its own that follows the run folder.

    So nothing they do (imports, requests, waiting, crashes) happens in the training, and they see its end whatever
    ends it.

    Args:
        folder: the run's.
        trackers: class and arguments of each, by name.
        settings: the run's hyperparameters.
    """

    def __init__(
        self, folder: Path, trackers: Mapping[str, tuple[str, dict[str, Any]]], settings: Mapping[str, Any]
    ) -> None:
        folder = folder.resolve()
        above = folder.parent.parent
        self.sweep = above if folder.parent.name == "trials" and (above / "sweep.yaml").exists() else None
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        if not trackers:
            return
        (folder / "tracking").mkdir(exist_ok=True)
        order = {
            "folder": str(folder),
            "sweep": str(self.sweep) if self.sweep else None,
            "settings": dict(settings),
            "began": (folder / "config.yaml").stat().st_mtime,
            "parent": os.getpid(),
        }
        for name, (target, arguments) in trackers.items():
            self.processes[name] = _start({**order, "name": name, "target": target, "arguments": arguments})

    def news(self) -> list[str]:
        """Sentences that have come since this was last asked. Waits for nothing."""
        said = (process.stdout.read() for process in self.processes.values() if process.stdout)
        return [line for text in said if text for line in text.decode(errors="replace").splitlines()]

    def end(self) -> list[str]:
        """Let the trackers see that the run has ended, give them a moment, and hear their last sentences.

        Trials don't wait: the next one is to begin.
        """
        until = time.monotonic() + (0 if self.sweep else _WAIT)
        for process in self.processes.values():
            with suppress(BrokenPipeError):
                process.stdin.close()  # type: ignore[union-attr]
        late = []
        for name, process in self.processes.items():
            try:
                if process.wait(max(0.0, until - time.monotonic())):
                    late.append(f"tracking.{name}: ended by itself, with status {process.returncode}.")
            except subprocess.TimeoutExpired:
                late.append(f"tracking.{name}: not done yet; it goes on by itself for two minutes at most.")
        return self.news() + ([] if self.sweep else late)


def untold(sweep: Path) -> list[str]:
    """What trackers of a sweep that has ended were not told of its trials, a sentence each; they get a moment."""
    until = time.monotonic() + _WAIT
    logs = sorted(sweep.glob("trials/*/tracking/*.log"))
    while (waiting := [log for log in logs if not _ended(log.with_suffix(".json"))]) and time.monotonic() < until:
        time.sleep(0.2)
    said = []
    for name in dict.fromkeys(log.stem for log in waiting):
        missing, every = ([log for log in some if log.stem == name] for some in (waiting, logs))
        said.append(
            f"tracking.{name}: {len(missing)} of {len(every)} trials are not told yet. It goes on by itself for two "
            f"minutes at most; what is in its way stands in {os.path.relpath(missing[0])}."
        )
    return said


def _ended(state: Path) -> bool:
    try:
        return bool(json.loads(read(state)).get("ended"))
    except (OSError, ValueError, AttributeError):
        return False


def _start(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C is for the run, of which the tracker then hears. The path is the run's, without the
    # working directory that -m would put before it.
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "runner.tracking.process.follower"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    with suppress(BrokenPipeError):  # it is gone already, which is told when it is missed
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
    return process
