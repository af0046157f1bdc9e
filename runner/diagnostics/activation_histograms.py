"""Distributions of activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from runner.diagnostics.observation.network import examples, scalars
from runner.diagnostics.observation.streaks import Streaks
from runner.diagnostics.observation.units import hidden_units
from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from runner.engine.fit import Fit


def relative_spread(values: Tensor) -> Tensor:
    """How much a layer's outputs differ between examples, as a share of their size.

    ``sqrt(mean_u var_n(a) / mean_u mean_n(a²))`` over units u and examples (and positions) n.

    Args:
        values: ``(units, values)``.

    Returns:
        A tensor of no dimensions, in [0, 1]: 0 when every example gives the same.
    """
    variance = values.var(1, correction=0).mean()
    return (variance / values.square().mean().clamp(min=1e-30)).sqrt()


class ActivationHistograms(Technique):
    """Histograms of every layer's activations in TensorBoard, and a word when a layer no longer tells examples apart.

    The same training examples are passed through the network in evaluation mode. The insides of recurrent cells are not
    seen.

    Args:
        every: epochs from one look to the next, at least 1.
        collapsed: relative spread (see `relative_spread`) below which a layer tells nothing, in (0, 1).
        examples: training examples to look with, at least 2.

    Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", section
    3; Poole et al. 2016, "Exponential expressivity in deep neural networks through transient chaos", section 2.
    """

    slot: ClassVar[Slot] = Slot.EPOCH

    def __init__(
        self,
        every: Annotated[int, Ge(1)] = 1,
        collapsed: Annotated[float, Gt(0), Lt(1)] = 1e-3,
        examples: Annotated[int, Ge(2)] = 256,
    ) -> None:
        self.every, self.collapsed, self.examples = every, collapsed, examples
        self.streaks = Streaks()

    def setup(self, fit: Fit) -> None:
        """Take the examples to look with."""
        self.fit = fit
        self.batch = examples(fit, self.examples)

    def on_epoch_end(self, epoch: int, scores: dict[str, float]) -> None:
        """Draw the histograms, and notice layers that have collapsed."""
        if epoch % self.every:
            return
        with torch.no_grad():
            units = {
                layer: activation(inputs)
                for layer, (activation, inputs) in hidden_units(self.fit.model, self.batch).items()
            }
            if not units:
                return
            spreads = scalars(torch.stack([relative_spread(values) for values in units.values()]))
        self.fit.recorder.histograms(self.fit.state.step, {f"activations/{n}": values for n, values in units.items()})
        self.streaks.look(epoch, {n: s for n, s in zip(units, spreads, strict=True) if s < self.collapsed})

    def advice(self) -> list[str]:
        """What to do about layers that have collapsed."""
        if not self.streaks:
            return []
        return [
            f"{self.streaks.names}: outputs are nearly the same for every example (they differ by "
            f"{min(self.streaks.values):.1g} of their size) since epoch {self.streaks.since}; try "
            "init=he with model.activation=relu, a model.norm, or fewer layers"
        ]

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        return self.streaks.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.streaks.load_state_dict(state)
