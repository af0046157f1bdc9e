"""Log probabilities that penalties on the network's outputs are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.task import Task

# A smaller probability counts as this one: its logarithm stays a number, and so does the gradient.
LEAST = 1e-12


def with_logs(task: Task, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Class probabilities ``(N, C)`` as `task` reads raw outputs, at least in float32, and their logarithms."""
    probabilities = task.probabilities(outputs if outputs.element_size() >= 4 else outputs.float())
    return probabilities, probabilities.clamp_min(LEAST).log()
