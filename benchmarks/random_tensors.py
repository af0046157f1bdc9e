"""A data option of random tensors: the benchmarks measure steps, not learning."""

from dataclasses import dataclass

import torch

from runner.data.base import DataOption
from runner.engine.spec import Spec, Task
from runner.engine.split import Splits, TensorSplit


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
    task: Task = "classification"

    def probe(self) -> Probe:
        """The task, without loading."""
        return Probe(self.task, 10 if self.task == "classification" else None)

    def load(self) -> Splits:
        """Draw the tensors."""
        generator = torch.Generator().manual_seed(0)
        inputs = torch.randn(self.examples + 64, *self.shape, generator=generator)
        if self.task == "classification":
            targets = torch.randint(10, (self.examples + 64,), generator=generator)
            spec = Spec.regression(self.shape, 10)
        else:
            targets = torch.randn(self.examples + 64, 10, generator=generator)
            spec = Spec.regression(self.shape, 10)
        train = TensorSplit(inputs[:-64], targets[:-64])
        val = TensorSplit(inputs[-64:], targets[-64:])
        return Splits(spec, train, val, None, "random")
