"""The machine and its data: clocks, memory, numbers that overflow, several processes, data that change, databases."""

from __future__ import annotations

import itertools
import json
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from tests.faults import moments, runs, sweeps
from tests.faults.fault import Fault, Seen, manners, said
from tests.faults.process import Ended, Started, command

YEAR = 365.0 * 86400


class ClockJumps(Fault):
    """Somebody sets the clock."""

    name = "the clock jumps by a year, forward or back, at any call"
    holds = "the same bits, the same points, no time below zero"

    def ways(self) -> Sequence[str]:
        """Of what, where to, at which call."""
        return [
            f"{what} {to} {call}" for call in (1, 3, 8, 20) for what in ("run", "sweep") for to in ("forward", "back")
        ]

    def inject(self, way: str, folder: Path) -> Seen:
        """Let it jump."""
        what, to, call = way.split()
        jump = partial(_jump, YEAR if to == "forward" else -YEAR, int(call))
        if what == "sweep":
            ended = sweeps.start(sweeps.GRID, folder, jump).end()
            late = [t for t in sweeps.records(folder / "sweep").values() if t["seconds"] < 0]
            return sweeps.judged(folder, said(ended), {}, sweeps.GRID, [ended], [f"seconds: {late}"] * bool(late))
        ended = command(runs.COMMAND, folder, runs.save_always, jump)
        result = json.loads((folder / "run/result.json").read_text())
        wrong = [f"seconds {result['seconds']}"] * (result["seconds"] < 0)
        return runs.judged(folder, said(ended), [ended], wrong)


def _jump(seconds: float, call: int) -> None:
    true, calls = time.time, itertools.count(1)
    time.time = lambda: true() + (seconds if next(calls) >= call else 0.0)


class TwoProcesses(Fault):
    """A second one in the same folder."""

    name = "two processes on one folder: a run, a sweep, a trial; also started at the same moment"
    holds = "one works and ends as if alone; the other is refused (exit 2, who is at work) and changes nothing"

    def ways(self) -> Sequence[str]:
        """Which, and when."""
        return ["resume while at work", "sweep while at work", *(f"at once {turn}" for turn in range(10))]

    def inject(self, way: str, folder: Path) -> Seen:
        """Start both."""
        if way == "sweep while at work":
            first = sweeps.start(sweeps.GRID, folder, partial(_stop_at, folder / "sweep", "rename trials.csv #1"))
            first.until(lambda: _stopped(first.pid))
            second = sweeps.start(sweeps.GRID, folder).end()
            os.kill(first.pid, signal.SIGCONT)
            wrong = manners(second, [1, 2]) + _refused(second, "another driver is at work on this sweep")
            return sweeps.judged(folder, said(second), {}, sweeps.GRID, [first.end()], wrong)
        if way.startswith("at once"):
            both = [Started(runs.COMMAND, folder, runs.save_always) for _ in range(2)]
            ended = sorted((started.end() for started in both), key=lambda one: one.code)
            wrong = manners(ended[1], [2])
            return runs.judged(folder, said(ended[1]), ended[:1], wrong)
        shutil.copytree(runs.half(), folder / "run")
        at = "rename checkpoints/last.pt #1"
        first = Started(["resume", "run"], folder, runs.save_always, partial(_stop_at, folder / "run", at))
        first.until(lambda: _stopped(first.pid))
        second = command(["resume", "run"], folder)
        os.kill(first.pid, signal.SIGCONT)
        wrong = manners(second, [2]) + _refused(second, "is at work on this run")
        return runs.judged(folder, said(second), [first.end()], wrong)


def _stop_at(root: Path, moment: str) -> None:
    def act(watch: moments.Watch, now: str, half: Callable[[], None]) -> None:
        if now == moment:
            os.kill(os.getpid(), signal.SIGSTOP)

    moments.Watch(root, act)


