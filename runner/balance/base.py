"""The base of options that change how often classes are trained with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from runner.engine.data import Data
    from runner.engine.spec import Kind
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

    def balanced(self, train: Split, classes: int, seed: int) -> Split:
        """The training part with classes as often as wanted.

        Args:
            train: as loaded; `Split.classes` tells the class of each example.
            classes: how many there are.
            seed: of what is drawn.
        """
        raise NotImplementedError

    def __call__(self, data: Data, seed: int) -> Data:
        """The data with another training part; losses that weigh classes see how often they are there now."""
        assert data.spec.num_classes is not None
        train = self.balanced(data.train, data.spec.num_classes, seed)
        return replace(data, parts={**data.parts, "train": train}, spec=data.spec.with_counts(train.classes()))
