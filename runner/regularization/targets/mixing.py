"""What mixup and cutmix share: how often they act, what they draw, and how targets are mixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le

from runner.engine.spec import Kind
from runner.engine.technique import Slot, Technique
from runner.regularization.targets.classes import number_of_classes

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.fit import Fit


def mix_targets(targets: Tensor, num_classes: int, lam: float) -> Tensor:
    """Targets of examples that were mixed with the one before them in the batch (the first with the last).

    Args:
        targets: class indices ``(N,)`` int64 or class probabilities ``(N, C)``.
        num_classes: C.
        lam: share of each example itself, in [0, 1].

    Returns:
        Class probabilities ``(N, C)``.
    """
    soft = targets if targets.is_floating_point() else F.one_hot(targets, num_classes).to(torch.get_default_dtype())
    return soft * lam + soft.roll(1, 0) * (1.0 - lam)


class Mixing(Technique):
    """Replace each training micro-batch by mixtures of its examples; scores are still computed on the hard targets.

    Batches come in random order, so the partner of an example, the one before it, is a random one. Where several such
    techniques are chosen, each micro-batch is mixed by one of them, drawn evenly.

    Args:
        alpha: both parameters of the Beta distribution that the share of each example is drawn from, above 0: 1 is
            uniform, smaller values stay closer to unmixed examples.
        p: share of the micro-batches that are mixed, in [0, 1].
    """

    slot: ClassVar[Slot] = Slot.MIX
    takes: ClassVar[tuple[Kind, ...]] = ("table", "series", "image")
    soft_targets: ClassVar[bool] = True
    not_saved: ClassVar[tuple[str, ...]] = ("turn",)  # drawn anew for every micro-batch

    def __init__(self, alpha: Annotated[float, Gt(0)] = 1.0, p: Annotated[float, Ge(0), Le(1)] = 1.0) -> None:
        self.alpha, self.p = alpha, p

    def setup(self, fit: Fit) -> None:
        """Look up the number of classes, and who else mixes.

        Raises:
            ConfigError: the data has no classes.
        """
        self.num_classes = number_of_classes(fit, self.name)
        alpha = torch.tensor([float(self.alpha)])  # 1 may be typed as well as 1.0
        self.beta = torch.distributions.Beta(alpha, alpha, False)
        self.mixing = [technique for technique in fit.techniques if isinstance(technique, Mixing)]
        self.turn = 0

    def on_batch(self, batch: Batch) -> Batch:
        """Mixed inputs, and class probabilities ``(N, C)``; or what came, where it is not this technique's turn."""
        first = self.mixing[0]
        if self is first and len(self.mixing) > 1:
            self.turn = int(torch.randint(len(self.mixing), ()))
        if self.mixing[first.turn] is not self or (self.p < 1 and torch.rand(()).item() >= self.p):
            return batch
        mixed, lam = self.mix(batch.inputs, self.draw())
        return batch.changed(mixed, mix_targets(batch.targets, self.num_classes, lam))

    def draw(self) -> float:
        """Share of each example itself, from the generator of the CPU: nothing waits for the device."""
        return float(self.beta.sample())

    def mix(self, inputs: Tensor, lam: float) -> tuple[Tensor, float]:
        """Mixed inputs ``(N, ...)`` in the same memory format, and the share of each example that is really in them."""
        raise NotImplementedError
