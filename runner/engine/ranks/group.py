"""What ranks tell each other: one small message in every update, and what is agreed on where something is decided."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from runner.engine.ranks.base import Ranks
from runner.engine.ranks.batch_norm import synchronized
from runner.engine.ranks.failure import Failures

if TYPE_CHECKING:
    from torch import nn

    from runner.engine.interrupt import Interrupt
    from runner.engine.metric import Statistic
    from runner.engine.pace import Pace

T = TypeVar("T")

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_CPU = torch.device("cpu")


class Group(Ranks):
    """The base of strategies with several processes.

    Its messages are tensors on the CPU (gloo), so that none of them waits for a GPU.

    Args:
        failures: tells why another rank ended.
        sync_batch_norm: as in ``trainer.sync_batch_norm``.

    Attributes:
        heard: the signal by which any rank was asked to stop, as of the last update.
        due: whether rank 0's clock said that it is time, since this was last asked.
    """

    def __init__(self, failures: Failures, sync_batch_norm: bool) -> None:
        self.rank, self.world = dist.get_rank(), dist.get_world_size()
        self.failures, self.sync_batch_norm = failures, sync_batch_norm
        self.heard: str | None = None
        self.due = False

    def placed(self, model: nn.Module) -> nn.Module:
        """See `Ranks.placed`."""
        return synchronized(model) if self.sync_batch_norm else model

    def attend(self, interrupt: Interrupt, pace: Pace) -> None:
        """See `Ranks.attend`."""
        super().attend(interrupt, pace)
        self.heard, self.due = None, False

    def total(self, units: Sequence[int | Tensor], repeated: Sequence[bool]) -> Word:
        """See `Ranks.total`; sent off here, and waited for in `share`, behind the forward pass."""
        if not self.main:
            units = [unit * 0 if all_have_it else unit for unit, all_have_it in zip(units, repeated, strict=True)]
        on_device = [unit for unit in units if isinstance(unit, Tensor)]
        counted = sum(unit for unit in units if not isinstance(unit, Tensor))
        signals = [float(name == self.interrupt.requested) for name in SIGNALS]
        word = torch.tensor([counted, self.main and self.pace.is_due(), *signals], dtype=torch.float64)
        there = None
        if on_device:  # where losses count on the device, nothing of it is read
            there = torch.stack(on_device).sum()
            dist.all_reduce(there)
        return Word(self, word, there)

    def share(self, units: int | Tensor, total: Word, repeated: bool) -> float | Tensor:
        """See `Ranks.share`; times the number of those who have others, as the gradients of all are averaged."""
        return units * (1 if repeated else self.world) / total.units()

    def interrupted(self) -> str | None:
        """See `Ranks.interrupted`."""
        return self.heard

    def is_due(self) -> bool:
        """See `Ranks.is_due`: whether rank 0's clock said so."""
        due, self.due = self.due, False
        return due

    def agreed(self, value: T) -> T:
        """See `Ranks.agreed`; one message."""
        told = [value]
        dist.broadcast_object_list(told, src=0, device=_CPU)
        return told[0]

    def all(self, true: bool) -> bool:
        """See `Ranks.all`."""
        least = torch.tensor(int(true))
        dist.all_reduce(least, dist.ReduceOp.MIN)
        return bool(least)

    def first(self, make: Callable[[], T]) -> T:
        """See `Ranks.first`. The others wait as long as it takes, and hear when they are asked to stop."""
        number = self.failures.turn()
        if self.main:
            try:
                return make()
            finally:
                self.failures.tell(number)
        self.failures.wait_for(number)
        return make()

    def merged_losses(self, values: list[float], units: list[float]) -> tuple[list[float], list[float]]:
        """See `Ranks.merged_losses`."""
        both = torch.tensor([[v * u for v, u in zip(values, units, strict=True)], units], dtype=torch.float64)
        dist.all_reduce(both)
        return (both[0] / both[1]).tolist(), both[1].tolist()

    def merged_totals(self, statistics: Sequence[Statistic]) -> list[Tensor | None]:
        """See `Ranks.merged_totals`."""
        own = [None if statistic.total is None else statistic.total.cpu() for statistic in statistics]
        each: list[list[Tensor | None]] = [[]] * self.world
        dist.all_gather_object(each, own)
        columns = zip(*each, strict=True)
        return [s.merged([t for t in column if t is not None]) for s, column in zip(statistics, columns, strict=True)]

    def gathered(self, value: T) -> list[T]:
        """See `Ranks.gathered`."""
        own = io.BytesIO()
        torch.save(value, own)
        each: list[Any] | None = [None] * self.world if self.main else None
        dist.gather_object(own.getvalue(), each, dst=0)
        return [torch.load(io.BytesIO(data), map_location=_CPU, weights_only=True) for data in each or [own.getvalue()]]

    def average_buffers(self, model: nn.Module) -> None:
        """See `Ranks.average_buffers`; all of them in one message."""
        buffers = [b for b in model.buffers() if b.is_floating_point() and b.numel()]
        if not buffers:
            return
        together = torch.cat([buffer.detach().flatten() for buffer in buffers])
        dist.all_reduce(together)
        for buffer, mean in zip(buffers, (together / self.world).split([b.numel() for b in buffers]), strict=True):
            with torch.no_grad():
                buffer.copy_(mean.view_as(buffer))

    def reduce_beside(self, parameters: Sequence[Tensor]) -> None:
        """See `Ranks.reduce_beside`."""
        for parameter in parameters:
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad)
                parameter.grad /= self.world

    @contextmanager
    def failing_together(self) -> Iterator[None]:
        """See `Ranks.failing_together`."""
        try:
            yield
        except Exception as error:
            raise self.failures.explained(error) from error


class Word:
    """The message of an update: units, whether any rank was asked to stop, whether it is time for rank 0 to look.

    Args:
        group: hears the answer.
        word: units, rank 0's clock, and who was asked to stop by each of `SIGNALS`.
        there: units that are counted on the device, summed over ranks; None: none are.
    """

    def __init__(self, group: Group, word: Tensor, there: Tensor | None) -> None:
        self.group, self.word, self.there = group, word, there
        self.work = dist.all_reduce(word, async_op=True)
        self.known: float | None = None

    def units(self) -> float | Tensor:
        """Units of all ranks; waits for the answer."""
        if self.known is None:
            self.work.wait()
            self.known, due, *signals = self.word.tolist()
            self.group.due |= bool(due)
            heard = next((name for name, count in zip(SIGNALS, signals, strict=True) if count), None)
            self.group.heard = self.group.heard or heard
        return self.known if self.there is None else self.there
