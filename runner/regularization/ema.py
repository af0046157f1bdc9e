"""An exponential moving average of the weights, evaluated in their place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Lt

from runner.engine.technique import Slot, Technique
from runner.regularization.weights.average import copy, floating, in_place_of

if TYPE_CHECKING:
    from runner.engine.fit import Fit


def pull(update: int, decay: float, bias_correction: bool) -> float:
    """How far the average moves towards the weights at update `update` (t, from 1): ``avg += pull * (w - avg)``.

    Without correction ``1 - decay``, the average starting at the weights before the first update. With correction
    ``(1 - decay) / (1 - decay^t)``, which makes it the mean of all weights since then, weighted by ``decay^(age)``:
    the weights before the first update, which are random, have no share in it.

    Source: Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", section 3, for the correction.
    """
    return (1.0 - decay) / (1.0 - decay**update) if bias_correction else 1.0 - decay


class EMA(Technique):
    """Average weights over the last ``1 / (1 - decay)`` updates or so; the average is scored and kept as the best.

    Training goes on with the weights themselves; ``last.pt`` holds both. Running statistics of batch norm are averaged
    like weights, counters are not.

    Args:
        decay: share of the old average in the new, in [0, 1).
        bias_correction: whether early averages leave out the random weights of the start (see `pull`).

    Source: Polyak and Juditsky 1992, "Acceleration of Stochastic Approximation by Averaging"; Izmailov et al. 2018,
    "Averaging Weights Leads to Wider Optima and Better Generalization", section 3.2.
    """

    slot: ClassVar[Slot] = Slot.AVERAGE
    conflicts: ClassVar[dict[str, str]] = {"swa": "both put an average in the place of the weights that are evaluated"}

    def __init__(self, decay: Annotated[float, Ge(0), Lt(1)] = 0.999, bias_correction: bool = True) -> None:
        self.decay, self.bias_correction = decay, bias_correction
        self.updates = 0

    def setup(self, fit: Fit) -> None:
        """Start the average at the weights."""
        self.tensors = floating(fit.model, buffers=True)
        self.average = {name: tensor.clone() for name, tensor in self.tensors.items()}

    @torch.no_grad()
    def after_step(self) -> None:
        """Take the new weights into the average."""
        self.updates += 1
        weight = pull(self.updates, self.decay, self.bias_correction)
        torch._foreach_lerp_(list(self.average.values()), list(self.tensors.values()), weight)

    @contextmanager
    def around_evaluation(self) -> Iterator[None]:
        """The average in place of the weights."""
        with in_place_of(self.tensors, self.average):
            yield

    def state_dict(self) -> dict[str, Any]:
        """The average and the number of updates in it."""
        return {"updates": self.updates, "average": self.average}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave; `setup` comes first."""
        self.updates = state["updates"]
        copy(state["average"], self.average)
