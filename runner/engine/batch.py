"""Some examples together, as the network and the loss take them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(slots=True)
class Batch:
    """Inputs, targets and whatever else some examples carry.

    Attributes:
        inputs: what the network is given first ``(N, ...)``. Of a graph all its nodes, whichever are asked for.
        targets: what it should answer ``(N, ...)``; entries that are `runner.engine.spec.IGNORED` count for nothing.
        more: what the network is given beside, by the name of its argument: a padding mask, edges, decoder inputs.
        examples: N; where a technique put repetitions behind the batch, still the number without them.
        units: what the mean of the loss is taken over: examples, or the tokens, pixels or nodes that count.
        repeated: whether every rank of the run has these same examples, and the first counts them.
    """

    inputs: Tensor
    targets: Tensor
    more: dict[str, Tensor] = field(default_factory=dict)
    examples: int = -1
    units: int = -1
    repeated: bool = False

    def __post_init__(self) -> None:
        if self.examples < 0:
            self.examples = len(self.targets)
        if self.units < 0:
            self.units = self.examples

    def to(self, device: torch.device, memory_format: torch.memory_format = torch.preserve_format) -> Batch:
        """The batch on `device`; the copies from the host's pinned memory are not waited for.

        Args:
            device: where to.
            memory_format: of the inputs.
        """
        return Batch(
            self.inputs.to(device, non_blocking=True, memory_format=memory_format),
            self.targets.to(device, non_blocking=True),
            {name: tensor.to(device, non_blocking=True) for name, tensor in self.more.items()} if self.more else {},
            self.examples,
            self.units,
        )

    def pin_memory(self) -> Batch:
        """In memory that is copied to a GPU without waiting; `torch.utils.data.DataLoader` asks for it."""
        more = {name: tensor.pin_memory() for name, tensor in self.more.items()}
        return Batch(self.inputs.pin_memory(), self.targets.pin_memory(), more, self.examples, self.units)

    def parts(self, size: int) -> list[Batch]:
        """Micro-batches of `size` examples, the last possibly smaller, as views.

        Only for batches in which everything goes by example and every example has as many units as any other.
        """
        more = [{name: part} for name, tensor in self.more.items() for part in tensor.split(size)]
        pieces = zip(self.inputs.split(size), self.targets.split(size), strict=True)
        each = self.units // self.examples
        count = -(-self.examples // size)
        return [
            Batch(
                inputs,
                targets,
                {name: part for entry in more[number::count] for name, part in entry.items()} if more else {},
                len(targets),
                len(targets) * each,
            )
            for number, (inputs, targets) in enumerate(pieces)
        ]

    def only(self, number: int) -> Batch:
        """The example of a number as a batch, for losses: what is not by example, such as a graph, stays whole."""
        one = slice(number, number + 1)
        more = {name: t[one] if len(t) == self.examples else t for name, t in self.more.items()}
        inputs = self.inputs[one] if len(self.inputs) == self.examples else self.inputs
        return Batch(inputs, self.targets[one], more)

    def changed(self, inputs: Tensor | None = None, targets: Tensor | None = None) -> Batch:
        """The same examples with other inputs, other targets, or both."""
        return Batch(
            self.inputs if inputs is None else inputs,
            self.targets if targets is None else targets,
            self.more,
            self.examples,
            self.units,
        )
