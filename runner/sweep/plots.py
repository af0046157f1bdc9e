"""Pictures of a sweep and its rows in TensorBoard, from its folder: ``python -m runner.sweep.plots SWEEP_DIR``."""

from __future__ import annotations

import math
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from runner.canvas import COLORS, open_up, plain
from runner.record.reading import read_yaml
from runner.sweep.folder import Follower, SweepFolder
from runner.sweep.hparams import show
from runner.sweep.importance import importances
from runner.sweep.launcher.local import in_a_line
from runner.sweep.results import PointResult, best, by_point

SIZE = (6.4, 4.0)  # inches
COLOURS = {"completed": COLORS[0], "pruned": COLORS[3], "paused": COLORS[3], "failed": COLORS[1]}
SHAPES: tuple[tuple[str, str, Literal["full", "none"]], ...] = (("completed", "o", "full"), ("pruned", "v", "none"))


class Picture:
    """What there is to draw.

    Args:
        folder: a sweep's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = SweepFolder(folder)
        self.settings: dict[str, Any] = OmegaConf.to_container(OmegaConf.create(read_yaml(self.folder.settings)))  # type: ignore[assignment]
        self.trials = self.folder.load()
        self.points = by_point(self.trials, self.settings["repeats"])
        self.objectives: list[str] = self.settings["objectives"]
        self.signs = [1.0 if d == "minimize" else -1.0 for d in self.settings["directions"]]
        self.space: dict[str, dict[str, Any]] = self.settings["space"]
        self.done = [p for p in self.points if p.status == "completed" and p.values]

    def value(self, point: PointResult, objective: int = 0) -> float:
        """The value of an objective at a completed point."""
        assert point.values is not None
        return point.values[objective]

    def number(self, key: str, text: str) -> float | None:
        """The value of a key as a number; None where keys have no order."""
        return None if self.space[key]["kind"] == "choice" and not _all_numbers(self, key) else float(text)


def _all_numbers(picture: Picture, key: str) -> bool:
    try:
        return all(math.isfinite(float(t.params[key])) for t in picture.trials if key in t.params)
    except ValueError:
        return False


def history(picture: Picture, figure: Figure) -> bool:
    """Values in the order of the trials, the best so far, and at the worse edge what failed."""
    axes = open_up(figure.subplots())
    for status, shape, filled in SHAPES:
        chosen = [p for p in picture.points if p.status == status and p.values]
        errors = [p.errors[0] if p.errors else 0.0 for p in chosen]
        if chosen:
            xs, ys = [p.point for p in chosen], [picture.value(p) for p in chosen]
            axes.errorbar(
                xs, ys, errors, fmt=shape, fillstyle=filled, ms=5, color=COLOURS[status], label=status, elinewidth=1
            )
    so_far: list[float] = []
    for point in picture.done:
        so_far.append(min([picture.signs[0] * picture.value(point), *so_far[-1:]]))
    axes.step([p.point for p in picture.done], [picture.signs[0] * v for v in so_far], "k-", where="post", label="best")
    axes.set(xlabel="point", ylabel=plain(picture.objectives[0]))
    _limits(axes, [picture.value(p) for p in picture.done])
    if failed := [p.point for p in picture.points if p.status == "failed"]:
        edge = [0.02 if picture.signs[0] < 0 else 0.98] * len(failed)
        axes.plot(failed, edge, "x", color=COLOURS["failed"], transform=axes.get_xaxis_transform(), label="failed")
    axes.legend(frameon=False)
    return bool(picture.done)


def importance(picture: Picture, figure: Figure) -> bool:
    """The share of the objective's variance that each key explains."""
    pairs = [(p.trials[0].params, picture.value(p)) for p in picture.done]
    found = importances(picture.space, pairs)
    if not found:
        return False
    axes = open_up(figure.subplots())
    bars = axes.barh([plain(key) for key in found][::-1], list(found.values())[::-1], color=COLOURS["completed"])
    axes.bar_label(bars, fmt="%.2f", padding=3)
    name = plain(picture.objectives[0])
    axes.set(xlabel=f"share of the variance of {name} (fANOVA, {len(pairs)} points)", xlim=(0, 1.1))
    return True


