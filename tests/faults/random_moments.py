"""Kills and signals at random moments of whole commands, in processes of their own; images that can't be read."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from runner.testing.comparison import content, same
from tests.faults import bad_images, interrupt_anywhere, kill_resume, runs, sweep_interrupt, sweep_kill
from tests.faults.fault import Fault, Seen


class KilledAtRandom(Fault):
    """SIGKILL once or twice while it trains."""

    name = "SIGKILL at random moments of a run, once or twice"
    holds = "the same bits as without"
    quick = 0

    def ways(self) -> Sequence[str]:
        """Seeds."""
        return [str(seed) for seed in range(20)]

    def inject(self, way: str, folder: Path) -> Seen:
        """Kill and resume it."""
        draw, expected = random.Random(int(way)), _uninterrupted()
        steps = expected["last"]["position"]["step"]
        kills = kill_resume.interrupted_run(folder, "run", draw, kill_resume.COMMAND, steps, draw.choice((1, 1, 2)))
        differ = same(expected, content(folder / "run"))
        return Seen("killed by signal 9, then resumed", differ[:3] + ["never killed"] * (not kills), int(bool(differ)))


@cache
def _uninterrupted() -> dict[str, Any]:
    kill_resume.wait(kill_resume.start([*kill_resume.COMMAND, "hydra.run.dir=at-random"], runs.home()))
    return content(runs.home() / "at-random")


class SignalledAnywhere(Fault):
    """A signal that asks to stop."""

    name = "SIGINT, SIGTERM or SIGHUP at random moments of a run, from its first import on"
    holds = "128 and the signal's number, one sentence; no folder, or one that `resume` brings to its end"
    quick = 0

    def ways(self) -> Sequence[str]:
        """Signals and seeds."""
        return [f"{number.name} {seed}" for seed in range(10) for number in interrupt_anywhere.SIGNALS]

    def inject(self, way: str, folder: Path) -> Seen:
        """Send it."""
        name, _, seed = way.partition(" ")
        number = next(number for number in interrupt_anywhere.SIGNALS if number.name == name)
        process = interrupt_anywhere.start(interrupt_anywhere.QUICK, folder)
        interrupt_anywhere.begun(process)
        time.sleep(random.Random(seed).uniform(0, 5))
        process.send_signal(number)
        wrong = interrupt_anywhere.faults(process, number, folder)
        return Seen(f"exit {process.returncode}", wrong)


class SweepKilledAtRandom(Fault):
    """SIGKILL of two workers, then of the driver."""

    name = "SIGKILL of workers and driver at random moments of a sweep"
    holds = "every point once, under a number and in a folder of its own, with its value"
    quick = 0

    def ways(self) -> Sequence[str]:
        """Seeds."""
        return [str(seed) for seed in range(30)]

    def inject(self, way: str, folder: Path) -> Seen:
        """Kill, and go on."""
        return Seen("killed by signal 9, then the same command", sweep_kill.round_of(int(way), folder / "sweep"))


class SweepInterruptedAtRandom(Fault):
    """Ctrl-C on a terminal."""

    name = "Ctrl-C on a terminal at random moments of a sweep"
    holds = "it ends soon and says how to go on; no process stays; every run that had written an epoch is saved"
    quick = 0

    def ways(self) -> Sequence[str]:
        """What is swept, and seeds."""
        return [f"{kind} {seed}" for seed in range(10) for kind in sweep_interrupt.COMMANDS]

    def inject(self, way: str, folder: Path) -> Seen:
        """Press it."""
        kind, _, seed = way.partition(" ")
        told = "exit 130: Stopped. The same command continues the sweep" if kind == "runs" else "exit 1: Stopped. ..."
        return Seen(told, sweep_interrupt.round_of(kind, int(seed), folder / "sweep"))


class BadImage(Fault):
    """One truncated PNG among many."""

    name = "a truncated image among a thousand, kept in memory or decoded by workers"
    holds = "named; the run stops (exit 1) or leaves it out and counts it, by choice"
    quick = 0

    def ways(self) -> Sequence[str]:
        """What was chosen."""
        return [f"{choice} {where}" for choice in ("stop", "skip") for where in ("memory", "workers")]

    def inject(self, way: str, folder: Path) -> Seen:
        """Train with it."""
        choice, where = way.split()
        with contextlib.chdir(folder):
            bad = bad_images.write(Path("images"), 1000)
            wrong = bad_images.wrong(1000, bad, choice, where == "memory")
        return Seen("exit 1: ... can't be read" if choice == "stop" else "exit 0: 1 of 1,000 images ...", wrong)


FAULTS = (KilledAtRandom(), SignalledAnywhere(), SweepKilledAtRandom(), SweepInterruptedAtRandom(), BadImage())
