"""A data option of random tensors: the benchmarks measure steps, not learning."""

from dataclasses import dataclass
from typing import Literal

import torch

from runner.data.base import DataOption
from runner.engine.data import Data
from runner.engine.spec import Spec
from runner.engine.split import TensorSplit


@dataclass(kw_only=True)
class RandomTensors(DataOption):
    """Gaussian inputs and uniform classes, or Gaussian values, the same in every run.

    Args:
        shape: shape of one example.
        examples: training examples; 64 more to validate on.
        batch_size: examples per micro-batch.
        task: what is predicted.
    """

    shape: tuple[int, ...]
    examples: int = 12800
    batch_size: int = 64
    task: Literal["classification", "regression"] = "classification"

    def probe(self) -> Spec:
        """Everything, without loading."""
        if self.task == "classification":
            return Spec.classification(self.shape, 10)
        return Spec.regression(self.shape, 10)

    def load(self) -> Data:
        """Draw the tensors."""
        generator = torch.Generator().manual_seed(0)
        inputs = torch.randn(self.examples + 64, *self.shape, generator=generator)
        if self.task == "classification":
            targets = torch.randint(10, (self.examples + 64,), generator=generator)
        else:
            targets = torch.randn(self.examples + 64, 10, generator=generator)
        train = TensorSplit(inputs[:-64], targets[:-64])
        val = TensorSplit(inputs[-64:], targets[-64:])
        return Data(self.probe(), {"train": train, "val": val}, "random")
