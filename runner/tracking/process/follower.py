"""Follows a run folder and tells one tracker of it: ``python -m runner.tracking.process.follower``.

Started by the run. The standard input gives the order in one line and ends when the run does, however that is; the
standard output takes sentences for the user, at most one for each trouble. What could not be sent is sent again later,
last when the run has ended. All there is to know is in the folder, so a run that goes on sends what is missing.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

from runner.record.files import write_json
from runner.record.folder import RunFolder
from runner.record.links import no_link
from runner.tracking.base import Status, TrackedRun, Tracker

_LONGEST_PAUSE = 60.0  # seconds between attempts
_AT_ONCE = 500  # rows of which the tracker is told before it is noted that it has them
_GRACE = 120.0  # seconds after the run's end


class Follower:
    """One tracker and what it has been told.

    Args:
        name: of the tracker.
        tracker: whom to tell.
        run: of what.
    """

    def __init__(self, name: str, tracker: Tracker, run: TrackedRun) -> None:
        self.tracker, self.run, self.folder = tracker, run, RunFolder(run.folder)
        self.state_file = run.folder / "tracking" / f"{name}.json"
        self.state = _known(self.folder.read_json(self.state_file)) | {"ended": False}
        self.begun = False
        if self.state_file.exists():  # of before it was resumed: whoever asks is not to take it for told
            self._keep()

    def catch_up(self) -> None:
        """Tell everything that was not told yet."""
        if not self.begun:
            self.run.id = self.state["id"]
            self._keep(id=self.tracker.begin(self.run))
            self.begun = True
        rows = [row for row in self.folder.read_metrics() if row["step"] > self.state["sent"]]
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            self.tracker.scores(some)
            self._keep(sent=some[-1]["step"])

    def end(self) -> None:
        """Tell how the run ended."""
        result = self.folder.read_json(self.folder.result)
        known: dict[str, Status] = {"completed": "finished", "pruned": "finished", "failed": "failed"}
        self.tracker.end(known.get(str(result.get("status")), "killed"), result)
        self._keep(ended=True)

    def _keep(self, **entries: Any) -> None:
        self.state |= entries
        write_json(self.state_file, self.state)


def _known(noted: dict[str, Any]) -> dict[str, Any]:
    """What the tracker has of a run; nothing where that can't be made out."""
    id, sent = noted.get("id"), noted.get("sent")
    whole = (id is None or isinstance(id, str)) and isinstance(sent, int) and sent >= 0
    return {"id": id, "sent": sent} if whole else {"id": None, "sent": 0}


def follow(follower: Follower, ended: threading.Event, parent: int, tell: Tell) -> None:
    """Tell the tracker until the run has ended; of a trial, for which nobody waits, until all is told."""
    pause, over = 1.0, False
    while True:
        if over:
            time.sleep(pause)
        over = over or ended.wait(pause) or os.getppid() != parent
        try:
            follower.catch_up()
            if over:
                follower.end()
        except Exception as error:
            tell(f"{_short(error)} The run folder has all of it; it is sent again when that works.")
            pause = min(2 * pause, _LONGEST_PAUSE)
            if over and follower.run.sweep is None:
                return
        else:
            pause = 1.0
            if over:
                return


class Tell:
    """Says each sentence once to whoever started this process, as long as it is there."""

    def __init__(self, name: str, handle: int) -> None:
        self.name, self.handle, self.said = name, handle, False

    def __call__(self, sentence: str) -> None:
        """Say it, where nothing was said before."""
        sys.stderr.write(f"{time.strftime('%F %T')} {sentence}\n")
        if not self.said:
            self.said = True
            try:
                os.write(self.handle, f"tracking.{self.name}: {sentence}\n".encode())
            except OSError:  # nobody listens any more
                return


def _short(error: Exception) -> str:
    line = f"{type(error).__name__}: {error}".splitlines()[0]
    told = textwrap.shorten(re.sub(r"//\S*@", "//***@", line).rstrip("."), 160, placeholder=" ...")
    return told if told.endswith("...") else f"{told}."


def main() -> None:
    """Follow the run that the standard input names."""
    order = json.loads(sys.stdin.readline())
    name, folder = order["name"], Path(order["folder"])
    tell = Tell(name, os.dup(1))
    ended = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        ended.set()
        threading.Timer(_GRACE, os._exit, [1]).start()

    threading.Thread(target=listen, daemon=True).start()
    module, _, kind = order["target"].rpartition(".")
    run = TrackedRun(folder, Path(order["sweep"]) if order["sweep"] else None, order["settings"], order["began"])
    try:
        with open(folder / "tracking" / f"{name}.log", "ab", opener=no_link) as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        tracker = getattr(importlib.import_module(module), kind)(**order["arguments"])
        follow(Follower(name, tracker, run), ended, order["parent"], tell)
    except Exception as error:
        tell(_short(error))
    finally:
        sys.stdout.flush()
        os._exit(0)  # threads of a client that still tries must not keep this process


if __name__ == "__main__":
    main()