def _stopped(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    return False


def _refused(ended: Ended, words: str) -> list[str]:
    return [] if words in ended.err else [f"it does not say {words!r}: {ended.err[-300:]!r}"]


class OutOfMemory(Fault):
    """An address space that has an end."""

    name = "out of memory (address-space limit) in a run and in a sweep's worker"
    holds = "one sentence that speaks of memory, exit 1; other trials are completed"
    room: ClassVar[Sequence[int]] = (32, 64, 128, 256)

    def ways(self) -> Sequence[str]:
        """Of what, and how many MiB there are beside what is in use."""
        return [f"{what} {room}" for room in self.room for what in ("run", "worker")]

    def inject(self, way: str, folder: Path) -> Seen:
        """Train a network of 400 MB there."""
        what, room = way.split()
        large, limit = "model.hidden=[10000,5000]", partial(_limit, int(room) * 2**20)
        if what == "run":
            words = [*(word for word in runs.COMMAND if not word.startswith("model.hidden")), large]
            ended = command(words, folder, limit)
            wrong = manners(ended, [1, 2]) + ([] if "memory" in ended.err else [f"unnamed: {ended.err[-300:]!r}"])
            return Seen(said(ended), wrong)
        words = [word for word in sweeps.RUNS if not word.startswith(("optimizer.lr", "hydra.sweeper.retries"))]
        words += ["model.hidden=[8],[10000,5000]", "hydra.sweeper.workers=1"]
        ended = Started(words, folder, limit).end()
        rows = [(row["model.hidden"], row["status"], row["cause"]) for row in sweeps.rows(folder / "sweep")]
        wrong = manners(ended, [1])
        if [row[1] for row in rows] != ["completed", "failed"] or "memory" not in rows[-1][2]:
            wrong.append(f"rows {rows}")
        return Seen(said(ended), wrong)


def _limit(room: int) -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + room, used + room))


class NotANumber(Fault):
    """A weight that is not a number from some step on."""

    name = "NaN at step k, for every k"
    holds = "exit 1, the step or the weights named; nothing of it is saved; `resume` without it ends with the same bits"

    def ways(self) -> Sequence[str]:
        """Every step."""
        return [str(step) for step in range(9)]

    def inject(self, way: str, folder: Path) -> Seen:
        """Spoil the weights before that step."""
        failed = command(runs.COMMAND, folder, runs.save_always, partial(_spoil_weights, int(way)))
        wrong = manners(failed, [1])
        if "non-finite" not in failed.err:
            wrong.append(f"the cause is not named: {failed.err[-300:]!r}")
        return runs.judged(folder, said(failed), [runs.finish(folder)], wrong)


def _spoil_weights(at: int) -> None:
    from runner.engine.step import Step

    gradients = Step._gradients

    def spoiled(self: Any, *arguments: Any) -> Any:
        if self.fit.state.step == at:
            next(self.fit.model.parameters()).data[0] = float("nan")
        return gradients(self, *arguments)

    Step._gradients = spoiled  # type: ignore[method-assign]


class DataChange(Fault):
    """A file of data that is another one."""

    name = "a data file changes, or goes, during the run or between stop and `resume`"
    holds = "what is in memory is not touched; changed data are refused on `resume` (exit 2) and nothing is lost"

    slow = True

    def ways(self) -> Sequence[str]:
        """How, and when."""
        return [f"{how} {when}" for when in ("during", "between") for how in ("changed", "longer", "gone", "cut")]

    def inject(self, way: str, folder: Path) -> Seen:
        """Change it; put it back; compare with a run on data that never changed."""
        how, when = way.split()
        words = [word for word in runs.COMMAND if not word.startswith("data")]
        words += ["data=csv", "data.path=../table.csv", "data.target=label"]
        whole, place = folder / "whole", folder / "it"
        for one in (whole, place):
            one.mkdir()
        _table(folder / "table.csv")
        done = command(words, whole, runs.save_always)
        if when == "during":
            change = partial(_change_at, folder, place / "run", "rename checkpoints/last.pt #4", how)
            ended = command(words, place, runs.save_always, change)
            return _compared(whole, place, said(ended), [done, ended])
        death = partial(moments.kill_at, place / "run", "rename checkpoints/last.pt #4", folder / "mark")
        command(words, place, runs.save_always, death)
        _change(folder / "table.csv", how)
        refused = command(["resume", "run"], place, runs.save_always)
        wrong = manners(refused, [1, 2])
        if how != "gone" and "data" not in refused.err:
            wrong.append(f"the cause is not named: {refused.err[-300:]!r}")
        _table(folder / "table.csv")
        again = command(["resume", "run"], place, runs.save_always)
        return _compared(whole, place, said(refused), [done, again], wrong)


