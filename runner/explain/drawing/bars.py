"""Bars: the share of each column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runner.errors import printable
from runner.explain.drawing.images import heading, label, png
from runner.record.files import as_csv

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from runner.explain.subject.columns import InputColumn
    from runner.explain.subject.explained import Case

SHOWN = 12
FOR, AGAINST = "#b2182b", "#2166ac"  # red and blue, as in pictures; told apart without seeing red or green


def shares_of_columns(cases: Sequence[Case], shares: Sequence[Tensor], columns: list[InputColumn]) -> bytes:
    """For each case the columns with the largest shares, with their values in the case."""
    from matplotlib.figure import Figure

    lines = min(SHOWN, len(columns))
    figure = Figure(figsize=(10, (1.2 + 0.2 * lines) * -(-len(cases) // 2)), layout="constrained")
    axes = figure.subplots(-(-len(cases) // 2), 2, squeeze=False)
    for axis in axes.flat[len(cases) :]:
        axis.set_axis_off()
    for axis, case, values in zip(axes.flat, cases, shares, strict=False):
        order = values.abs().argsort(descending=True, stable=True)[:lines].tolist()
        names = [f"{columns[i].name} = {columns[i].value(case.inputs[0].cpu())}" for i in order]
        bars(axis, names, [float(values[i]) for i in order])
        label(axis, f"{heading(case)}\nwhy {case.answer}? value {case.value:.4g}", 60)
        axis.set_xlabel("for the answer (red), against it (blue)", fontsize=7)
    return png(figure)


def importances(table: list[dict[str, Any]], score: str) -> bytes:
    """The most important columns, with the deviation over the shuffles."""
    from matplotlib.figure import Figure

    shown = table[:20]
    figure = Figure(figsize=(7, 1 + 0.28 * len(shown)), layout="constrained")
    axis = figure.subplots()
    deviations = [row["standard_deviation"] for row in shown]
    bars(axis, [row["column"] for row in shown], [row["importance"] for row in shown], deviations)
    axis.set_xlabel(f"{score} that is lost where the column is shuffled", fontsize=8, parse_math=False)
    return png(figure)


def bars(axis: Axes, names: Sequence[str], values: Sequence[float], deviations: Sequence[float] | None = None) -> None:
    """Horizontal bars, the first one on top."""
    places = range(len(names))
    axis.barh(places, values, xerr=deviations, color=[FOR if v >= 0 else AGAINST for v in values])
    axis.set_yticks(places)
    axis.set_yticklabels([_short(name) for name in names], fontsize=7, parse_math=False)
    axis.tick_params(axis="x", labelsize=7)
    axis.invert_yaxis()
    axis.axvline(0, color="0.3", linewidth=0.8)
    axis.grid(alpha=0.3, axis="x")
    axis.spines[["top", "right"]].set_visible(False)


def _short(name: str) -> str:
    text = printable(name).replace("\n", "\\n")
    return text if len(text) <= 48 else f"{text[:45]}..."


def table_of(cases: Sequence[Case], shares: Sequence[Tensor], columns: list[InputColumn]) -> bytes:
    """A line for each case and column: the column's value in its unit, and its share."""
    rows = [["example", "explained", "column", "value", "share"]]
    for case, values in zip(cases, shares, strict=True):
        inputs = case.inputs[0].cpu()
        for column, share in zip(columns, values.tolist(), strict=True):
            rows.append([case.place, case.answer, column.name, column.value(inputs), f"{share:.6g}"])
    return as_csv(rows).encode(errors="replace")