def slices(picture: Picture, figure: Figure) -> bool:
    """The objective against each key."""
    keys = [key for key in picture.space if any(key in p.trials[0].params for p in picture.done)]
    if not keys:
        return False
    columns = min(4, len(keys))
    rows = -(-len(keys) // columns)
    figure.set_size_inches(max(4.5, 3.4 * columns), 3.2 * rows)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).flat
    for axes, key in zip(grid, keys, strict=False):
        chosen = [p for p in picture.done if key in p.trials[0].params]
        texts = [p.trials[0].params[key] for p in chosen]
        order = [p.point for p in chosen]
        numbers = [picture.number(key, t) for t in texts]
        if None in numbers:
            names = sorted(set(texts))
            axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
            numbers = [float(names.index(t)) for t in texts]
        elif picture.space[key]["log"]:
            axes.set_xscale("log")
        dots = axes.scatter(numbers, [picture.value(p) for p in chosen], c=order, cmap="viridis", s=18)
        axes.set_xlabel(key)
        _limits(axes, [picture.value(p) for p in picture.done])
        if axes is figure.axes[0]:
            axes.set_ylabel(picture.objectives[0])
    for axes in list(figure.axes)[len(keys) :]:
        axes.remove()
    figure.colorbar(dots, ax=figure.axes, label="point", fraction=0.03)
    return True


def parallel(picture: Picture, figure: Figure) -> bool:
    """Each completed point as a line across its keys; the better, the darker."""
    keys = list(picture.space)
    if len(picture.done) < 2:
        return False
    figure.set_size_inches(max(5.0, 1.6 * (len(keys) + 1)), 4)
    axes = figure.subplots()
    heights = {key: _scale(picture, key) for key in keys}
    values = [picture.signs[0] * picture.value(p) for p in picture.done]
    ranks = {p.point: r / (len(values) - 1) for r, p in enumerate(_sorted(picture))}
    for point in _sorted(picture)[::-1]:
        params, rank = point.trials[0].params, ranks[point.point]
        ys = [heights[key][0](params[key]) if key in params else math.nan for key in keys]
        axes.plot([*ys, 1 - rank], color=mpl.colormaps["viridis_r"](1 - rank), alpha=0.3 + 0.7 * (1 - rank), lw=1.3)
    for x, key in enumerate(keys):
        for height, label in heights[key][1]:
            axes.text(x - 0.03, height, label, ha="right", va="center", fontsize=7)
        axes.axvline(x, color="0.7", lw=0.8)
    axes.set_xticks(range(len(keys) + 1), [*keys, f"{picture.objectives[0]}\n(rank, best on top)"], fontsize=8)
    axes.set(yticks=[], xlim=(-0.4, len(keys) + 0.1))
    return True


def _sorted(picture: Picture) -> list[PointResult]:
    return sorted(picture.done, key=lambda p: picture.signs[0] * picture.value(p))


def _scale(picture: Picture, key: str) -> tuple[Callable[[str], float], list[tuple[float, str]]]:
    """How high a value of a key is drawn (0 to 1), and the labels of its axis."""
    texts = [p.trials[0].params[key] for p in picture.done if key in p.trials[0].params]
    if any(picture.number(key, t) is None for t in texts) or not texts:
        names = sorted(set(texts))
        where = {name: i / max(1, len(names) - 1) for i, name in enumerate(names)}
        return where.__getitem__, [(y, name) for name, y in where.items()]
    turn = math.log if picture.space[key]["log"] else float
    low, high = min(map(float, texts)), max(map(float, texts))
    span = turn(high) - turn(low) or 1.0
    return lambda t: (turn(float(t)) - turn(low)) / span, [(0.0, f"{low:.3g}"), (1.0, f"{high:.3g}")]


