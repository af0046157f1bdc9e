"""What a person sees while a sweep runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from runner.errors import counted, printable
from runner.printing import Console
from runner.sweep.trial import Trial

if TYPE_CHECKING:
    from runner.sweep.driver import Driver

AT_ONCE = 200  # lines of a trial on a terminal at one look, 60 ms; the driver has more to do than to print
ENDED = ("completed", "pruned", "paused", "failed")
LONG_NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d{4,}(?:e[+-]?\d+)?(?![\w.])")
COLOURS = {"completed": "green", "running": "cyan", "pruned": "yellow", "paused": "yellow", "failed": "red"}


class Reporter:
    """The one place where a sweep speaks.

    Args:
        console: where to.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(soft_wrap=True, highlight=False)
        self.live: Live | None = None
        self.output: Output | None = None
        self._looked = 0.0

    def say(self, text: str) -> None:
        """A line."""
        self.console.print(Text(printable(text)))

    def open(self) -> None:
        """Begin the live table, where there is a terminal."""
        if self.console.is_terminal:
            self.live = Live(console=self.console, auto_refresh=False)
            self.live.start()

    def close(self, driver: Driver) -> None:
        """End the live table with a last look."""
        if self.live is not None:
            self.live.update(Text.assemble(*_head(driver)), refresh=True)
            self.live.stop()
            self.live = None

    def __call__(self, driver: Driver, trial: Trial | None) -> None:
        """Something changed: `trial`, or merely the time."""
        if driver.launcher.count == 1 and not driver.plan.protocol:
            self._pass_on(driver, trial)
        if self.live is not None:
            if time.monotonic() - self._looked > 0.25:
                self.live.update(screen(driver), refresh=True)
                self._looked = time.monotonic()
        elif trial is not None and (trial.status in ENDED or trial.status == "interrupted"):
            self.say(line(driver, trial))

    def _pass_on(self, driver: Driver, trial: Trial | None) -> None:
        """Say what the one running trial prints; runs of the protocol report by epoch instead."""
        if trial is not None and trial.status == "running":
            self.output = Output(driver.folder.trial_folder(trial) / "output.log")
        if self.output is not None:
            lines = self.output.lines(whole=trial is None or trial.status == "running")
            if not self.console.is_terminal:
                self.console.file.writelines(f"{line}\n" for line in lines)
                self.console.file.flush()
                lines = []
            if len(lines) > AT_ONCE:
                self.say(f"... {len(lines) - AT_ONCE:,} lines more in {self.output.path.name} ...")
            for line in lines[-AT_ONCE:]:
                self.console.print(Text.from_ansi(line))  # colours are kept, other escape sequences are not
        if trial is not None and trial.status != "running":
            self.output = None


class Output:
    """What is appended to a file from now on, by the line.

    Args:
        path: the file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = path.stat().st_size if path.exists() else 0

    def lines(self, whole: bool) -> list[str]:
        """What was added since the last call; a line that is not `whole` yet is left for the next."""
        if not self.path.exists():
            return []
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            text = file.read()
        if whole:
            text = text[: text.rfind(b"\n") + 1]
        self.offset += len(text)
        return text.decode(errors="replace").splitlines()


def counts(driver: Driver) -> Counter[str]:
    """Trials by status."""
    return Counter(t.status for t in driver.trials.values())


def line(driver: Driver, trial: Trial) -> str:
    """A trial that ended, as one line."""
    value = f", {scores(driver.plan.objectives, trial.values)}" if trial.values else ""
    front = [p.trials[0].number for p in driver.best()]
    value += " (best so far)" if len(front) == 1 and trial.number in front and trial.status == "completed" else ""
    cause = f" ({readable([trial.cause])})" if trial.cause else ""
    own = readable(driver.plan.space.overrides(trial.params))
    if driver.plan.repeats > 1:
        own += f" (repeat {trial.repeat + 1} of {driver.plan.repeats})"
    told = (
        f"[{len(driver.ended)}/{driver.total}] trial {trial.number} {trial.status}{value}{cause}, {trial.seconds:.1f} s"
    )
    return f"{told}: {own}" if own else told


def screen(driver: Driver) -> Group:
    """The live table."""
    head = Text.assemble(*_head(driver))
    left = seconds_left(driver)
    if left is not None:
        head.append(f"   about {duration(left)} left")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("trial", "epoch", driver.plan.objectives[0], "time", "overrides"):
        table.add_column(column, overflow="ellipsis", no_wrap=True)
    for number in sorted(driver.launcher.jobs)[:16]:
        if number not in driver.trials:
            continue
        trial, curve = driver.trials[number], driver.curves.get(number)
        epoch = max(curve.scores) if curve and curve.scores else None
        score = "" if epoch is None or curve is None else f"{driver.plan.signs[0] * curve.scores[epoch]:.4g}"
        own = readable(driver.plan.space.overrides(trial.params))
        table.add_row(str(number), str(epoch or ""), score, duration(driver.launcher.elapsed(number)), own)
    best = Text(printable(_best(driver)), "bold", no_wrap=True, overflow="ellipsis")
    return Group(head, best, table) if table.row_count else Group(head, best)


def _head(driver: Driver) -> Iterable[tuple[str, str]]:
    """How many trials stand where, of how many."""
    by_status = counts(driver)
    for status in ("completed", "running", "paused", "pruned", "failed", "interrupted"):
        if by_status[status]:
            yield f"{by_status[status]} {status}  ", COLOURS.get(status, "")
    yield f"of {counted(driver.total, 'trial')}", ""


def seconds_left(driver: Driver) -> float | None:
    """A guess from what trials took so far; None before the first is done."""
    ended = [t.seconds for t in driver.trials.values() if t.status in ENDED]
    if not ended:
        return None
    mean = sum(ended) / len(ended)
    waiting = (driver.total - len(driver.trials)) * mean
    running = sum(max(0.0, mean - driver.launcher.elapsed(n)) for n in driver.launcher.jobs)
    return (waiting + running) / max(1, driver.launcher.count)


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def readable(overrides: Iterable[str]) -> str:
    """Overrides on one line, their numbers with six significant digits; files have all digits."""
    return LONG_NUMBER.sub(lambda number: f"{float(number[0]):.6g}", " ".join(overrides))


def scores(names: Iterable[str], values: Iterable[float] | None) -> str:
    """Scores by name, with six significant digits."""
    return ", ".join(f"{n} {v:.6g}" for n, v in zip(names, values or [], strict=True))


def _best(driver: Driver) -> str:
    front = driver.best()
    if not front:
        return "no completed trial yet"
    if len(driver.plan.objectives) > 1:
        return (
            f"Pareto front: {counted(len(front), 'trial')} ({', '.join(str(p.trials[0].number) for p in front[:12])})"
        )
    first = front[0]
    error = f" (sd {first.deviations[0]:.2g})" if first.deviations else ""
    own = readable(driver.plan.space.overrides(first.trials[0].params))
    return f"best {scores(driver.plan.objectives, first.values)}{error}, trial {first.trials[0].number}: {own}"
