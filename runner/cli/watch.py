"""The verb ``watch``: runs, sweeps and ablations under way, in the terminal, by reading their folders."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from runner.cli.flags import known_flags, no_more, switch, take
from runner.errors import ConfigError, counted, did_you_mean_beside, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from runner.analysis.under_way.run import RunUnderWay
    from runner.analysis.under_way.sweep import SweepUnderWay

USAGE = "watch [DIR] [--every 1] [--once]"
TICK = 0.1  # seconds in which a key or another size of the terminal is noticed
GONE = 24 * 3600.0  # seconds for which one that was killed before is told of
CURVE = 20  # characters of a curve
MOST = 12  # configurations of a sweep, and trials under way, that are shown
BLOCKS, ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.-=+*#"
COLOURS = {"running": "cyan", "completed": "green", "failed": "red", "interrupted": "yellow", "pruned": "yellow"}


def watch(arguments: list[str]) -> int:
    """Show what is under way: once, or again and again until somebody has seen enough."""
    every, rest = take(arguments, "--every")
    once, rest = switch(rest, "--once")
    known_flags(rest, USAGE)
    no_more(rest[1:], USAGE)
    seconds = _seconds(every)
    root = Path(rest[0] if rest else "outputs")
    if rest and not root.is_dir():  # outputs comes with the first run
        raise ConfigError(f"{root}: there is no such folder.{did_you_mean_beside(root)} Runs lie in outputs.")
    from runner.cli.tables import console

    out = console()
    screen = Screen(root, out)
    if once or not out.is_terminal or out.is_dumb_terminal:
        for line in screen.lines(out.width):
            out.print(line, soft_wrap=True)
        return 0
    try:
        _live(screen, out, seconds)
    except KeyboardInterrupt as error:
        if error.args != ("SIGINT",):
            raise
    return 0  # Ctrl-C is a way to leave, and interrupts nothing


def _seconds(text: str | None) -> float:
    try:
        value = float(text or 1)
    except ValueError:
        value = -1.0
    if not 0.1 <= value < float("inf"):
        raise ConfigError(f"--every {text}: expected seconds, at least 0.1.")
    return value


def _live(screen: Screen, out: Console, every: float) -> None:
    from rich.console import Group
    from rich.live import Live

    with Keys() as keys, Live(console=out, screen=True, auto_refresh=False, redirect_stdout=False) as live:
        while True:
            size, until = out.size, time.monotonic() + every
            live.update(Group(*screen.lines(size.width, size.height)), refresh=True)
            while time.monotonic() < until and out.size == size:
                if keys.pressed(TICK) in ("q", "Q"):
                    return


class Keys:
    """Keys that are pressed, without waiting for the end of a line; none where nothing can be typed."""

    def __enter__(self) -> Self:
        self._before: list[Any] | None = None
        if sys.stdin.isatty():
            import termios
            import tty

            self._before = termios.tcgetattr(0)
            tty.setcbreak(0)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            import termios

            termios.tcsetattr(0, termios.TCSADRAIN, self._before)

    def pressed(self, seconds: float) -> str:
        """The key that was pressed in this time; empty where none was."""
        if self._before is None:
            time.sleep(seconds)
        elif select.select([0], [], [], seconds)[0]:
            return os.read(0, 1).decode(errors="replace") or "q"  # nobody can type any more
        return ""


class Screen:
    """What is shown, from look to look.

    Args:
        root: the folder.
        out: where it is shown; says which characters can be.
    """

    def __init__(self, root: Path, out: Console) -> None:
        from runner.analysis.under_way.places import Places

        self.root, self.places = root, Places(root)
        self.runs: dict[Path, RunUnderWay] = {}
        self.sweeps: dict[Path, SweepUnderWay] = {}
        self.encoding = out.encoding
        self.ascii = not self.encoding.lower().startswith("utf")

    def lines(self, width: int, height: int | None = None) -> list[Text]:
        """Look, and say what is seen.

        Args:
            width: of a line, in characters.
            height: lines, at most.
        """
        now, at_work = time.time(), self._look()
        blocks = [[self._head(len(at_work), width)]]
        for path in sorted({*self.runs, *self.sweeps}, key=lambda path: (path not in at_work, str(path))):
            block = self._run(path, width, now) if path in self.runs else self._sweep(path, width, now)
            blocks.append([self._text(""), *block])
        shown: list[Text] = []
        for number, block in enumerate(blocks):
            if height is not None and len(shown) + len(block) + (number < len(blocks) - 1) > height:
                room = height - len(shown) - 1
                shown += block[:room] if room > 2 else []
                shown.append(self._text(f"and {len(blocks) - number} more, for which the terminal has no room", "dim"))
                break
            shown += block
        return shown[:height]

    def _look(self) -> set[Path]:
        """Find and follow those at work; gives them. Those that have ended since the first look stay."""
        from runner.analysis.under_way.run import RunUnderWay, changed_at
        from runner.analysis.under_way.sweep import SweepUnderWay

        at_work: set[Path] = set()
        for place in self.places.look():
            if place.holder is not None:
                at_work.add(place.path)
            elif time.time() - changed_at(place.lock.path) / 1e9 > GONE:
                continue
            if place.kind == "run":
                self.runs.setdefault(place.path, RunUnderWay(place.path))
            else:
                self.sweeps.setdefault(place.path, SweepUnderWay(place.path))
        for path in [path for path in (*self.runs, *self.sweeps) if not path.is_dir()]:  # it has vanished
            self.runs.pop(path, None)
            self.sweeps.pop(path, None)
        for run in self.runs.values():
            run.look()
        for path, sweep in self.sweeps.items():
            sweep.look()
            at_work |= {path} if sweep.alive else set()
        return at_work

    # Blocks: a run or a sweep each ------------------------------------------------------------------------------

    def _head(self, at_work: int, width: int) -> Text:
        own = self._text(f"{self.root}: {f'{at_work} under way' if at_work else 'nothing is under way'}", "bold")
        now, more = self._text(time.strftime("%H:%M:%S"), "dim"), f", {len(self.places):,} runs and sweeps there"
        if own.cell_len + len(more) + 2 + now.cell_len <= width:
            own.append(more, "not bold dim")
        return self._ends(own, now, width)

    def _title(self, path: Path, status: str, parts: Sequence[str], width: int) -> Text:
        name = str(path.relative_to(self.root)) if path != self.root else str(path)
        state = self._text(status, COLOURS.get(status, ""))
        for part in filter(None, parts):
            state.append(self._text(f"  {part}"))
        return self._ends(self._text(name, "bold"), state, width)

    def _run(self, path: Path, width: int, now: float) -> list[Text]:
        run = self.runs[path]
        parts = [_progress(run), _left(run.seconds_left(now)) if run.status == "running" else ""]
        title = self._title(path, run.status, parts, width)
        return [title, *self._flow(self._of_run(run, now), width), *self._notes(run.notes, width)]

    def _of_run(self, run: RunUnderWay, now: float) -> list[Text]:
        """What there is to say of a run's scores and speed."""
        from runner.cli.tables import number

        pieces = []
        for name, value in run.scores.items():
            pieces.append(self._text(f"{name} {number(value)}"))
            if name == run.monitor:
                pieces[-1].append(f" (best {number(run.best)}) " if run.best is not None else " ")
                pieces[-1].append(self._curve(run), "cyan")
        if (rate := run.samples_per_second) is not None:
            pieces.append(self._text(f"{rate:,.0f} samples/s"))
        if run.status == "running" and not run.rows and run.since:
            pieces.append(self._text(f"since {_duration(now - run.since)}, no epoch yet"))
        return pieces

    def _sweep(self, path: Path, width: int, now: float) -> list[Text]:
        sweep = self.sweeps[path]
        total = f"{sweep.ended}/{'?' if sweep.total is None else sweep.total} trials"
        left = _left(sweep.seconds_left(now)) if sweep.alive else ""
        if sweep.alive and sweep.total is not None and sweep.ended >= sweep.total:
            left = "ending"  # tests the winner, draws plots
        lines = [self._title(path, sweep.status, [total, left], width)]
        pieces = [
            self._text(f"{n} {status}", COLOURS.get(status, ""))
            for status, n in sweep.counts.items()
            if status != "running"
        ]
        if sweep.alive and sweep.workers:
            pieces.append(self._text(f"{len(sweep.running)} of {counted(sweep.workers, 'worker')} at work"))
            if (busy := sweep.utilization(now)) is not None:
                pieces.append(self._text(f"busy {busy:.0%} of the time"))
        lines += self._flow(pieces, width)
        lines += self._flow(self._best(sweep), width)
        for name in list(sweep.running)[:MOST]:
            lines += self._flow(self._trial(sweep, name, now), width, more=4)
        if (more := len(sweep.running) - MOST) > 0:
            lines.append(self._text(f"  and {more} more", "dim"))
        lines += self._configurations(sweep, width)
        return [*lines, *self._notes(sweep.notes, width)]

    def _best(self, sweep: SweepUnderWay) -> list[Text]:
        from runner.cli.tables import number
        from runner.sweep.reporter import readable

        front, names = sweep.best, sweep.settings.get("objectives") or ["score"]
        if not front:
            return []
        if len(names) > 1:
            numbers = ", ".join(str(point.trials[0].number) for point in front[:MOST])
            return [self._text(f"Pareto front: {counted(len(front), 'trial')} ({numbers})")]
        point = front[0]
        sd = f" (sd {point.deviations[0]:.2g}, n {len(point.trials)})" if point.deviations else ""
        told = (
            f"best {names[0]} {number(point.values[0] if point.values else None)}{sd}, trial {point.trials[0].number}:"
        )
        return [self._text(told, "green"), *map(self._text, readable(_own(point.trials[0])).split(" "))]

    def _trial(self, sweep: SweepUnderWay, name: str, now: float) -> list[Text]:
        from runner.cli.tables import number
        from runner.sweep.reporter import readable

        trial, run = sweep.trials[name], sweep.running[name]
        pieces = [
            self._text(f"trial {trial.number}", "cyan"),
            self._text(f"since {_duration(now - sweep.since(name))}"),
        ]
        if told := _progress(run):
            pieces.append(self._text(told))
        if (value := run.scores.get(run.monitor)) is not None:
            pieces.append(self._text(f"{run.monitor} {number(value)} ").append(self._curve(run), "cyan"))
        if (repeats := sweep.settings.get("repeats") or 1) > 1:
            pieces.append(self._text(f"repeat {trial.repeat + 1} of {repeats}"))
        return [*pieces, *map(self._text, readable(_own(trial)).split(" "))]

    def _configurations(self, sweep: SweepUnderWay, width: int) -> list[Text]:
        """Completed runs of each configuration, with their mean; of an ablation its arms, with verdicts so far."""
        from runner.cli.tables import number
        from runner.sweep.results import spreads

        groups, objectives = sweep.configurations, sweep.settings.get("objectives") or ["score"]
        if len(groups) == len(sweep.trials):  # one run each
            return []
        said = sweep.ablation.get("score")
        score, judged = said if isinstance(said, str) else objectives[0], _verdicts(sweep.ablation)
        lines: list[Text] = []
        for name, trials in list(groups.items())[:MOST]:
            done = [trial for trial in trials if trial.status == "completed"]
            tested = [{f"test/{name}": value for name, value in (trial.tested or {}).items()} for trial in done]
            values = [dict(zip(objectives, trial.values or (), strict=False)) | trial.scores for trial in done]
            found = spreads([one | other for one, other in zip(values, tested, strict=True)]).get(score)
            mean = "-" if found is None else number(found.mean)
            mean += f" (sd {found.deviation:.2g})" if found is not None and found.deviation is not None else ""
            failed = sum(trial.status == "failed" for trial in trials)
            pieces = [self._text(counted(len(done), "run")), self._text(f"{score} {mean}")]
            pieces += [self._text(f"{failed} failed", "red")] * bool(failed)
            pieces += [self._text(judged.get(name, ""), "bold")]
            lines += self._flow([self._text(name or "all of them", "dim"), *pieces], width, more=4)
        if (more := len(groups) - MOST) > 0:
            lines.append(self._text(f"  and {more} more", "dim"))
        return lines

    # Lines ------------------------------------------------------------------------------------------------------

    def _text(self, text: str, style: str = "") -> Text:
        """What can be shown: folders and files may come from somebody else, and terminals lack letters."""
        from rich.text import Text

        text = printable(text).replace("\n", "\\n")
        return Text(text.encode(self.encoding, "backslashreplace").decode(self.encoding), style)

    def _notes(self, notes: Sequence[str], width: int) -> list[Text]:
        return [
            line for note in notes for line in self._flow([self._text(w, "yellow") for w in note.split(" ")], width, 1)
        ]

    def _ends(self, left: Text, right: Text, width: int) -> Text:
        """A line with something at either end; the left one is cut in its middle where there is no room."""
        from rich.text import Text

        room, dots = max(8, width - right.cell_len - 2), "..." if self.ascii else "…"
        if left.cell_len > room:
            first, last = left[: room // 3], left[-(room - room // 3 - len(dots)) :]
            left = Text.assemble(first, dots, last)
        left = left.append(" " * max(2, width - left.cell_len - right.cell_len)).append(right)
        left.truncate(width, overflow="crop")
        return left

    def _flow(self, pieces: Sequence[Text], width: int, gap: int = 2, more: int = 2) -> list[Text]:
        """Pieces behind one another, on as many lines as they need."""
        lines: list[Text] = []
        for piece in filter(None, pieces):
            if lines and lines[-1].cell_len + gap + piece.cell_len <= width:
                lines[-1].append(" " * gap).append(piece)
            else:
                lines.append(self._text(" " * (more if lines else 2)).append(piece))
        for line in lines:
            line.truncate(width, overflow="crop")
        return lines

    def _curve(self, run: RunUnderWay) -> str:
        """The monitored score by epoch, from low to high; the worst fifth of its epochs looks alike.

        Else the first epochs, in which it improves most, would leave no room for what came of it.
        """
        known = sorted(value for value in run.curve if value is not None)
        if len(known) < 2:
            return ""
        low = known[len(known) // 5] if run.direction == "max" else known[0]
        high = known[-1 - len(known) // 5] if run.direction == "min" else known[-1]
        blocks, span = ASCII_BLOCKS if self.ascii else BLOCKS, high - low or 1.0
        return "".join(
            " " if value is None else blocks[round(min(1.0, max(0.0, (value - low) / span)) * (len(blocks) - 1))]
            for value in _thinned(run.curve, CURVE)
        )


def _thinned(values: Sequence[float | None], most: int) -> Iterator[float | None]:
    """At most so many of them, evenly spread, the first and the last among them."""
    count = min(most, len(values))
    return (values[place * (len(values) - 1) // (count - 1)] for place in range(count))


def _own(trial: Any) -> list[str]:
    return [f"{key}={value}" for key, value in trial.params.items()]


def _progress(run: RunUnderWay) -> str:
    return "{} {:,}/{:,}".format(*run.length) if run.length else f"epoch {run.epoch}" if run.rows else ""


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f"{_duration(seconds)} left"


def _duration(seconds: float) -> str:
    from runner.sweep.reporter import duration

    return duration(max(0.0, seconds))


def _verdicts(ablation: dict[str, Any]) -> dict[str, str]:
    """Each arm's verdict so far, where ``ablation.json`` has some."""
    arms, found = ablation.get("arms"), {}
    for arm, told in arms.items() if isinstance(arms, dict) else ():
        comparison = told.get("comparison") if isinstance(told, dict) else None
        if isinstance(comparison, dict) and isinstance(comparison.get("verdict"), str):
            found[arm] = comparison["verdict"]
    return found
