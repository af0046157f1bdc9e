"""Trained networks that a network learns from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from runner.errors import counted

if TYPE_CHECKING:
    from runner.engine.batch import Batch
    from runner.engine.task import Task


class Teacher(nn.Module):
    """One or several trained networks, in evaluation mode and without gradients. No checkpoint holds them.

    Args:
        path: what was given for it.
        members: the networks.
        tasks: of each, which says what its outputs are.
        weights: of each, at least 0, sum 1.
        task: of the network that learns from them.
    """

    def __init__(
        self, path: str, members: Sequence[nn.Module], tasks: Sequence[Task], weights: Sequence[float], task: Task
    ) -> None:
        super().__init__()
        self.path, self.tasks, self.weights, self.task = path, tuple(tasks), tuple(weights), task
        self.members = nn.ModuleList(members)
        self.device = torch.device("cpu")
        self.eval().requires_grad_(False)

    @property
    def described(self) -> str:
        """How large it is, in words."""
        tensors = list(self.state_dict().values())
        size = sum(t.numel() * t.element_size() for t in tensors) / 1e6
        number = sum(p.numel() for p in self.parameters())
        return f"{counted(len(self.members), 'network')} of {number:,} parameters, {size:,.1f} MB of memory"

    @torch.no_grad()
    def outputs_of_each(self, batch: Batch) -> list[Tensor]:
        """What each member gives for a batch ``(N, ...)``, on the batch's device, to which they are brought."""
        device = batch.inputs.device
        if device != self.device:
            self.to(device)
            self.device = device
        return [member(batch.inputs, **batch.more).to(device) for member in self.members]

    @torch.no_grad()
    def forward(self, batch: Batch) -> Tensor:
        """What all tell together: logits of a softmax, or values in the units of the network that learns.

        Of several it is the mean of their probabilities or values.

        Args:
            batch: what the network that learns is given.
        """
        each, first = self.outputs_of_each(batch), self.tasks[0]
        if len(each) > 1:
            alike = [task.in_units_of(first, outputs) for task, outputs in zip(self.tasks, each, strict=True)]
            outputs = first.combine(torch.stack(alike), torch.tensor(self.weights, dtype=torch.float64))
        else:
            (outputs,) = each
        if self.task.link == "identity":
            return first.in_units_of(self.task, outputs)
        if first.link in ("softmax", "log"):  # logarithms of probabilities are logits of theirs
            return outputs
        probabilities = first.probabilities(outputs if outputs.element_size() >= 4 else outputs.float())
        return probabilities.clamp(min=torch.finfo(torch.float32).tiny).log()
