"""The batch size at which noise and gradient weigh the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from runner.diagnostics.observation.network import evaluation_mode, scalars
from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from runner.engine.fit import Fit
    from runner.engine.metric import Direction


def noise_and_gradient(gradients: Sequence[Tensor], batch: int) -> Tensor:
    """Unbiased estimates of ``tr(Σ)``, the variance of one example's gradient, and of ``|G|²``.

    With k gradients of b examples each: ``|G|² = (kb |mean|² - b mean|g|²) / (kb - b)`` and
    ``tr(Σ) = (mean|g|² - |mean|²) / (1/b - 1/(kb))``.

    Args:
        gradients: at least two vectors ``(parameters,)``, each the mean over its own examples.
        batch: b.

    Returns:
        A vector ``(tr(Σ), |G|²)``; the second may come out negative where noise dominates.

    Source: McCandlish et al. 2018, "An Empirical Model of Large-Batch Training", appendix A.1.
    """
    stacked = torch.stack(list(gradients))
    small, large, all_of_them = stacked.square().sum(1).mean(), stacked.mean(0).square().sum(), batch * len(stacked)
    square = (all_of_them * large - batch * small) / (all_of_them - batch)
    return torch.stack([(small - large) / (1 / batch - 1 / all_of_them), square])


class GradientNoiseScale(Technique):
    """The gradient noise scale ``tr(Σ)/|G|²``, in examples, at the end of epochs.

    A batch much smaller than it is mostly noise: a larger one with a higher rate learns in fewer updates. A batch much
    larger repeats what a smaller one would have told. Estimated from gradients of the same training examples, with the
    network in evaluation mode; both parts are smoothed over epochs, as their ratio is biased.

    Scores: ``gradient_noise_scale``, in ``metrics.jsonl``.

    Args:
        every: epochs from one look to the next, at least 1.
        batches: gradients to estimate from, at least 2.
        batch: examples of each of them, at least 1.
        factor: say so when an update has this many times more or fewer examples, above 1.

    Source: McCandlish et al. 2018, "An Empirical Model of Large-Batch Training", section 2.2 and appendix A.1.
    """

    slot: ClassVar[Slot] = Slot.EPOCH
    not_under: ClassVar[dict[str, str]] = {
        "fsdp": "it takes gradients of whole weights, and every process holds a part of them"
    }
    reports: ClassVar[dict[str, Direction]] = {"gradient_noise_scale": "min"}

    def __init__(
        self,
        every: Annotated[int, Ge(1)] = 1,
        batches: Annotated[int, Ge(2)] = 16,
        batch: Annotated[int, Ge(1)] = 16,
        factor: Annotated[float, Gt(1)] = 10.0,
    ) -> None:
        self.every, self.batches, self.batch, self.factor = every, batches, batch, factor
        self.parts: list[float] = []

    def setup(self, fit: Fit) -> None:
        """Take the examples to look with."""
        self.fit = fit
        rows = fit.train.order(0)[: self.batches * self.batch].split(self.batch)
        self.data = [fit.train.read(part) for part in rows if len(part) == self.batch]

    def epoch_scores(self, scores: dict[str, float]) -> dict[str, float]:
        """Estimate, and smooth over epochs."""
        if (self.fit.state.epoch + 1) % self.every or len(self.data) < 2:
            return {}
        model, loss = self.fit.model, self.fit.loss
        parameters = [p for p in model.parameters() if p.requires_grad]
        with evaluation_mode(model):
            each = [torch.autograd.grad(loss(model(b.inputs, **b.more), b), parameters) for b in self.data]
        gradients = [torch.cat([g.flatten() for g in gradient]) for gradient in each]
        new = scalars(noise_and_gradient(gradients, self.batch))
        self.parts = [0.8 * a + 0.2 * b for a, b in zip(self.parts or new, new, strict=True)]
        return {} if self.scale is None else {"gradient_noise_scale": self.scale}

    @property
    def scale(self) -> float | None:
        """The noise scale in examples; None where the gradient is lost in the noise."""
        return self.parts[0] / self.parts[1] if self.parts and self.parts[1] > 0 else None

    def advice(self) -> list[str]:
        """What to do about a batch size far from the noise scale."""
        scale, size = self.scale, self.fit.train.per_update
        if scale is None or size / self.factor <= scale <= size * self.factor:
            return []
        if scale > size:
            what = "larger batches (data.batch_size, trainer.accumulate) with a higher optimizer.lr need fewer updates"
        else:
            what = "a smaller data.batch_size learns as much per update in less time"
        return [f"the gradient noise scale is {scale:.0f} examples and an update has {size}; {what}"]

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        return {"parts": self.parts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.parts = state["parts"]