def _table(path: Path) -> None:
    rows = [f"{i % 7},{i % 11 - 5.5},{'yes' if (i * 7) % 13 > 6 else 'no'}" for i in range(120)]
    path.write_text("size,weight,label\n" + "\n".join(rows) + "\n")


def _change(path: Path, how: str) -> None:
    text = path.read_text()
    if how == "gone":
        path.unlink()
        return
    path.write_text(
        {"changed": text.replace("4,", "5,"), "longer": text + "1,2,yes\n" * 9, "cut": text[: len(text) // 2]}[how]
    )


def _change_at(folder: Path, run: Path, moment: str, how: str) -> None:
    def act(watch: moments.Watch, now: str, half: Callable[[], None]) -> None:
        if now == moment:
            _change(folder / "table.csv", how)

    moments.Watch(run, act)


def _compared(whole: Path, place: Path, told: str, ends: Sequence[Ended], wrong: Sequence[str] = ()) -> Seen:
    from runner.testing.comparison import content, same

    found = [*wrong, *(word for ended in ends for word in manners(ended))]
    if found:
        return Seen(told, found)
    differ = same(content(whole / "run"), content(place / "run"))
    return Seen(told, differ[:5], lost=int(bool(differ)))


class DatabaseRestarted(Fault):
    """PostgreSQL goes away and comes back."""

    name = "PostgreSQL restarted in the middle of a sweep"
    holds = "exit 1, the connection is named; all trials stay; the same command ends with every point once"
    slow = True

    def missing(self) -> str | None:
        """It must be installed."""
        from tests.sweep import test_postgresql

        try:
            import psycopg  # noqa: F401
        except ImportError:
            return "psycopg is not installed"
        return None if test_postgresql.PROGRAMS else "PostgreSQL is not installed"

    def ways(self) -> Sequence[str]:
        """After how many trials, and for how long it is away."""
        return [f"{count} trials {seconds} s" for count in (2, 5, 8) for seconds in (0, 2)]

    def inject(self, way: str, folder: Path) -> Seen:
        """Restart it."""
        import subprocess

        from tests.sweep import test_postgresql as postgresql

        count, _, seconds, _ = way.split()
        with postgresql.served() as server:
            env = postgresql.environment(STUDY_URL=server.secret_url) | {"HYDRA_FULL_ERROR": "0"}
            words = postgresql.command(folder / "sweep", "${oc.env:STUDY_URL}", "x=range(12)", "sleep=0.1")
            process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            postgresql.wait_for(folder / "sweep", "trials/*/trial.json", int(count))
            server.stop()
            time.sleep(float(seconds))
            server.start()
            out, err = process.communicate(timeout=120)
            first = Ended(process.returncode, out, err, ())
            done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=120)
            rows = postgresql.rows(folder / "sweep")
        wrong = manners(first, [0, 1]) + manners(Ended(done.returncode, done.stdout, done.stderr, ()))
        if first.code and "the connection was lost" not in first.err:
            wrong.append(f"said {first.err[-300:]!r}")
        points = [row["x"] for row in rows if row["status"] == "completed"]
        return Seen(said(first), wrong, lost=12 - len(set(points)), double=len(points) - len(set(points)))


FAULTS = (
    ClockJumps(),
    TwoProcesses(),
    OutOfMemory(),
    NotANumber(),
    DataChange(),
    DatabaseRestarted(),
)
