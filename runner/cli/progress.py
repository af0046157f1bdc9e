"""How a run looks while it goes on: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from runner.cli.signals import heard
from runner.cli.tables import number, score_table
from runner.engine.progress import Progress
from runner.errors import counted, printable
from runner.launched import rank

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from runner.engine.fit import Fit


# On a terminal all must fit on one line.
_SHORT = {"train/loss": "loss", "val/loss": "val", "val/accuracy": "accuracy", "val/r2": "r2"}


class Terminal(Progress):
    """Draws a run on standard output.

    On a terminal the bar is drawn at most twice a second and by the training thread itself: rich's own refresh
    thread would take the interpreter from the steps between.
    """

    def __init__(self) -> None:
        self.live = sys.stdout.isatty()
        self.bar: Bar | None = None
        self.task: Any = None
        self.printed = 0.0
        self.waiting: str | None = None
        self.text = ""
        self.rate = 0.0
        self.begin_step, self.begin = 0, 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def started(self, fit: Fit) -> None:
        """Say what will happen."""
        if heard():  # and was dropped on the way, in something's import
            raise KeyboardInterrupt
        parameters = sum(p.numel() for p in fit.model.parameters())
        self.message(
            f"{type(fit.model).__name__.removeprefix('FSDP')} with {parameters:,} parameters on {fit.device} "
            f"({fit.precision.name}){f' and {fit.ranks.world - 1} more' if fit.ranks.world > 1 else ''}; "
            f"{counted(fit.train.size, 'example')}, {counted(fit.plan.updates_per_epoch, 'update')} per epoch, "
            f"{counted(fit.plan.epochs, 'epoch')}"
        )
        self.begin_samples, self.begin = fit.samples(), time.perf_counter()
        if self.live:
            from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar
            from rich.table import Column

            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=10),
                TaskProgressColumn(),
                TimeRemainingColumn(compact=True),
                TextColumn("{task.fields[scores]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            )
            self.bar = Bar(*columns, auto_refresh=False, transient=True, expand=True)
            self.bar.start()
            self.task = self.bar.add_task("epoch 1", total=fit.plan.total, completed=fit.position(), scores="")

    def step(self, fit: Fit) -> None:
        """Move the bar."""
        self._move(fit)

    def interval(self, fit: Fit, scores: dict[str, float]) -> None:
        """Take the scores to be shown."""
        self.rate = scores["samples_per_second"]
        self._note(fit, {"train/loss": scores["train/loss"]}, scores["lr"])

    def epoch(self, fit: Fit, row: dict[str, float]) -> None:
        """Show the line of an epoch; without a terminal at most two lines a second, and always the last."""
        monitor = fit.best.monitor.name
        shown = {n: row[n] for n in ("train/loss", "val/loss", "val/accuracy", "val/r2", monitor) if n in row}
        self._note(fit, shown, row["lr"])
        if self.live:
            return
        line = f"epoch {int(row['epoch'])}/{fit.plan.epochs}  {self.text}"
        now = time.perf_counter()
        if now - self.printed >= 0.5:
            print(printable(line), flush=True)
            self.printed, self.waiting = now, None
        else:
            self.waiting = line

    def message(self, text: str) -> None:
        """Print a sentence, above the bar."""
        if self.bar is not None:
            self.bar.console.print(printable(text), highlight=False, markup=False)
        else:
            print(printable(text), flush=True)

    def finished(self, result: dict[str, Any], folder: Path) -> None:
        """Close the bar and show the result; the last line names the run folder."""
        self.close()
        if rank():  # the first process of the run shows it
            return
        if result["cause"]:
            status = "stopped" if result["status"] == "completed" else result["status"]
            print(printable(f"{status}: {result['cause']}"))
        scores = {name: result[name] for name in ("train", "val", "test") if result.get(name)}
        if result["best_epoch"] is not None:
            best = f"best {result['monitor']} {number(result['best_value'])} in epoch {result['best_epoch']}"
            print(f"{best}; {result['seconds']:.1f} s, {result['samples_per_second']:,.0f} samples/s")
        score_table(scores)
        for sentence in result.get("advice", []):
            print(printable(f"advice: {sentence}"))
        print(printable(f"run: {folder}"), flush=True)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
        if self.waiting:
            print(printable(self.waiting), flush=True)
            self.waiting = None

    def _note(self, fit: Fit, scores: dict[str, float], rate: float) -> None:
        if not self.rate:
            seconds = time.perf_counter() - self.begin
            self.rate = (fit.samples() - self.begin_samples) / max(seconds, 1e-9)
        parts = [f"{_SHORT.get(name, name) if self.live else name} {number(value)}" for name, value in scores.items()]
        parts.append(f"lr {rate:.2e}")
        if self.rate:  # 0 in an epoch that only had its evaluation left
            parts.append(f"{self.rate:,.0f}{'/s' if self.live else ' samples/s'}")
        self.text = "  ".join(parts)
        if self.live:
            self._move(fit)

    def _move(self, fit: Fit) -> None:
        now = time.perf_counter()
        if self.bar is not None and now - self.printed >= 0.5:
            self.printed = now
            epoch = min(fit.state.epoch + 1, fit.plan.epochs)
            self.bar.update(
                self.task,
                completed=fit.position(),
                description=f"epoch {epoch}/{fit.plan.epochs}",
                scores=self.text,
                refresh=True,
            )
