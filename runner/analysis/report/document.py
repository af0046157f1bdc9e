"""What a report is made of, whichever form it gets: sections of words, points, tables, pictures and code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from runner.analysis.numbers import number
from runner.analysis.run import number as finite
from runner.analysis.settings import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Mark = Literal["", "better", "worse", "equivalent", "open", "few", "warning"]
"""What a sign stands for, beside the words that say the same: a verdict, or a warning."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what it shows.
        key: the number by which it is sorted; None: by its text.
        share: of a whole, in [0, 1], that is shown behind the text; None where it is none.
        mark: see `Mark`.
    """

    text: str
    key: float | None = None
    share: float | None = None
    mark: Mark = ""


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    kind: ClassVar = "words"
    text: str


@dataclass(frozen=True)
class Point:
    """An entry of a list.

    Attributes:
        text: what it says.
        mark: see `Mark`.
    """

    text: str
    mark: Mark = ""


@dataclass(frozen=True)
class Points:
    """A list."""

    kind: ClassVar = "points"
    points: Sequence[Point]


@dataclass(frozen=True)
class Table:
    """A table; the first column names its rows.

    Attributes:
        caption: what it shows.
        columns: their names.
        rows: cells, as many in each as there are columns.
        sortable: whether another order of its rows makes sense.
    """

    kind: ClassVar = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    sortable: bool = True

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers: those in which a cell has a key, and no cell without one says anything."""
        cells = [[row[i] for row in self.rows] for i in range(len(self.columns))]
        return [
            any(cell.key is not None for cell in column)
            and all(cell.key is not None or cell.text in ("-", "") for cell in column)
            for column in cells
        ]


@dataclass(frozen=True)
class Picture:
    """A picture: drawn anew, or as it lies in a folder.

    Attributes:
        name: of its file, where it gets one.
        content: a figure, or a PNG.
        caption: what it shows.
        alt: what is to be seen in it, for those who don't.
    """

    kind: ClassVar = "picture"
    name: str
    content: Figure | bytes
    caption: str
    alt: str

    @property
    def kind_of_content(self) -> Literal["drawn", "png"]:
        """Whether it is drawn anew, and can be as wide as the page."""
        return "png" if isinstance(self.content, bytes) else "drawn"


@dataclass(frozen=True)
class Code:
    """Lines to be copied, or a file.

    Attributes:
        caption: what it is.
        text: the lines.
    """

    kind: ClassVar = "code"
    caption: str
    text: str


Block = Words | Points | Table | Picture | Code


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        title: its heading.
        blocks: what is in it.
        folded: whether it is opened on demand.
    """

    title: str
    blocks: Sequence[Block]
    folded: bool = False


@dataclass(frozen=True)
class Report:
    """A report.

    Attributes:
        kind: of what: run, sweep, ablation, comparison.
        name: of its folder.
        question: in a sentence.
        about: what more there is to the question: by which score, under which circumstances.
        answer: what came out, in words, the headline first.
        sections: the rest.
    """

    kind: str
    name: str
    question: str
    about: str
    answer: Sequence[Point]
    sections: Sequence[Section] = field(default_factory=list)


def cell(value: object, mark: Mark = "") -> Cell:
    """A value as it stands in a table, sorted by what it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return Cell("-" if value is None else shown(value), mark=mark)
    return Cell(str(value) if isinstance(value, int) else number(value), float(value), mark=mark)


def rows_of(rows: Sequence[Sequence[object]]) -> list[list[Cell]]:
    """Values as cells."""
    return [[value if isinstance(value, Cell) else cell(value) for value in row] for row in rows]


def facts(caption: str, pairs: Sequence[tuple[str, object]]) -> Table:
    """Names and what is to be said of each; those of which nothing is known are left out."""
    known = [(name, value) for name, value in pairs if value is not None and value != ""]
    return Table(caption, ("what", "value"), rows_of(known), sortable=False)


def short(value: str) -> str:
    """A setting with four significant digits where it is a number with more; configurations have all of them."""
    try:
        return f"{float(value):.4g}" if len(value) > 8 else value
    except ValueError:
        return value


def setting(value: str) -> Cell:
    """A setting, sorted as a number where it is one."""
    try:
        return Cell(short(value), finite(float(value)))
    except ValueError:
        return Cell(value)
