"""The base of every section of an evaluation, and what all of them fill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runner.engine.metric import Scored, Statistic

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from runner.engine.spec import Spec
    from runner.engine.task import Task

Row = dict[str, Any]


@dataclass
class Findings:
    """What was found; plain values, None where something is undefined.

    Attributes:
        facts: by name, for ``evaluation.json``.
        tables: rows by the table's name, for ``evaluation.json`` and a CSV file each.
        files: rows that are many, for a CSV file each only.
        notes: what a reader must know of them, in sentences.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, list[Row]] = field(default_factory=dict)
    files: dict[str, list[Row]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def columns(self, name: str, rows: Sequence[Row]) -> None:
        """Put columns beside those that a table has already, row by row."""
        before = self.tables.get(name) or [{} for _ in rows]
        self.tables[name] = [{**old, **new} for old, new in zip(before, rows, strict=True)]


class Section:
    """A part of an evaluation: which sums it needs, what it finds in them, and how that is drawn.

    Subclasses stand one per file in ``runner/evaluation/section``; `Task.sections` names those that a task has.

    Args:
        task: what is predicted.
        full: whether what is drawn is wanted too.
        series: names of the series that examples are cut from, and the number of that of each example, in the order of
            the pass; None where there are not several.
    """

    def __init__(self, task: Task, full: bool, series: tuple[Sequence[str], Tensor] | None = None) -> None:
        self.task, self.full, self.series = task, full, series

    def statistics(self) -> Sequence[Callable[[Spec], Statistic]]:
        """Makers of the statistics whose totals `find` is given; added up in the pass that gives the scores."""
        raise NotImplementedError

    def find(self, totals: dict[Any, Tensor], found: Findings) -> None:
        """Read the totals, each on the CPU under the maker of its statistic."""
        raise NotImplementedError

    def draw(self, found: Findings) -> dict[str, Figure]:
        """Pictures by the name of their file, from what was found. Only here matplotlib is imported."""
        return {}


class NonFinite(Statistic):
    """Counts ``(1,)`` int64: examples for which not every probability is a finite number."""

    needs = frozenset({"probabilities"})

    def summarize(self, scored: Scored) -> Tensor:
        """The count of some examples, from probabilities ``(N, C)``."""
        assert scored.probabilities is not None
        bad: Tensor = (~scored.probabilities.isfinite()).flatten(1).any(1).sum().reshape(1)
        return bad


def told_of(totals: dict[Any, Tensor], found: Findings) -> bool:
    """Whether there were examples without finite probabilities; a note says so."""
    count = int(totals[NonFinite])
    note = (
        f"the network's outputs are no finite numbers for {count:,} example(s): curves and calibration are undefined, "
        "and their classes mean nothing"
    )
    if count and note not in found.notes:
        found.notes.append(note)
    return count > 0


def number(value: float) -> float | None:
    """A number for JSON; None where it is undefined."""
    return value if value == value and abs(value) != float("inf") else None


def ratio(numerator: float, denominator: float) -> float | None:
    """Their quotient; None where it is undefined."""
    return numerator / denominator if denominator else None


def listed(names: Sequence[str]) -> str:
    """Some names in a sentence: the first five."""
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
