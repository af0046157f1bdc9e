"""The verb ``stop``: ends runs, sweeps and ablations from elsewhere, so that they can be continued."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runner.cli.flags import known_flags, switch, take
from runner.errors import ConfigError, Interrupted, did_you_mean_beside, printable

if TYPE_CHECKING:
    from runner.analysis.under_way.places import Place
    from runner.record.lock import Lock

USAGE = "stop DIR... [--timeout 600] [--no-wait]"
ABLATION = "ablation.lock"
LOOK = 0.1  # seconds between looks at whether it has ended


class Asked:
    """One that is asked to stop: a run, a sweep, or an ablation with the sweeps that it starts.

    Args:
        folder: where it lies.
        lock: held until it has ended.
        places: where somebody is at work now; of an ablation there may be nobody for a moment.
    """

    def __init__(self, folder: Path, lock: Lock, places: list[Place]) -> None:
        self.folder, self.lock, self.places = folder, lock, places
        self.holder = lock.holder
        self.asked: list[Place] = []

    @property
    def at_work(self) -> bool:
        """Whether it has not ended, or still has to be asked."""
        from runner.record.lock import NAMELESS

        return self.holder is not None and self.lock.holder in (self.holder, NAMELESS)

    def ask(self) -> None:
        """Ask those who have not been asked."""
        from runner.record.links import refuse_links
        from runner.record.stop import StopRequest

        for place in self.places:
            refuse_links(place.path)
            try:
                StopRequest(f"asked to stop from {socket.gethostname()}", _as(place), place.holder).put(place.path)
            except OSError as error:
                raise ConfigError(
                    f"{place.path}: can't be written to ({error.strerror}), so that {place.holder} can't be asked."
                ) from error
            self.asked.append(place)
        self.places = []

    def look(self) -> None:
        """Ask the sweep that an ablation has started meanwhile."""
        known = {place.holder for place in self.asked}
        if self.lock.path.name == ABLATION:
            self.places = [place for place in _sweeps_of(self.folder) if place.holder not in known]
            self.ask()

    def forget(self) -> None:
        """Take back what was asked of those who are gone, as one that was killed did not."""
        from runner.record.stop import discard

        for place in self.asked:
            if place.holder is not None and place.lock.holder != place.holder:
                discard(place.path, place.holder)

    @property
    def end(self) -> str:
        """How it ended, and how it goes on."""
        status = _status(self.folder)
        if self.lock.path.name == ABLATION:
            return f"{self.folder}: {status}; the same command goes on where it was"
        if status != "interrupted":
            return f"{self.folder}: {status}"
        return (
            f"{self.folder}: {status}; `python -m runner resume {shlex.quote(str(self.folder))}` goes on where it was"
        )


def stop(arguments: list[str]) -> int:
    """Ask those who are at work in some folders to stop, and wait until they have."""
    timeout, rest = take(arguments, "--timeout")
    no_wait, rest = switch(rest, "--no-wait")
    known_flags(rest, USAGE)
    seconds = _seconds(timeout)
    if not rest:
        raise ConfigError(f"stop: expected the folder of a run, a sweep or an ablation: python -m runner {USAGE}.")
    found = {word: _at_work(Path(word)) for word in rest}  # all of them, before the first is asked
    for word, one in found.items():
        if one is None:
            print(printable(f"{word}: nobody is at work there{_told(Path(word))}"))
    asked = [one for one in found.values() if one is not None]
    for one in asked:
        one.ask()
        print(printable(f"{one.folder}: {one.holder} was asked to stop"), flush=True)
    left = _wait(asked, seconds, no_wait)
    for one in asked:
        if one not in left:
            print(printable(one.end))
    for one in [] if no_wait else left:
        told = f"error: {one.folder}: {one.holder} is still at work after {seconds:g} s, in a long step or an "
        told += "evaluation. It stops as soon as that is over; what it was asked stays in the folder."
        print(printable(told), file=sys.stderr)
    return 1 if left and not no_wait else 0


def _seconds(text: str | None) -> float:
    try:
        value = float(text or 600)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise ConfigError(f"--timeout {text}: expected seconds above 0.")
    return value


def _at_work(folder: Path) -> Asked | None:
    """Who is at work in a folder; None where nobody is. Nothing stops that was not named.

    Raises:
        ConfigError: it is the folder of no run, sweep or ablation.
    """
    from runner.analysis.folders import find_runs
    from runner.analysis.under_way.places import LOCKS, Places
    from runner.record.lock import NAMELESS, Lock

    if not folder.is_dir():
        raise ConfigError(
            f"{folder}: there is no such folder.{did_you_mean_beside(folder)} `watch` shows who is at work."
        )
    until = time.monotonic() + 1
    while NAMELESS in (Lock(folder / name).holder for name in LOCKS.values()) and time.monotonic() < until:
        time.sleep(LOOK)
    if (ablation := Lock(folder / ABLATION)).held:
        return Asked(folder, ablation, _sweeps_of(folder))
    places = [place for place in Places(folder).look() if place.holder is not None]
    if own := [place for place in places if place.path == folder]:
        return Asked(folder, own[0].lock, own)
    if places:
        several = ", ".join(str(place.path) for place in places)
        raise ConfigError(f"{folder}: no folder of a run, a sweep or an ablation. At work below it: {several}.")
    sweep = folder.resolve().parent.parent
    if os.path.lexists(folder / "trial.json") and Lock(sweep / "driver.lock").held:
        raise ConfigError(
            f"{folder}: a trial that has ended, has not begun, or is another application's. Stop its sweep: {sweep}."
        )
    known = any(os.path.lexists(folder / name) for name in ("sweep.yaml", ABLATION))
    if not known and find_runs(folder) != [folder]:
        raise ConfigError(f"{folder}: no folder of a run, a sweep or an ablation. `watch` shows who is at work.")
    return None


def _sweeps_of(ablation: Path) -> list[Place]:
    """The sweep of an ablation that is at work; on several data sets each has an ablation's folder."""
    from runner.analysis.under_way.places import Place

    locks = (ablation / "driver.lock", *ablation.glob("*/driver.lock"), *ablation.glob("*/search/driver.lock"))
    inside = ablation.resolve()  # a link may lead to a sweep that was not named
    places = (Place.of_sweep(lock.parent) for lock in locks if lock.parent.resolve().is_relative_to(inside))
    return [place for place in places if place.holder is not None]


