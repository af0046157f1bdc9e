"""How diagnostics look at a network without touching its training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from runner.engine.batch import Batch
    from runner.engine.fit import Fit


def layer_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights (two or more dimensions) of all layers by layer name, in the order in which they were defined."""
    return {
        name.removesuffix(".weight"): parameter for name, parameter in model.named_parameters() if parameter.ndim > 1
    }


def examples(fit: Fit, count: int) -> Batch:
    """`count` training examples, or all when there are fewer: the first of the first epoch's order.

    The same in every look, in every session of a run.
    """
    return fit.train.read(fit.train.order(0)[:count])


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """The network without dropout and with the running statistics of its normalizations, then as it was."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def scalars(values: Tensor) -> list[float]:
    """The entries of a vector, read from the device at once."""
    numbers: list[float] = values.tolist()
    return numbers
