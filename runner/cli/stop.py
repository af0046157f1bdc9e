"""The verb ``stop``: ends runs, sweeps and ablations from elsewhere, so that they can be continued."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runner.cli.flags import known_flags, switch, take
from runner.errors import ConfigError, Interrupted, did_you_mean_beside, printable

if TYPE_CHECKING:
    from runner.analysis.under_way.places import Place

USAGE = "stop DIR... [--timeout 600] [--no-wait]"
LOOK = 0.1  # seconds between looks at whether it has ended


@dataclass(frozen=True)
class Asked:
    """One that is asked to stop.

    Attributes:
        place: the folder in which somebody is at work.
        status: what that is to end as.
    """

    place: Place
    status: Literal["interrupted", "pruned"]

    @property
    def at_work(self) -> bool:
        """Whether the process that was asked is still there."""
        return self.place.lock.holder == self.place.holder

    @property
    def end(self) -> str:
        """How it ended, and how it goes on."""
        folder = self.place.path
        status = _status(folder)
        if status != "interrupted":
            return f"{folder}: {status}"
        return f"{folder}: {status}; `python -m runner resume {shlex.quote(str(folder))}` goes on where it was"


def stop(arguments: list[str]) -> int:
    """Ask those who are at work in some folders to stop, and wait until they have."""
    timeout, rest = take(arguments, "--timeout")
    no_wait, rest = switch(rest, "--no-wait")
    known_flags(rest, USAGE)
    seconds = _seconds(timeout)
    if not rest:
        raise ConfigError(f"stop: expected the folder of a run, a sweep or an ablation: python -m runner {USAGE}.")
    found = {word: _at_work(Path(word)) for word in rest}  # all of them, before the first is asked
    for word, places in found.items():
        if not places:
            print(printable(f"{word}: nobody is at work there{_told(Path(word))}"))
    asked = [Asked(place, _as(place)) for places in found.values() for place in places]
    for one in asked:
        _ask(one)
        print(printable(f"{one.place.path}: {one.place.holder} was asked to stop"), flush=True)
    if no_wait:
        return 0
    left = _wait(asked, seconds)
    for one in asked:
        if one not in left:
            print(printable(one.end))
    for one in left:
        told = (
            f"error: {one.place.path}: {one.place.holder} is still at work after {seconds:g} s, in a long step or an "
        )
        told += "evaluation. It stops as soon as that is over; what it was asked stays in the folder."
        print(printable(told), file=sys.stderr)
    return 1 if left else 0


def _seconds(text: str | None) -> float:
    try:
        value = float(text or 600)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise ConfigError(f"--timeout {text}: expected seconds above 0.")
    return value


def _at_work(folder: Path) -> list[Place]:
    """Where somebody is at work: in a folder, or in the sweeps of an ablation. Nothing stops that was not named.

    Raises:
        ConfigError: it is the folder of no run, sweep or ablation.
    """
    from runner.analysis.folders import find_runs
    from runner.analysis.under_way.places import Places
    from runner.record.lock import Lock

    if not folder.is_dir():
        raise ConfigError(
            f"{folder}: there is no such folder.{did_you_mean_beside(folder)} `watch` shows who is at work."
        )
    places = [place for place in Places(folder).look() if place.holder is not None]
    if own := [place for place in places if place.path == folder]:
        return own
    if os.path.lexists(folder / "ablation.json"):
        return places
    if places:
        several = ", ".join(str(place.path) for place in places)
        raise ConfigError(f"{folder}: no folder of a run, a sweep or an ablation. At work below it: {several}.")
    sweep = folder.resolve().parent.parent
    if os.path.lexists(folder / "trial.json") and Lock(sweep / "driver.lock").held:
        raise ConfigError(
            f"{folder}: a trial that has ended, has not begun, or is another application's. Stop its sweep: {sweep}."
        )
    if not os.path.lexists(folder / "sweep.yaml") and find_runs(folder) != [folder]:
        raise ConfigError(f"{folder}: no folder of a run, a sweep or an ablation. `watch` shows who is at work.")
    return []


def _as(place: Place) -> Literal["interrupted", "pruned"]:
    """What it is to end as: a trial is pruned where its sweep goes on, which else would never be complete."""
    from runner.record.lock import Lock

    folder = place.path.resolve()
    driven = place.kind == "run" and folder.parent.name == "trials" and Lock(folder.parents[1] / "driver.lock").held
    return "pruned" if driven else "interrupted"


def _ask(one: Asked) -> None:
    from runner.record.links import refuse_links
    from runner.record.stop import StopRequest

    refuse_links(one.place.path)
    try:
        StopRequest(f"asked to stop from {socket.gethostname()}", one.status, one.place.holder).put(one.place.path)
    except OSError as error:
        raise ConfigError(
            f"{one.place.path}: can't be written to ({error.strerror}), so that {one.place.holder} can't be asked."
        ) from error


def _wait(asked: list[Asked], seconds: float) -> list[Asked]:
    """Wait until all have ended; gives those that have not.

    Raises:
        Interrupted: somebody does not want to wait.
    """
    from runner.cli.counter import Waiting
    from runner.record.stop import discard

    begin, left = time.monotonic(), asked
    with Waiting(f"they have {seconds:g} s" if len(asked) > 1 else f"it has {seconds:g} s") as waiting:
        try:
            while left and time.monotonic() - begin < seconds:
                time.sleep(LOOK)
                left = [one for one in left if one.at_work]
                waiting.show()
        except KeyboardInterrupt as error:
            raise Interrupted("No longer waiting; those who were asked to stop will.", *error.args) from None
        finally:
            for one in asked:
                if one not in left and one.place.holder is not None:
                    discard(one.place.path, one.place.holder)  # of one that was killed meanwhile
    return left


def _status(folder: Path) -> str:
    from runner.analysis.run import Run

    return Run.read(folder).status


def _told(folder: Path) -> str:
    """How a run or sweep stands at which nobody is at work, as the rest of a sentence."""
    if os.path.lexists(folder / "run.lock") or os.path.lexists(folder / "sweep.yaml"):
        return f" ({_status(folder)})"
    return ""