def pareto(picture: Picture, figure: Figure) -> bool:
    """The first two objectives against each other, and the Pareto front."""
    if len(picture.objectives) < 2 or not picture.done:
        return False
    axes = figure.subplots()
    front = best(picture.points, picture.signs)
    for chosen, colour, label in ((picture.done, "0.7", "completed"), (front, COLOURS["completed"], "Pareto front")):
        chosen = sorted(chosen, key=picture.value)
        style = "o-" if colour != "0.7" and len(picture.objectives) == 2 else "o"
        xs, ys = [picture.value(p) for p in chosen], [picture.value(p, 1) for p in chosen]
        axes.plot(xs, ys, style, color=colour, label=label, ms=5, lw=1)
    axes.set(xlabel=_goal(picture, 0), ylabel=_goal(picture, 1))
    axes.legend()
    return True


def _goal(picture: Picture, index: int) -> str:
    return f"{picture.objectives[index]} ({picture.settings['directions'][index]})"


def intermediate(picture: Picture, figure: Figure) -> bool:
    """The objective by epoch, of every trial that reports it."""
    axes = figure.subplots()
    name, drawn = picture.objectives[0], {}
    for trial in picture.trials:
        lines = Follower(picture.folder.trial_folder(trial) / "metrics.jsonl").lines()
        curve = [(row["epoch"], row[name]) for row in lines if isinstance(row.get(name), float) and "epoch" in row]
        if curve:
            colour = COLOURS.get(trial.status, "0.5")
            (drawn[trial.status],) = axes.plot(
                *zip(*curve, strict=True), color=colour, alpha=0.7, lw=1, label=trial.status
            )
            axes.plot(*curve[-1], "o", color=colour, ms=3)
    if not drawn:
        return False
    axes.set(xlabel="epoch", ylabel=name)
    _limits(axes, [picture.value(p) for p in picture.done])
    axes.legend(handles=list(drawn.values()))
    return True


def _limits(axes: Axes, values: list[float]) -> None:
    """Show where most values are: a few that exploded must not flatten the rest."""
    values = sorted(values)
    if len(values) < 5:
        return
    low, high = values[0], values[int(0.9 * (len(values) - 1))]
    spread = values[-1] - low
    if spread > 10 * (high - low) > 0:
        axes.set_ylim(low - 0.1 * (high - low), high + 0.5 * (high - low))


PICTURES: dict[str, Callable[[Picture, Figure], bool]] = {
    "history": history,
    "importances": importance,
    "slice": slices,
    "parallel": parallel,
    "pareto": pareto,
    "intermediate": intermediate,
}


def draw(folder: Path) -> tuple[list[Path], list[str]]:
    """Draw every picture that a sweep's folder has the numbers for, into its ``plots``.

    Returns:
        The pictures, and a line for each that failed; its traceback is printed.
    """
    mpl.use("agg")
    picture = Picture(folder)
    picture.folder.plots.mkdir(exist_ok=True)
    made, failed = [], []
    for name, paint in PICTURES.items():
        path = picture.folder.plots / f"{name}.png"
        try:
            figure = Figure(figsize=SIZE, dpi=120, layout="constrained")
            if paint(picture, figure):
                figure.suptitle(f"{picture.settings['name']}: {name}", fontsize=10)
                figure.savefig(path)
                made.append(path)
        except Exception as error:
            traceback.print_exc()
            path.unlink(missing_ok=True)  # an older one would pass for this
            failed.append(f"{name}: {in_a_line(error)}")
    return made, failed


def rows(folder: Path) -> None:
    """See that every trial has its row on TensorBoard's HParams page."""
    picture = Picture(folder)
    numeric = {}
    for key in picture.space:
        texts = [t.params[key] for t in picture.trials if key in t.params]
        numeric[key] = bool(texts) and all(picture.number(key, text) is not None for text in texts)
    show(picture.folder, picture.trials, picture.objectives, numeric)


def main() -> None:
    """Draw the sweep given on the command line; a line for each picture that failed goes to the standard output."""
    folder = Path(sys.argv[1])
    _, failed = draw(folder)
    sys.stdout.write("".join(f"{line}\n" for line in failed))
    rows(folder)


if __name__ == "__main__":
    main()
