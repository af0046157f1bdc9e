"""Death at every moment at which a sweep writes; workers that die, hang or ask for too much."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from tests.faults import moments, sweeps
from tests.faults.fault import Fault, Seen, manners, said


class DriverKilled(Fault):
    """SIGKILL of the driver before every change of a file, and in the middle of every write."""

    holds = "every point once, under its number, with its value; what was completed is not run again; no process stays"
    words: ClassVar[Sequence[str]]
    cut: ClassVar[bool] = False

    def ways(self) -> Sequence[str]:
        """Every moment of the driver."""
        return sweeps.moments_of(*self.words)

    def inject(self, way: str, folder: Path) -> Seen:
        """Kill it there, then give the same command again."""
        death = partial(moments.kill_at, folder / "sweep", way, folder / "mark", self.cut)
        killed = sweeps.start(self.words, folder, death).end()
        reached = (folder / "mark").exists()
        wrong, before = manners(killed, [-9 if reached else 0]), sweeps.records(folder / "sweep")
        again = sweeps.start(self.words, folder).end()
        told = said(killed) + ", then the same command" if reached else "not reached"
        return sweeps.judged(folder, told, before, self.words, [again], wrong)


class GridDriverKilled(DriverKilled):
    """Points by number."""

    name = "SIGKILL of a grid sweep's driver at every write: asking, telling, tables"
    words = sweeps.GRID


class BayesDriverKilled(DriverKilled):
    """Points by what was told."""

    name = "SIGKILL of a Bayesian sweep's driver at every write"
    slow = True
    words = sweeps.BAYES


class RunsDriverKilled(DriverKilled):
    """Trials that are runs."""

    name = "SIGKILL of the driver of a sweep of runs at every write"
    words = sweeps.RUNS
    slow = True


class DriverPowerCut(DriverKilled):
    """What was not synced is gone too."""

    name = "power cut at every write of a Bayesian sweep's driver: what was not synced is gone"
    slow = True
    words, cut = sweeps.BAYES, True


class WorkerKilled(Fault):
    """SIGKILL of a worker."""

    name = "SIGKILL of a sweep's worker at every write of its run"
    holds = "the trial is tried again (`retries=1`), goes on from its checkpoint and ends with the same bits"
    slow = True

    def ways(self) -> Sequence[str]:
        """Every moment of a worker."""
        return sweeps.moments_of(*sweeps.RUNS, of_workers=True)

    def inject(self, way: str, folder: Path) -> Seen:
        """Kill one of them there; the sweep goes on by itself."""
        death = partial(moments.kill_at, folder / "sweep", way, folder / "mark", children=True)
        ended = sweeps.start(sweeps.RUNS, folder, death).end()
        told = "tried again, " + said(ended) if (folder / "mark").exists() else "not reached"
        return sweeps.judged(folder, told, {}, sweeps.RUNS, [ended])


class WorkerMisbehaves(Fault):
    """A trial that dies, hangs, or ends its process."""

    name = "a worker that never answers, ignores SIGTERM, dies, exits or runs out of memory"
    holds = "the trial failed with that cause, all others are completed; exit 1; no process stays"
    causes: ClassVar[dict[str, str]] = {
        "hang": "timeout: not done after 1.5 s",
        "stubborn": "timeout: not done after 1.5 s",
        "die": "the worker was ended by SIGKILL (out of memory is the usual reason)",
        "exit": "the worker ended with exit status 3",
        "memory": "MemoryError",
        "raise": "ValueError: something is wrong",
    }

    def ways(self) -> Sequence[str]:
        """What it does."""
        return list(self.causes)

    def inject(self, way: str, folder: Path) -> Seen:
        """A sweep of three trials, the second of which does that."""
        words = ["hydra/sweeper=grid", f"misbehave=null,{way}", "seed=0,1", "epochs=4", "sleep=0", *sweeps.HERE[:3]]
        ended = sweeps.start([*words, "hydra.sweeper.timeout=1.5"], folder, app="curves").end()
        wrong, cause = manners(ended, [1]), self.causes[way]
        rows = [(row["misbehave"], row["status"], row["cause"]) for row in sweeps.rows(folder / "sweep")]
        if sorted(rows) != sorted([("null", "completed", "")] * 2 + [(way, "failed", cause)] * 2):
            wrong.append(f"rows {rows}")
        if cause not in ended.err:
            wrong.append(f"said {ended.err[-400:]!r}")
        return Seen(f"exit {ended.code}: trial failed: {cause}", wrong)


FAULTS = (
    GridDriverKilled(),
    BayesDriverKilled(),
    RunsDriverKilled(),
    DriverPowerCut(),
    WorkerKilled(),
    WorkerMisbehaves(),
)
