"""How an ablation looks while its runs are made: a bar with the time left on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Self

from runner.analysis.ablation import Run
from runner.analysis.statistics.procedure import STRIDE, Job
from runner.cli.tables import number
from runner.errors import counted, printable
from runner.sweep.reporter import duration, readable

if TYPE_CHECKING:
    from rich.progress import Progress

    from runner.cli.ablate.design import Design


class Display:
    """Speaks while runs are made; a context in which they are.

    Args:
        folder: the ablation's, as it is shown.
        validation: the score that is told of each run.
        workers: runs at the same time.
        design: what is run.

    Attributes:
        total: runs in all, as far as that is known.
        at_most: whether there may be fewer.
        done: of them.
        stopping: whether it was asked to stop.
    """

    def __init__(self, folder: str, validation: str, workers: int, design: Design) -> None:
        self.folder, self.validation, self.workers, self.design = folder, validation, workers, design
        self.total, self.done, self.at_most, self.stopping = 0, 0, False, False
        self._seconds: list[float] = []
        self._bar: Progress | None = None
        self._task: Any = None
        self._what = ""
        self._to_test, self._untested = 0, 0

    def __enter__(self) -> Self:
        if sys.stdout.isatty():
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("{task.fields[told]}"))
            self._bar = Progress(*columns, auto_refresh=False, transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self._what, total=self.total, completed=self.done, told="")
        self.look()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def begin(self, what: str, done: int, left: int, at_most: bool) -> None:
        """Say what is being done.

        Args:
            what: in a word.
            done: runs that have ended.
            left: runs still to be made.
            at_most: whether there may be fewer.
        """
        self._what, self.done, self.total, self.at_most = what, done, done + left, at_most

    def testing(self, untested: int) -> None:
        """All runs of a round have ended and are being evaluated on the test split.

        Args:
            untested: those that have not been yet.
        """
        if untested > self._untested:
            self._to_test = untested
            if self._bar is None:
                self.say(f"testing {counted(untested, 'run')} on the test split")
        self._untested = untested

    def say(self, text: str) -> None:
        """A line, above the bar."""
        if self._bar is not None:
            self._bar.console.print(printable(text), highlight=False, markup=False, soft_wrap=True)
        else:
            print(printable(text), flush=True)

    def ended(self, job: Job, run: Run) -> None:
        """A run has ended: told where it failed, and everywhere else than on a terminal."""
        self.done += 1
        self._seconds.append(run.seconds)
        if run.status == "completed" and self._bar is not None:
            return
        score = f", {self.validation} {number(run.scores.get(self.validation))}" if run.status == "completed" else ""
        cause = f": {readable([run.cause])} (see {self.folder}/{run.folder}/output.log)" if run.cause else ""
        place = f"[{self.done}/{self.total}] "
        self.say(f"{place}{self._name(job)} {run.status}{score}, {run.seconds:.1f} s{cause}")

    def look(self) -> None:
        """Move the bar."""
        if self._bar is None:
            return
        told = f"{self.done} of {'at most ' * self.at_most}{counted(self.total, 'run')}"
        left = self.total - self.done
        what, total, done = self._what, self.total, self.done
        if self._untested:
            what, total, done = "testing", self._to_test, self._to_test - self._untested
            told = f"{done} of {counted(total, 'run')}"
        if self.stopping:
            told += ", stopping: runs under way are saved; Ctrl-C again stops at once"
        elif left and self._seconds and not self._untested:
            seconds = left * sum(self._seconds) / len(self._seconds) / self.workers
            told += f", about {duration(seconds)} left"
        self._bar.update(self._task, description=what, total=total, completed=done, told=told)
        self._bar.refresh()

    def _name(self, job: Job) -> str:
        """``optimizer=adam, seed 2``; of a tuned arm the study, and what it was set to."""
        if not self.design.tuned:
            return f"{job.arm} {self.design.varied.key}={self.design.first + job.seed}"
        own = readable(f"{key}={text}" for key, text in job.settings)
        which = "search" if job.search else f"fresh {job.seed % STRIDE - 1}"
        return f"{job.arm}, study {job.study}, {which}{f', {own}' if own else ''}:"
