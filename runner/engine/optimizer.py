"""What the loop must know of an optimizer beyond torch's own base."""

from __future__ import annotations

from contextlib import AbstractContextManager

from torch.optim import Optimizer


class Averaging(Optimizer):
    """The base of optimizers that train with other weights than those that are meant: an average they keep."""

    def evaluating(self) -> AbstractContextManager[None]:
        """While this lasts, the parameters are the average; afterwards they are exactly what they were."""
        raise NotImplementedError
