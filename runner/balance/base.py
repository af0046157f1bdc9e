"""The base of options that change how often classes are trained with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import torch

from runner.errors import ConfigError, counted

if TYPE_CHECKING:
    from runner.engine.data import Data
    from runner.engine.spec import Kind, Spec
    from runner.engine.split import Split


class Balance:
    """Changes the training part of a classification; val and test, and what is evaluated later, stay as they are.

    A subclass implements `balanced`.

    Attributes:
        takes: kinds of inputs that it can be used with; None: any.
        tasks: those that it is for.
    """

    takes: ClassVar[tuple[Kind, ...] | None] = None
    tasks: ClassVar[tuple[str, ...]] = ("classification",)

    def balanced(self, train: Split, spec: Spec, seed: int) -> Split:
        """The training part with classes as often as wanted.

        Args:
            train: as loaded; `Split.classes` tells the class of each example, of which at least two are there.
            spec: of the data: how many classes there are, and their names.
            seed: of what is drawn.

        Raises:
            ConfigError: it can't be done with so few examples of a class.
        """
        raise NotImplementedError

    def __call__(self, data: Data, seed: int) -> Data:
        """The data with another training part; losses that weigh classes see how often they are in an epoch now.

        Raises:
            ConfigError: the examples are a stream, all of one class, or too few of one.
        """
        name = type(self).__name__
        if not data.train.listed:
            raise ConfigError(f"balance: {name} needs all examples at once, and these come as a stream. Leave it out.")
        before = data.train.classes()
        if len(before.unique()) < 2:
            raise ConfigError(
                f"balance: {name} has nothing to balance: all {counted(len(before), 'training example')} are of one "
                "class. Leave it out."
            )
        train = self.balanced(data.train, data.spec, seed)
        epoch = train.order(torch.Generator().manual_seed(seed))
        spec = data.spec.with_counts(train.classes()[epoch])
        note = f"{name} trains on {len(epoch):,} examples an epoch, of {len(before):,}; {_range(spec.class_counts)}"
        return replace(data, parts={**data.parts, "train": train}, spec=spec, notes=(*data.notes, note))


def _range(counts: tuple[int, ...]) -> str:
    """How often classes are there, those without examples left out."""
    there = [count for count in counts if count]
    least, most = min(there), max(there)
    return f"{least:,} of each class" if least == most else f"{least:,} to {most:,} of a class"
