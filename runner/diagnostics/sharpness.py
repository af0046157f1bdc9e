"""How steeply the loss curves where the network is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor

from runner.diagnostics.observation.network import evaluation_mode, examples, scalars
from runner.engine.state import seed_for
from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.engine.fit import Fit
    from runner.engine.metric import Direction


def extreme_eigenvalues(loss: Callable[[], Tensor], parameters: Sequence[Tensor], iterations: int) -> Tensor:
    """The smallest and the largest eigenvalue of the Hessian of `loss`, by Lanczos' iteration.

    ``β v' = H v - α v - β v_before`` with ``α = vᵀHv`` makes H tridiagonal; the ends of that matrix's spectrum come
    near those of H from inside, whichever is larger in size. Vectors are not orthogonalized against earlier ones, which
    would have to be kept: where rounding makes them dependent, eigenvalues are found twice, and the ends stay.

    Args:
        loss: computes it, from the parameters as they are.
        parameters: what it is differentiated by.
        iterations: products with the Hessian, at least 1; no more are made than there are parameters.

    Returns:
        A vector ``(2,)`` on the CPU in float64.

    Source: Lanczos 1950, "An Iteration Method for the Solution of the Eigenvalue Problem"; Paige 1980, "Accuracy and
    Effectiveness of the Lanczos Algorithm"; Pearlmutter 1994, "Fast Exact Multiplication by the Hessian".
    """
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss(), list(parameters), create_graph=True)])

    def times_hessian(vector: Tensor) -> Tensor:
        product = torch.autograd.grad(gradient, list(parameters), vector, retain_graph=True, materialize_grads=True)
        return torch.cat([p.flatten() for p in product])

    generator = torch.Generator().manual_seed(seed_for(0, "sharpness"))
    vector = torch.randn(len(gradient), generator=generator).to(gradient)
    vector, before = vector / vector.norm(), torch.zeros_like(vector)
    diagonal: list[float] = []
    beside: list[float] = [0.0]
    for _ in range(min(iterations, len(vector))):
        new = times_hessian(vector).sub_(before, alpha=beside[-1])
        diagonal.append(float(vector @ new))
        new.sub_(vector, alpha=diagonal[-1])
        beside.append(float(new.norm()))
        if beside[-1] <= 1e-6 * max(map(abs, diagonal)):  # all that the first vector can tell was told
            break
        vector, before = new / beside[-1], vector
    off = torch.tensor(beside[1 : len(diagonal)], dtype=torch.float64)
    tridiagonal = torch.diag(torch.tensor(diagonal, dtype=torch.float64)) + off.diag(1) + off.diag(-1)
    if not bool(tridiagonal.isfinite().all()):
        return torch.full((2,), torch.nan, dtype=torch.float64)
    spectrum: Tensor = torch.linalg.eigvalsh(tridiagonal)
    return spectrum[[0, -1]]


class Sharpness(Technique):
    """The largest and the smallest eigenvalue of the loss's Hessian on some training examples, at the end of epochs.

    Flat minima (small values) tend to generalize better, and large batches to end in sharp ones. Plain gradient descent
    with rate ``lr`` is unstable where it exceeds ``2/lr``. A smallest one far below 0
    is a saddle, from which the loss falls on. Costs about 3 `iterations` passes over the examples.

    Scores: ``sharpness`` (the largest) and ``sharpness_min``, in ``metrics.jsonl`` and to be monitored.

    Args:
        every: epochs from one look to the next, at least 1; a run that gets to its end is looked at there too.
        iterations: steps of `extreme_eigenvalues`, at least 1.
        examples: training examples to look with, at least 1.

    Source: Keskar et al. 2017, "On Large-Batch Training for Deep Learning: Generalization Gap and Sharp Minima"; Cohen
    et al. 2021, "Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability".
    """

    slot: ClassVar[Slot] = Slot.EPOCH
    not_under: ClassVar[dict[str, str]] = {
        "fsdp": "it takes gradients of whole weights, and every process holds a part of them"
    }
    reports: ClassVar[dict[str, Direction]] = {"sharpness": "min", "sharpness_min": "max"}

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
        """The eigenvalues after this epoch."""
        fit, batch = self.fit, self.data
        if (fit.state.epoch + 1) % self.every and fit.state.step < fit.plan.total:
            return {}
        parameters = [p for p in fit.model.parameters() if p.requires_grad]
        # recurrent and attention kernels of CUDA have no second derivatives
        with (
            evaluation_mode(fit.model),
            torch.backends.cudnn.flags(enabled=False),
            torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        ):
            ends = extreme_eigenvalues(
                lambda: fit.loss(fit.model(batch.inputs, **batch.more), batch), parameters, self.iterations
            )
        smallest, self.value = scalars(ends)
        return {"sharpness": self.value, "sharpness_min": smallest}

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
