"""Pruning while a network is trained, along a cubic curve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Le, Lt

from runner.compression.keep_zeros import KeepZeros
from runner.compression.masks.magnitude import in_each_layer, over_all_layers
from runner.engine.technique import Slot
from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.engine.fit import Fit


def sparsity(update: int, begin: int, end: int, every: int, amount: float, initial: float = 0.0) -> float:
    """The share of weights that is zero after an update: ``s_t = s_f + (s_i - s_f) (1 - (t - t_0) / (n Δt))³``.

    It rises in steps: at ``t_0 + Δt``, ``t_0 + 2 Δt``, and so on, and at the end to the final value.

    Args:
        update: t, the number of updates so far.
        begin: t_0.
        end: t_0 + n Δt, at least `begin`.
        every: Δt, at least 1.
        amount: s_f.
        initial: s_i.

    Source: Zhu and Gupta 2017, "To prune, or not to prune", equation 1.
    """
    if update >= end:
        return amount
    steps = max(0, update - begin) // every
    return amount + (initial - amount) * (1.0 - steps * every / max(1, end - begin)) ** 3


class GradualPruning(KeepZeros):
    """Set the smallest weights to zero, every few updates some more, and keep at zero what was cut.

    The best weights are those of the best epoch from `end` on, as the ones before are of denser networks. Averages of
    the weights (ema, lookahead) are cut where they are evaluated and kept.

    Args:
        amount: share of the weights that are zero in the end, in (0, 1).
        begin: share of the run's updates after which the first are cut.
        end: share of them after which the last are.
        every: updates from one cut to the next.
        scope: ``global`` compares the weights of all layers, ``layer`` cuts the same share of each.

    Source: Zhu and Gupta 2017, "To prune, or not to prune: exploring the efficacy of pruning for model compression".
    """

    slot: ClassVar[Slot] = Slot.MASKS
    conflicts: ClassVar[dict[str, str]] = {
        "keep_zeros": "what is zero at the start, gradual_pruning cuts first, and keeps at zero",
        "early_stopping": "scores get worse while weights are cut, which would end the run",
        "swa": "its average and the statistics of batch norm would be of denser networks than the one that is kept",
    }

    def __init__(
        self,
        amount: Annotated[float, Gt(0), Lt(1)] = 0.8,
        begin: Annotated[float, Ge(0), Lt(1)] = 0.1,
        end: Annotated[float, Gt(0), Le(1)] = 0.7,
        every: Annotated[int, Ge(1)] = 20,
        scope: Literal["global", "layer"] = "global",
    ) -> None:
        if begin > end:
            raise ConfigError(
                f"compression.gradual_pruning: begin={begin} comes after end={end}. Expected begin <= end."
            )
        self.amount, self.begin, self.end, self.every, self.scope = amount, begin, end, every, scope
        self.reached = 0.0

    def setup(self, fit: Fit) -> None:
        """Find the weights; see `KeepZeros.setup`.

        Raises:
            ConfigError: the network has none that may be cut.
        """
        super().setup(fit)
        if not self.weights:
            raise ConfigError(
                "compression=gradual_pruning: this network has no dense, convolutional, recurrent or attention layer "
                "whose weights could be cut."
            )
        self.span = (round(self.begin * fit.plan.total), max(1, round(self.end * fit.plan.total)))

    def on_epoch_start(self, epoch: int) -> None:
        """Nothing needs to be zero at the start."""

    @torch.no_grad()
    def after_step(self) -> None:
        """Cut more, where it is time to."""
        target = sparsity(self.fit.position() + 1, *self.span, self.every, self.amount)
        if target > self.reached:
            self.reached = target
            choose = over_all_layers if self.scope == "global" else in_each_layer
            # what was cut is zero, or moved by an average: it comes first
            sizes = {name: p * self.masks[name] if name in self.masks else p for name, p in self.weights.items()}
            self.masks = {name: mask.to(self.weights[name]) for name, mask in choose(sizes, target).items()}
            if target == self.amount:
                self._forget_the_best()
        super().after_step()

    def _forget_the_best(self) -> None:
        best = self.fit.best
        best.monitor.forget()
        best.weights, best.scores, best.top = None, {}, []

    @contextmanager
    def around_evaluation(self) -> Iterator[None]:
        """Averages of the weights, which others put in their place, without what was cut."""
        names = list(self.masks)
        kept = [self.weights[name].detach().clone() for name in names]
        super().after_step()
        try:
            yield
        finally:
            with torch.no_grad():
                for name, before in zip(names, kept, strict=True):
                    self.weights[name].copy_(before)

    def advice(self) -> list[str]:
        """That the run ended too early, or that a layer is empty."""
        if self.reached < self.amount:
            return [
                f"gradual_pruning: the run ended when {self.reached:.3g} of the weights were zero, before the "
                f"{self.amount:g} that were asked for"
            ]
        empty = [name for name, mask in self.masks.items() if not bool(mask.any())]
        if empty:
            return [f"gradual_pruning: nothing is left of {', '.join(empty)}; cut less, or scope=layer"]
        return []

    def state_dict(self) -> dict[str, Any]:
        """The masks, and how far pruning is."""
        return {**super().state_dict(), "reached": self.reached}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave; `setup` comes first."""
        super().load_state_dict(state)
        self.reached = state["reached"]