def _as(place: Place) -> Literal["interrupted", "pruned"]:
    """What it is to end as: a trial is pruned where its sweep goes on, which else would never be complete."""
    from runner.record.lock import Lock

    folder = place.path.resolve()
    driven = place.kind == "run" and folder.parent.name == "trials" and Lock(folder.parents[1] / "driver.lock").held
    return "pruned" if driven else "interrupted"


def _wait(asked: list[Asked], seconds: float, no_wait: bool) -> list[Asked]:
    """Wait until all have ended, or only until each was asked; gives those that are still at work.

    Raises:
        Interrupted: somebody does not want to wait.
    """
    from runner.cli.counter import Waiting

    begin, left = time.monotonic(), [one for one in asked if not (no_wait and one.asked)]
    with Waiting(f"{'they have' if len(asked) > 1 else 'it has'} {seconds:g} s") as waiting:
        try:
            while left and time.monotonic() - begin < seconds:
                time.sleep(LOOK)
                left = [one for one in left if one.at_work and not (no_wait and one.asked)]
                for one in left:
                    one.look()
                waiting.show()
        except KeyboardInterrupt as error:
            raise Interrupted("No longer waiting; those who were asked to stop will.", *error.args) from None
        finally:
            for one in asked:
                one.forget()
    return [one for one in asked if one.at_work]


def _status(folder: Path) -> str:
    from runner.analysis.run import Run

    return Run.read(folder).status


def _told(folder: Path) -> str:
    """How a run or sweep stands at which nobody is at work, as the rest of a sentence."""
    if os.path.lexists(folder / "run.lock") or os.path.lexists(folder / "sweep.yaml"):
        return f" ({_status(folder)})"
    return ""
