"""New rows of rare classes, made of those that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch

from runner.balance.base import Balance
from runner.engine.split import TensorSplit
from runner.errors import ConfigError, counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from runner.engine.spec import Kind, Spec
    from runner.engine.split import Split


class Synthetic(Balance):
    """Adds rows until every class is about as frequent as the most frequent one; a subclass says how.

    The rows that are there stay, in front. A new row belongs to no place of a file.

    Args:
        neighbours: rows of the same class that a new one is made with.
    """

    takes: ClassVar[tuple[Kind, ...] | None] = ("table",)

    def __init__(self, neighbours: int) -> None:
        self.neighbours = neighbours

    def sampler(self, seed: int) -> Any:
        """The sampler of imbalanced-learn that makes them.

        Args:
            seed: its ``random_state``.
        """
        raise NotImplementedError

    def made(self, inputs: Tensor, classes: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """All rows ``(M, F)``, those that were there first, and their classes ``(M,)``.

        Args:
            inputs: rows ``(N, F)`` float32.
            classes: of each ``(N,)``.
            seed: of what is drawn, at least 0 and below 2**32.
        """
        rows, of = resampled(self.sampler(seed), inputs.numpy(), classes.numpy())
        return torch.from_numpy(rows), torch.from_numpy(of)

    def balanced(self, train: Split, spec: Spec, seed: int) -> Split:
        """See `Balance.balanced`.

        Raises:
            ConfigError: a class that wants new rows has too few to make them of.
        """
        batch = train.read(torch.arange(len(train)))
        if batch.more:
            raise ConfigError(
                f"balance: {type(self).__name__} makes rows of numbers, and these data give networks "
                f"{', '.join(batch.more)} beside. Take balance=oversampling."
            )
        self._check(batch.targets, spec)
        inputs, targets = self.made(batch.inputs.cpu(), batch.targets.cpu(), seed % 2**32)
        places = [train.place(row) for row in range(len(train))]
        return TensorSplit(inputs, targets, places=[*places, *[""] * (len(targets) - len(train))])

    def _check(self, classes: Tensor, spec: Spec) -> None:
        counts = classes.bincount().tolist()
        for number, count in enumerate(counts):
            if 0 < count < max(counts) and count <= self.neighbours:
                name = spec.class_names[number] if spec.class_names else str(number)
                instead = f"Give it at most {count - 1} neighbours" if count > 1 else "Add data"
                raise ConfigError(
                    f"balance: {type(self).__name__} makes new rows of {counted(self.neighbours, 'neighbour')} of the "
                    f"same class, and class {name!r} has {counted(count, 'training example')}. {instead}, or take "
                    "balance=oversampling."
                )


def resampled(sampler: Any, rows: NDArray[Any], of: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """What a sampler of imbalanced-learn makes of rows ``(N, F)`` and their classes ``(N,)``.

    Raises:
        ConfigError: it can't with these rows, and says why.
    """
    try:
        made, classes = sampler.fit_resample(rows, of)
    except (ValueError, RuntimeError) as error:
        raise ConfigError(
            f"balance: {type(sampler).__name__} can't be used with these rows: {' '.join(str(error).split())} "
            "balance=oversampling goes with any data."
        ) from error
    return made, classes
