"""The data that are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from runner.cleaning.duplicates import AT_ONCE, digests
from runner.cleaning.likeness.near import ORDER
from runner.cleaning.likeness.vectors import COMPARABLE, vectors
from runner.config.groups import BY_NAME
from runner.data.base import TableOption
from runner.inspection.finding import Example

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from runner.config.recipe import Recipe
    from runner.engine.data import Data
    from runner.engine.spec import Kind


@dataclass(frozen=True)
class Subject:
    """The data of a command, cleaned as it says and with no features made of them yet.

    Attributes:
        recipe: checked.
        data: loaded.
        seed: what cleaning would draw with.
    """

    recipe: Recipe
    data: Data
    seed: int

    @property
    def kind(self) -> Kind | None:
        """What the inputs are."""
        return self.data.spec.inputs.kind if self.data.spec.inputs else None

    @property
    def size(self) -> int:
        """Examples of all parts."""
        return sum(self.data.sizes.values())

    @property
    def comparable(self) -> bool:
        """Whether examples are vectors of one length."""
        return self.kind in COMPARABLE

    @property
    def chosen(self) -> tuple[str, ...]:
        """The options of ``cleaning`` that the command has already."""
        return tuple(node.key.partition(".")[2] for node in self.recipe.of(BY_NAME["cleaning"]))

    @cached_property
    def vectors(self) -> dict[str, NDArray[np.float32]]:
        """The inputs of each part as vectors."""
        return {name: vectors(part) for name, part in self.data.parts.items()}

    @cached_property
    def labels(self) -> dict[str, NDArray[np.int64]]:
        """The classes of each part; of a classification only."""
        return {name: part.classes().numpy() for name, part in self.data.parts.items()}

    @cached_property
    def copies(self) -> tuple[Example, ...]:
        """Examples that are equal to another, bit by bit; every example is read once."""
        first: dict[bytes, tuple[str, int]] = {}
        found = []
        for name in [name for name in ORDER if name in self.data.parts]:
            for row, digest in enumerate(digests(self.data.parts[name])):
                if digest in first:
                    found.append(Example(name, row, "equal", first[digest]))
                else:
                    first[digest] = (name, row)
        return tuple(found)

    def contrary(self, example: Example) -> str:
        """What an example and the one that it is like are labelled, where that differs; empty otherwise."""
        if example.like is None or self.data.spec.task != "classification":
            return ""
        both = (example.part, example.row), example.like
        mine, theirs = (self.class_name(int(self.labels[part][row])) for part, row in both)
        return "" if mine == theirs else f"labelled {mine}, the other {theirs}"

    @cached_property
    def not_finite(self) -> tuple[Example, ...]:
        """Examples whose inputs hold a number that is infinite or none; every example is read once.

        Of a graph, where every batch holds all nodes, there are none: its features are counts of our own.
        """
        found: list[Example] = []
        for name, part in self.data.parts.items() if self.kind != "graph" else ():
            for rows in torch.arange(len(part)).split(AT_ONCE):
                inputs = part.read(rows).inputs
                if inputs.is_floating_point():
                    broken = rows[~inputs.flatten(1).isfinite().all(dim=1)].tolist()
                    found += [Example(name, row, "not finite") for row in broken]
        return tuple(found)

    @cached_property
    def table(self) -> pl.DataFrame | None:
        """The columns of a table's file as they were read, gaps as they are; None of other data."""
        option = self.recipe.data
        return option.raw() if isinstance(option, TableOption) else None

    def takes(self, setting: str) -> bool:
        """Whether the data have a setting, such as ``exclude``, so that an override can act on it."""
        return hasattr(self.recipe.data, setting)

    def class_name(self, number: int) -> str:
        """A class by its name, or its number where it has none."""
        names = self.data.spec.class_names
        return names[number] if names else str(number)
