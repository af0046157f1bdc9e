"""Rows of a table, as objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from runner.data.table.rows import texts_of
from runner.deploy.serve.forms.form import Form

if TYPE_CHECKING:
    from runner.data.table.measure import Column
    from runner.data.table.transform import TableTransform

SHOWN = 1000  # categories of a column that are named
LARGEST = 1e300
MORE = 1000  # columns that a row may have besides


class Table(Form):
    """Rows ``{column: value}`` with all columns that training had; null is a gap.

    Args:
        transform: of the data.
    """

    key: ClassVar[str] = "rows"

    def __init__(self, transform: TableTransform) -> None:
        self.transform = transform
        self.names = [column.name for column in transform.columns]
        self.numeric = [column.kind == "number" for column in transform.columns]

    def one(self, value: Any) -> list[str | float | None]:
        """See `Form.one`; numbers stay such in columns of numbers, which are read faster than texts."""
        if isinstance(value, dict) and len(value) > len(self.names) + MORE:
            raise ValueError(f"has {len(value):,} columns; training had {len(self.names):,}.")
        try:
            texts = texts_of(value, self.names)
        except ValueError as error:
            raise ValueError(f"{error}.") from error
        return [
            float(value[name]) if numeric and _is_number(value[name]) else _written(text)
            for name, numeric, text in zip(self.names, self.numeric, texts, strict=True)
        ]

    def together(self, examples: Sequence[Any]) -> pl.DataFrame:
        """See `Form.together`."""
        columns = zip(self.names, self.numeric, zip(*examples, strict=True), strict=True)
        return pl.DataFrame([_column(name, numeric, values) for name, numeric, values in columns])

    def refused(self, examples: Sequence[Any]) -> dict[int, str]:
        """See `Form.refused`."""
        refused = self.transform.understand(self.together(examples))[1]
        return {place: f"{reason}." for place, reason in refused.items()}

    def sample(self) -> dict[str, Any]:
        """What fills the gaps of each column of numbers, and the first word of each other."""
        return {column.name: _usual(column) for column in self.transform.columns}

    def schema(self) -> dict[str, Any]:
        """See `Form.schema`. Words that training did not have are taken too."""
        return {
            "type": "object",
            "properties": {column.name: _schema(column) for column in self.transform.columns},
            "required": self.names,
        }

    def facts(self) -> dict[str, Any]:
        """The kind of each column."""
        return {"columns": [{"name": column.name, "kind": column.kind} for column in self.transform.columns]}


def _is_number(value: Any) -> bool:
    """Whether it is one that float64 has."""
    return type(value) in (int, float) and abs(value) < LARGEST


def _written(text: str | None) -> str | None:
    """Half of a pair, which only an escape in JSON can give, has no UTF-8."""
    return text if text is None or text.isascii() else text.encode(errors="replace").decode()


def _column(name: str, numeric: bool, values: Sequence[str | float | None]) -> pl.Series:
    if numeric and not any(isinstance(value, str) for value in values):
        return pl.Series(name, values, pl.Float64())
    texts = [repr(value) if isinstance(value, float) else value for value in values]
    return pl.Series(name, texts, pl.String())


def _usual(column: Column) -> Any:
    if column.kind == "number":
        return float(f"{column.measures[0].fill:.4g}")
    return column.words[0] if column.kind == "words" and column.words else None


def _schema(column: Column) -> dict[str, Any]:
    if column.kind == "number":
        return {"type": ["number", "string", "null"], "description": "a finite number; null: a gap"}
    if column.kind == "date":
        return {"type": ["string", "null"], "format": "date-time", "description": "an ISO date or time; null: a gap"}
    return {
        "type": ["string", "number", "boolean", "null"],
        "description": "a category; null: a gap",
        "examples": column.words[:SHOWN],
    }
