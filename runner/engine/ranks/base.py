"""What the loop asks of the other processes of its run; where there are none, everything is as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from runner.engine.fit import Fit
    from runner.engine.interrupt import Interrupt
    from runner.engine.metric import Statistic
    from runner.engine.pace import Pace

T = TypeVar("T")
Strategy = Literal["single", "ddp", "fsdp", "dp"]


class Ranks:
    """One process alone: there is nobody to agree with, and nothing is paid for it.

    Attributes:
        name: as in ``trainer.strategy``.
        rank: number of this process, from 0.
        world: number of processes.
        sharded: whether every rank holds a part of the weights only.
    """

    name: ClassVar[Strategy] = "single"
    sharded: ClassVar[bool] = False
    rank: int = 0
    world: int = 1

    @property
    def main(self) -> bool:
        """Whether this is the process that looks at clocks and files, tells and writes."""
        return self.rank == 0

    # How the network is called.

    def placed(self, model: nn.Module) -> nn.Module:
        """The network on its devices, before its optimizer is made."""
        return model

    def called(self, fit: Fit) -> nn.Module:
        """What is called in the place of the network in the epoch that begins."""
        return fit.network

    def reduce_with(self, network: nn.Module, wanted: bool) -> None:
        """Say whether the gradients of the next pass are the last of their update, so that ranks exchange them."""

    def reduce_beside(self, parameters: Sequence[Tensor]) -> None:
        """Take the mean over ranks of gradients of parameters that are not the network's."""

    # What is known of all ranks in every update.

    def attend(self, interrupt: Interrupt, pace: Pace) -> None:
        """Listen, from here on, to what asks this process to stop, and to its clock."""
        self.interrupt, self.pace = interrupt, pace

    def total(self, units: Sequence[int | Tensor], repeated: Sequence[bool]) -> Any:
        """The units of an update over all its micro-batches and ranks: what `share` takes.

        Args:
            units: of each micro-batch here.
            repeated: whether all ranks have the same one (`Batch.repeated`).
        """
        return sum(units)

    def share(self, units: int | Tensor, total: Any, repeated: bool) -> float | Tensor:
        """What the mean loss of a micro-batch with `units` counts in that of its update."""
        share: float | Tensor = units / total
        return share

    def interrupted(self) -> str | None:
        """Name of the signal by which any rank was asked to stop, as of the last update."""
        return self.interrupt.requested

    def is_due(self) -> bool:
        """Whether it is time to look at the things that go by the clock."""
        return self.pace.is_due()

    # What is decided by one and followed by all.

    def agreed(self, value: T) -> T:
        """The value that rank 0 has."""
        return value

    def all(self, true: bool) -> bool:
        """Whether it is true on every rank."""
        return true

    def first(self, make: Callable[[], T]) -> T:
        """What `make` gives, called by rank 0 before the others: it may download and fill caches."""
        return make()

    # What is added up.

    def merged_losses(self, values: list[float], units: list[float]) -> tuple[list[float], list[float]]:
        """Mean loss and units of every micro-batch over all ranks."""
        return values, units

    def merged_totals(self, statistics: Sequence[Statistic]) -> list[Tensor | None]:
        """The totals of statistics over all ranks."""
        return [statistic.total for statistic in statistics]

    def gathered(self, value: T) -> list[T]:
        """The values of all ranks, for rank 0; the others get their own alone."""
        return [value]

    def average_buffers(self, model: nn.Module) -> None:
        """Take the mean over ranks of running statistics, such as batch norm's, before they are scored or saved.

        They are moving averages of what each rank saw, so that their mean is the moving average of the means.
        """

    # Weights, of which a rank may hold parts only.

    def own_part(self, tensor: Tensor) -> Tensor:
        """What this rank holds of a tensor."""
        return tensor

    def full(self, tensor: Tensor) -> Tensor:
        """A tensor in one piece, on every rank."""
        return tensor

    def whole(self, content: Any) -> Any:
        """A state with every tensor in one piece, for rank 0; what the others get is not to be used."""
        return content

    def parted(self, state: Any, like: Any) -> Any:
        """A state with tensors in the parts in which `like`, a state of the same form, has them."""
        return state

    def parted_optimizer(self, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
        """An optimizer's state with tensors in the parts in which it has its parameters."""
        return state

    @contextmanager
    def failing_together(self) -> Iterator[None]:
        """While this lasts, what ends one rank ends all of them, with its cause."""
        yield
