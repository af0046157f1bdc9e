"""Examples as the engine takes them: tensors that fit in memory, or a dataset that is read while training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.data import Dataset

    from runner.engine.spec import DataSpec


@dataclass(frozen=True)
class TensorSplit:
    """Examples in memory; the engine moves them to the device once.

    Attributes:
        inputs: float32 ``(N, *input_shape)``, already scaled.
        targets: class indices ``(N,)`` int64, or float32 values ``(N, targets)``.
    """

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class DatasetSplit:
    """Examples read one by one by worker processes.

    Attributes:
        dataset: map-style; ``dataset[i]`` is ``(input, target)`` as in `TensorSplit`, without the batch dimension.
        size: number of examples.
    """

    dataset: Dataset[tuple[Tensor, Tensor]]
    size: int

    def __len__(self) -> int:
        return self.size


Split = TensorSplit | DatasetSplit


@dataclass(frozen=True)
class Splits:
    """A data option, loaded.

    Attributes:
        spec: what models, losses and metrics must know of it.
        train: examples to learn from.
        val: examples to choose by.
        test: examples that are looked at once, at the end; None when there are none.
        fingerprint: hash of the raw content, for the manifest.
        notes: what the user should hear about the data, in words ("12 rows without a target left out").
    """

    spec: DataSpec
    train: Split
    val: Split
    test: Split | None
    fingerprint: str
    notes: tuple[str, ...] = field(default=())

    def named(self, name: str) -> Split | None:
        """The split called ``train``, ``val`` or ``test``."""
        split: Split | None = {"train": self.train, "val": self.val, "test": self.test}[name]
        return split


def drawn_inputs(split: Split, number: int, seed: int) -> Tensor:
    """The inputs of `number` random examples, or of all when there are fewer: ``(N, *input_shape)``.

    The first ones would not do where statistics are taken from them: rows are often stored class by class.
    """
    import torch

    rows = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))[:number]
    if isinstance(split, TensorSplit):
        return split.inputs[rows.to(split.inputs.device)]
    return torch.stack([split.dataset[i][0] for i in rows.tolist()])
