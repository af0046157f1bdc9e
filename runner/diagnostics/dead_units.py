"""Units that have stopped learning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from runner.diagnostics.observation.network import examples, scalars
from runner.diagnostics.observation.streaks import Streaks
from runner.diagnostics.observation.units import ACTIVATIONS, hidden_units, slopes
from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from runner.engine.fit import Fit


def dead_share(slope: Tensor, least: float = 1e-3) -> Tensor:
    """Share of units through which no example sends a gradient back: ``|f'(x)| <= least`` for all of them.

    Args:
        slope: ``(units, values)``.
        least: slope that counts as none.

    Returns:
        A tensor of no dimensions, in [0, 1].
    """
    return (slope.abs().amax(1) <= least).float().mean()


def saturated_share(slope: Tensor, steepest: float) -> Tensor:
    """Share of values at which the slope is less than a twentieth of the steepest.

    Args:
        slope: ``(units, values)``.
        steepest: greatest slope of the activation.

    Returns:
        A tensor of no dimensions, in [0, 1].
    """
    return (slope.abs() < 0.05 * steepest).float().mean()


class DeadUnits(Technique):
    """Shares of dead and of saturated units in each layer, at every log interval.

    The same training examples are passed through the network in evaluation mode. A unit is dead when none of them
    sends a gradient back through its activation; values of tanh and sigmoid are saturated where their slope is less
    than a twentieth of the greatest. The insides of recurrent cells are not seen.

    Scores: ``dead_units/<layer>`` and ``saturated_units/<layer>`` in TensorBoard, named after the layer with weights
    in front of the activation.

    Args:
        dead: share of a layer's units from which on to say so, in (0, 1].
        saturated: share of a layer's values from which on to say so, in (0, 1].
        examples: training examples to look with, at least 1.

    Source: Maas et al. 2013, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", section 2 (dead);
    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", section 3
    (saturated).
    """

    slot: ClassVar[Slot] = Slot.EPOCH

    def __init__(
        self,
        dead: Annotated[float, Gt(0), Le(1)] = 0.25,
        saturated: Annotated[float, Gt(0), Le(1)] = 0.5,
        examples: Annotated[int, Ge(1)] = 256,
    ) -> None:
        self.dead, self.saturated, self.examples = dead, saturated, examples
        self.dying, self.flat = Streaks(), Streaks()

    def setup(self, fit: Fit) -> None:
        """Take the examples to look with."""
        self.fit = fit
        self.batch = examples(fit, self.examples)

    def on_interval(self, step: int) -> dict[str, Tensor | float]:
        """Shares by layer; notices those that are above the thresholds."""
        shares: dict[str, Tensor] = {}
        for layer, (activation, inputs) in hidden_units(self.fit.model, self.batch).items():
            slope = slopes(activation, inputs)
            shares[f"dead_units/{layer}"] = dead_share(slope)
            known = ACTIVATIONS.get(type(activation))
            steepest = known.steepest if known else None
            if steepest is not None:
                shares[f"saturated_units/{layer}"] = saturated_share(slope, steepest)
        if not shares:
            return {}
        values = dict(zip(shares, scalars(torch.stack(list(shares.values()))), strict=True))
        epoch = self.fit.state.epoch + 1
        for streaks, kind, threshold in (
            (self.dying, "dead_units/", self.dead),
            (self.flat, "saturated_units/", self.saturated),
        ):
            found = {n.removeprefix(kind): v for n, v in values.items() if n.startswith(kind) and v >= threshold}
            streaks.look(epoch, found)
        return dict(values)

    def advice(self) -> list[str]:
        """What to do about layers of which too much is dead or saturated."""
        cures = (
            (self.dying, "units dead", "try model.activation=leaky_relu, init=he or a lower optimizer.lr"),
            (
                self.flat,
                "values saturated",
                "try init=xavier, a model.norm or model.activation=relu",
            ),
        )
        return [
            f"{streaks.names}: {'up to ' if len(streaks.values) > 1 else ''}{max(streaks.values):.0%} of {what} since "
            f"epoch {streaks.since}; {cure}"
            for streaks, what, cure in cures
            if streaks
        ]

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        return {"dying": self.dying.state_dict(), "flat": self.flat.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.dying.load_state_dict(state["dying"])
        self.flat.load_state_dict(state["flat"])
