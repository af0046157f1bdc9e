"""What a model, a loss and a metric must know of the data, and nothing more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Task = Literal["classification", "regression"]
Inputs = Literal["table", "series", "images"]


@dataclass(frozen=True)
class DataSpec:
    """Facts about a data set that networks are built from.

    Attributes:
        task: what is predicted.
        input_shape: shape of one example, without the batch: ``(features,)`` for tables, ``(channels, height, width)``
            for images, ``(steps, features)`` for series.
        num_outputs: width of the network's last layer. Set by the data (classes or targets); a loss may change it
            (one logit instead of two classes).
        num_classes: number of classes; None for regression.
        class_names: one name per class, in index order; empty when the classes have none.
        class_counts: examples per class in the training split.
        feature_names: one name per feature of a table; empty otherwise.
        target_mean: mean that was subtracted from regression targets (0.0: none was).
        target_std: standard deviation that regression targets were divided by (1.0: none was).
    """

    task: Task
    input_shape: tuple[int, ...]
    num_outputs: int
    num_classes: int | None = None
    class_names: tuple[str, ...] = ()
    class_counts: tuple[int, ...] = ()
    feature_names: tuple[str, ...] = ()
    target_mean: float = 0.0
    target_std: float = 1.0

    @property
    def inputs(self) -> Inputs | None:
        """What an example is, by the number of its dimensions; None where that is neither 1, 2 nor 3."""
        kinds: dict[int, Inputs] = {1: "table", 2: "series", 3: "images"}
        return kinds.get(len(self.input_shape))

    def with_outputs(self, num_outputs: int) -> DataSpec:
        """The same data with another width of the last layer."""
        return replace(self, num_outputs=num_outputs)


@dataclass(frozen=True)
class Probe:
    """What a data option knows of itself without loading anything; None where it can't know.

    Attributes:
        task: what is predicted.
        num_classes: number of classes.
        inputs: whether an example is a row of a table ``(features,)``, a series ``(steps, features)`` or an image
            ``(channels, height, width)``. Networks and techniques that do not take all of them name those they
            take in a class attribute ``takes``.
    """

    task: Task | None = None
    num_classes: int | None = None
    inputs: Inputs | None = None
