"""What the numbers that a network is given of a table stand for: columns, with their values as they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from runner.data.table.measure import Column as TableColumn
from runner.data.table.transform import TableTransform

if TYPE_CHECKING:
    from torch import Tensor

    from runner.explain.subject.explained import Explained


@dataclass(frozen=True)
class InputColumn:
    """A column of a table, and the features made of it.

    Attributes:
        name: its name.
        features: their numbers, in order.
        fitted: how it was read; None where nothing raw is known of it.
    """

    name: str
    features: tuple[int, ...]
    fitted: TableColumn | None = None

    def value(self, inputs: Tensor) -> str:
        """The column's value in one example ``(features of the table,)``, in its own unit."""
        numbers = inputs[list(self.features)].tolist()
        if self.fitted is None:
            return f"{numbers[0]:.4g}"
        if self.fitted.indicator and numbers.pop() > 0.5:
            return "(missing)"
        if self.fitted.kind == "words" and self.fitted.encoding != "target":
            if self.fitted.encoding == "ordinal":
                return str(self.fitted.raw(numbers)[self.name] or "(unknown)")
            named = [word for word, mark in zip(self.fitted.words, numbers, strict=True) if mark > 0.5]
            return named[0] if named else "(unknown)"
        parts = [
            f"{measure.part} {measure.undo(number):.4g}".strip()
            for measure, number in zip(self.fitted.measures, numbers, strict=True)
        ]
        return ", ".join(parts)


def columns_of(explained: Explained) -> list[InputColumn]:
    """The columns of a table: those of its file, or a feature each."""
    transform = explained.network.transform
    if isinstance(transform, TableTransform):
        found, at = [], 0
        for column in transform.columns:
            width = len(column.features)
            if width:  # words that are embedded are none of the inputs
                found.append(InputColumn(column.name, tuple(range(at, at + width)), column))
            at += width
        return found
    names = explained.spec.feature_names or [f"feature {i + 1}" for i in range(explained.spec.input_shape[-1])]
    return [InputColumn(name, (i,)) for i, name in enumerate(names)]


def mask_of(columns: list[InputColumn], device: torch.device) -> Tensor:
    """The number of the column that each feature is of ``(1, features)``, as captum takes groups."""
    owner = [number for number, column in enumerate(columns) for _ in column.features]
    return torch.tensor([owner], device=device)
