"""What a person sees while a sweep runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from runner.sweep.folder import Trial

if TYPE_CHECKING:
    from runner.sweep.driver import Driver

ENDED = ("completed", "pruned", "paused", "failed")
COLOURS = {"completed": "green", "running": "cyan", "pruned": "yellow", "paused": "yellow", "failed": "red"}


class Reporter:
    """The one place where a sweep speaks.

    Args:
        console: where to.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(soft_wrap=True, highlight=False)
        self.live: Live | None = None
        self._looked = 0.0

    def say(self, text: str) -> None:
        """A line."""
        self.console.print(Text(text))

    def open(self) -> None:
        """Begin the live table, where there is a terminal."""
        if self.console.is_terminal:
            self.live = Live(console=self.console, auto_refresh=False)
            self.live.start()

    def close(self, driver: Driver) -> None:
        """End the live table with a last look."""
        if self.live is not None:
            self.live.update(screen(driver), refresh=True)
            self.live.stop()
            self.live = None

    def __call__(self, driver: Driver, trial: Trial | None) -> None:
        """Something changed: `trial`, or merely the time."""
        if self.live is not None:
            if time.monotonic() - self._looked > 0.25:
                self.live.update(screen(driver), refresh=True)
                self._looked = time.monotonic()
        elif trial is not None and (trial.status in ENDED or trial.status == "interrupted"):
            self.say(line(driver, trial))


def counts(driver: Driver) -> Counter[str]:
    """Trials by status."""
    return Counter(t.status for t in driver.trials.values())


def line(driver: Driver, trial: Trial) -> str:
    """A trial that ended, as one line."""
    by_status = counts(driver)
    done = sum(by_status[s] for s in ENDED)
    value = f" {_values(driver, trial.values)}" if trial.values else ""
    cause = f" ({trial.cause})" if trial.cause else ""
    own = " ".join(driver.plan.space.overrides(trial.params))
    text = f"[{done}/{driver.total}] trial {trial.number} {trial.status}{value}{cause}, {trial.seconds:.1f} s: {own}"
    return f"{text} | {_best(driver)}" if trial.status == "completed" else text


def screen(driver: Driver) -> Group:
    """The live table."""
    by_status = counts(driver)
    head = Text()
    for status in ("completed", "running", "paused", "pruned", "failed", "interrupted"):
        if by_status[status]:
            head.append(f"{by_status[status]} {status}  ", COLOURS.get(status, ""))
    head.append(f"of {driver.total}")
    left = seconds_left(driver)
    if left is not None:
        head.append(f"   about {duration(left)} left")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("trial", "epoch", driver.plan.objectives[0], "time", "overrides"):
        table.add_column(column, overflow="ellipsis", no_wrap=True)
    for number in sorted(driver.workers.jobs)[:16]:
        if number not in driver.trials:
            continue
        trial, curve = driver.trials[number], driver.curves.get(number)
        epoch = max(curve.scores) if curve and curve.scores else None
        score = "" if epoch is None or curve is None else f"{driver.plan.signs[0] * curve.scores[epoch]:.4g}"
        own = " ".join(driver.plan.space.overrides(trial.params))
        table.add_row(str(number), str(epoch or ""), score, duration(driver.workers.elapsed(number)), own)
    return Group(head, Text(_best(driver), "bold"), table)


def seconds_left(driver: Driver) -> float | None:
    """A guess from what trials took so far; None before the first is done."""
    ended = [t.seconds for t in driver.trials.values() if t.status in ENDED]
    if not ended:
        return None
    mean = sum(ended) / len(ended)
    waiting = (driver.total - len(driver.trials)) * mean
    running = sum(max(0.0, mean - driver.workers.elapsed(n)) for n in driver.workers.jobs)
    return (waiting + running) / max(1, driver.workers.count)


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _values(driver: Driver, values: list[float] | None) -> str:
    return ", ".join(f"{n} {v:.6g}" for n, v in zip(driver.plan.objectives, values or [], strict=True))


def _best(driver: Driver) -> str:
    front = driver.best()
    if not front:
        return "no completed trial yet"
    if len(driver.plan.objectives) > 1:
        return f"Pareto front: {len(front)} trials ({', '.join(str(p.trials[0].number) for p in front[:12])})"
    first = front[0]
    error = f" ± {first.errors[0]:.2g}" if first.errors else ""
    own = " ".join(driver.plan.space.overrides(first.trials[0].params))
    return f"best {_values(driver, first.values)}{error}, trial {first.trials[0].number}: {own}"
