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
        features: their numbers in `Explained.whole`, in order; of words that are embedded theirs comes first.
        fitted: how it was read; None where nothing raw is known of it.
    """

    name: str
    features: tuple[int, ...]
    fitted: TableColumn | None = None

    def value(self, inputs: Tensor) -> str:
        """The column's value in one example of `Explained.whole` ``(F + K,)``, in its own unit."""
        numbers = inputs[list(self.features)].tolist()
        if self.fitted is None:
            return f"{numbers[0]:.4g}"
        if self.fitted.indicator and numbers.pop() > 0.5:
            return "(missing)"
        if self.fitted.kind == "words" and self.fitted.encoding != "target":
            if self.fitted.encoding == "embedding":
                return dict(enumerate(self.fitted.words)).get(int(numbers[0]), "(unknown)")
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
    transform, behind = explained.network.transform, explained.spec.input_shape[-1]
    if isinstance(transform, TableTransform):
        found, at = [], 0
        for column in transform.columns:
            features = tuple(range(at, at + len(column.features)))
            at += len(features)
            if column.encoding == "embedding" and column.kind == "words":
                features, behind = (behind, *features), behind + 1
            found.append(InputColumn(column.name, features, column))
        return found
    names = explained.spec.feature_names or [f"feature {i + 1}" for i in range(behind)]
    if explained.embeds:
        names = [*names, *explained.spec.more["categories"].names]
    return [InputColumn(name, (i,)) for i, name in enumerate(names)]


def mask_of(columns: list[InputColumn], device: torch.device) -> Tensor:
    """The number of the column that each feature is of ``(1, features)``, as captum takes groups."""
    owner = {feature: number for number, column in enumerate(columns) for feature in column.features}
    return torch.tensor([[owner[feature] for feature in sorted(owner)]], device=device)
