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

    def one(self, value: Any) -> list[str | None]:
        """See `Form.one`."""
        if isinstance(value, dict) and len(value) > len(self.names) + MORE:
            raise ValueError(f"has {len(value):,} columns; training had {len(self.names):,}.")
        try:
            texts = texts_of(value, self.names)
        except ValueError as error:
            raise ValueError(f"{error}.") from error
        # A single half of a pair, which only an escape in JSON can give, has no UTF-8.
        return [text if text is None or text.isascii() else text.encode(errors="replace").decode() for text in texts]

    def together(self, examples: Sequence[Any]) -> tuple[pl.DataFrame, dict[int, str]]:
        """See `Form.together`."""
        frame = pl.DataFrame(list(examples), dict.fromkeys(self.names, pl.String()), orient="row")
        understood, refused = self.transform.understand(frame)
        if refused:
            understood = understood.filter(~pl.int_range(len(frame), eager=True).is_in(list(refused)))
        return understood, {place: f"{reason}." for place, reason in refused.items()}

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
