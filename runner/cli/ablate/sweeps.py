"""The runs of an ablation, made by sweeps: one of searches, and one of all that is compared."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO

from runner.analysis.ablation import Run
from runner.analysis.statistics.procedure import Job
from runner.cli.ablate.asked import Asked
from runner.cli.ablate.design import Design
from runner.cli.ablate.display import Display
from runner.cli.hydra import quoted
from runner.errors import ConfigError, Interrupted, RunFailed, counted
from runner.record.files import write_json
from runner.record.links import refuse_links
from runner.record.reading import read
from runner.signals import Listener
from runner.sweep.folder import shown
from runner.sweep.trial import FINISHED, Trial, from_record

LOOK = 0.25  # seconds between looks at what runs have ended


class _Forwarding(Listener):
    """Passes signals on; of a terminal the sweep hears them twice, which it takes for one."""

    def __init__(self, process: subprocess.Popen[bytes], display: Display) -> None:
        self.process, self.display = process, display

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.display.stopping = True
        self.process.send_signal(number)


class Sweeps:
    """Makes runs.

    Args:
        asked: what was typed.
        design: what is run.
        display: where to speak.

    Attributes:
        runs: those that have ended, whether this process made them or an earlier one.
        tested: whether the runs that are compared have been evaluated on the test split.
    """

    def __init__(self, asked: Asked, design: Design, display: Display) -> None:
        self.asked, self.design, self.display = asked, design, display
        self.runs: dict[Job, Run] = {}
        self._trials: dict[bool, dict[str, Trial]] = {True: {}, False: {}}  # by folder; searches, and others
        self._seen: dict[Path, tuple[int, int]] = {}  # which state of their records was read

    @property
    def tested(self) -> bool:
        """Whether a run that is compared has been evaluated on the test split."""
        return any(name.startswith("test/") for job, run in self.runs.items() if not job.search for name in run.scores)

    def make(self, jobs: list[Job], test: str) -> None:
        """Make runs of one kind, searches or others, unless they are there.

        Args:
            jobs: what is wanted.
            test: which of them are then evaluated on the test split, all or none.

        Raises:
            ConfigError: the sweep refused the command.
            RunFailed: they could not be made. A run that fails is no reason: it counts against its arm.
            Interrupted: it was stopped, and can be continued.
        """
        search = jobs[0].search
        self.read(search)
        if all(job in self.runs for job in jobs) and not (test == "all" and self._untested(jobs)):
            return
        status, said = self._sweep(jobs, test)
        if status >= 128:
            raise Interrupted(
                f"Stopped. The same command continues the ablation in {shown(self.asked.folder.absolute())}.",
                signal.Signals(status - 128).name,
            )
        if status not in (0, 1):
            raise ConfigError(said.replace("hydra.sweep.dir=", "--output "))
        self.read(search)
        if lacking := [job for job in jobs if job not in self.runs]:
            raise RunFailed(f"{counted(len(lacking), 'run')} could not be made. {said}")
        if "tested" in said:
            self.display.say(f"note: {said}")

    def _sweep(self, jobs: list[Job], test: str) -> tuple[int, str]:
        """Run a sweep in a process of its own: trials are forked from it, which wants it fresh.

        Returns:
            Its exit status and its last word.
        """
        search = jobs[0].search
        folder = self._folder(search)
        folder.mkdir(parents=True, exist_ok=True)
        for place in (self.asked.folder, folder):
            refuse_links(place)
        listed = folder / "runs.json"
        write_json(listed, [self.design.point(job) for job in jobs])
        words = ["hydra/sweeper=listed", f"hydra.sweeper.sampler.file={quoted(str(listed))}"]
        words += [f"hydra.sweeper.workers={self.asked.workers}", f"hydra.sweeper.test={test}"]
        words += ["hydra.sweeper.plots=false", f"hydra.sweep.dir={quoted(str(folder))}", *self.design.words]
        words += self.asked.launcher
        options = ["--config-dir", self.asked.config_dir] if self.asked.config_dir else []
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "runner", "--multirun", *options, *words],
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            with self.display, _Forwarding(process, self.display):
                while (status := _ended(process)) is None:
                    self._look(jobs, test)
                self._look(jobs, test)
            return status if status >= 0 else 128 - status, _last_word(errors)

    def _look(self, jobs: list[Job], test: str) -> None:
        before = set(self.runs)
        self.read(jobs[0].search)
        for job, run in self.runs.items():
            if job not in before:
                self.display.ended(job, run)
        if test == "all" and all(job in self.runs for job in jobs):
            self.display.testing(self._untested(jobs))
        self.display.look()

    def _untested(self, jobs: list[Job]) -> int:
        """How many of these runs are to be evaluated on the test split."""
        wanted = set(jobs)
        found = (trial for job, trial in self._jobs(jobs[0].search) if job in wanted)
        return sum(trial.status == "completed" and trial.tested is None for trial in found)

    def read(self, search: bool) -> None:
        """Learn which runs have ended, and which have been tested since.

        Args:
            search: of which kind, searches or others.
        """
        known = self._trials[search]
        for file in sorted(self._folder(search).glob("trials/[0-9]*/trial.json")):
            try:
                found = file.stat()
                state = (found.st_ino, found.st_mtime_ns)
                if self._seen.get(file) == state:
                    continue
                trial = from_record(json.loads(read(file)), file.parent.name)
            except (OSError, ValueError, RecursionError):
                continue  # the sweep sets it aside
            self._seen[file] = state
            if trial.status in FINISHED:
                known[trial.folder] = trial
        for job, trial in self._jobs(search):
            tested = {f"test/{score}": value for score, value in (trial.tested or {}).items()}
            place = f"{'search/' * search}trials/{trial.folder}"
            self.runs[job] = Run(place, trial.status, trial.cause, trial.seconds, {**trial.scores, **tested})

    def _jobs(self, search: bool) -> Iterator[tuple[Job, Trial]]:
        for trial in self._trials[search].values():
            if (job := self.design.job(trial, search)) is not None:
                yield job, trial

    def _folder(self, search: bool) -> Path:
        return self.asked.folder / "search" if search else self.asked.folder


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(LOOK)
    except subprocess.TimeoutExpired:
        return None


def _last_word(errors: IO[bytes]) -> str:
    errors.seek(0)
    said = errors.read().decode(errors="replace").strip()
    return said.rpartition("error: ")[2] or "It said nothing."
