"""How steeply the loss curves where the network is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor

from runner.diagnostics.looking import evaluation_mode, examples
from runner.engine.state import seed_for
from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.engine.fit import Fit
    from runner.engine.metric import Direction


def largest_eigenvalue(loss: Callable[[], Tensor], parameters: Sequence[Tensor], iterations: int) -> Tensor:
    """The eigenvalue of the Hessian of `loss` that is largest in size, by power iteration.

    Args:
        loss: computes it, from the parameters as they are.
        parameters: what it is differentiated by.
        iterations: products with the Hessian.

    Returns:
        The Rayleigh quotient ``vᵀHv`` of the last vector, a tensor of no dimensions.

    Source: Pearlmutter 1994, "Fast Exact Multiplication by the Hessian"; LeCun et al. 1993, "Automatic Learning Rate
    Maximization by On-Line Estimation of the Hessian's Eigenvectors".
    """
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss(), list(parameters), create_graph=True)])
    generator = torch.Generator().manual_seed(seed_for(0, "sharpness"))
    vector = torch.randn(len(gradient), generator=generator).to(gradient)
    value = vector.new_zeros(())
    for _ in range(iterations):
        vector = vector / vector.norm().clamp(min=1e-30)
        product = torch.autograd.grad(gradient, list(parameters), vector, retain_graph=True, materialize_grads=True)
        flat = torch.cat([p.flatten() for p in product])
        value, vector = vector @ flat, flat
    return value


class Sharpness(Technique):
    """The largest eigenvalue of the loss's Hessian on some training examples, at the end of epochs.

    Flat minima (small values) tend to generalize better, and large batches to end in sharp ones. Plain gradient descent
    with rate ``lr`` is unstable where it exceeds ``2/lr``. Costs about 3 `iterations` passes over the examples.

    Scores: ``sharpness``, in ``metrics.jsonl`` and to be monitored.

    Args:
        every: epochs from one look to the next, at least 1; a run that gets to its end is looked at there too.
        iterations: steps of the power iteration, at least 1.
        examples: training examples to look with, at least 1.

    Source: Keskar et al. 2017, "On Large-Batch Training for Deep Learning: Generalization Gap and Sharp Minima"; Cohen
    et al. 2021, "Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability".
    """

    slot: ClassVar[Slot] = Slot.EPOCH
    reports: ClassVar[dict[str, Direction]] = {"sharpness": "min"}

    def __init__(
        self,
        every: Annotated[int, Ge(1)] = 1,
        iterations: Annotated[int, Ge(1)] = 20,
        examples: Annotated[int, Ge(1)] = 256,
    ) -> None:
        self.every, self.iterations, self.examples = every, iterations, examples
        self.value: float | None = None

    def setup(self, fit: Fit) -> None:
        """Take the examples to look with."""
        self.fit = fit
        self.data = examples(fit, self.examples)

    def epoch_scores(self, scores: dict[str, float]) -> dict[str, float]:
        """The eigenvalue after this epoch."""
        fit, data = self.fit, self.data
        if (fit.state.epoch + 1) % self.every and fit.state.step < fit.plan.total:
            return {}
        parameters = [p for p in fit.model.parameters() if p.requires_grad]
        # recurrent and attention kernels of CUDA have no second derivatives
        with (
            evaluation_mode(fit.model),
            torch.backends.cudnn.flags(enabled=False),
            torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        ):
            value = largest_eigenvalue(
                lambda: fit.loss(fit.model(data.inputs, **data.more), data), parameters, self.iterations
            )
        self.value = float(value)
        return {"sharpness": self.value}

    def advice(self) -> list[str]:
        """What to do about a minimum that is too sharp for the learning rate."""
        rate = self.fit.optimizer.param_groups[0]["lr"]
        if not isinstance(self.fit.optimizer, torch.optim.SGD) or self.value is None or self.value * rate <= 4:
            return []
        return [
            f"the loss curves by {self.value:.3g}, where plain gradient descent is stable below 2/lr = {2 / rate:.3g}; "
            "try a lower optimizer.lr or a smaller data.batch_size"
        ]

    def state_dict(self) -> dict[str, Any]:
        """State in plain containers."""
        return {"value": self.value}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.value = state["value"]
