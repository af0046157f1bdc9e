"""How diagnostics look at a network without touching its training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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


class Streaks:
    """What is noticed about each layer, and since when without a break.

    Attributes:
        current: by layer, the first epoch of its streak and the value of the last look.
    """

    def __init__(self) -> None:
        self.current: dict[str, tuple[int, float]] = {}

    def look(self, epoch: int, found: dict[str, float]) -> None:
        """Take what a look in `epoch` noticed, by layer; the streaks of all other layers end."""
        since = {name: streak[0] for name, streak in self.current.items()}
        self.current = {name: (since.get(name, epoch), value) for name, value in found.items()}

    def __bool__(self) -> bool:
        return bool(self.current)

    @property
    def names(self) -> str:
        """The layers in words: ``layers a, b, c and 4 more``."""
        names = list(self.current)
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"layer{'s' if len(names) > 1 else ''} {', '.join(names[:3])}{more}"

    @property
    def since(self) -> int:
        """The epoch in which the oldest streak began."""
        return min(since for since, _ in self.current.values())

    @property
    def values(self) -> list[float]:
        """The last values."""
        return [value for _, value in self.current.values()]

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        return {name: list(streak) for name, streak in self.current.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.current = {name: (since, value) for name, (since, value) in state.items()}


def scalars(values: Tensor) -> list[float]:
    """The entries of a vector, read from the device at once."""
    numbers: list[float] = values.tolist()
    return numbers
