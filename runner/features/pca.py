"""Principal components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from runner.errors import RunFailed
from runner.features.base import Features

if TYPE_CHECKING:
    from runner.engine.spec import Spec


class PCA(Features):
    """Replaces features by the directions in which the training part varies most.

    Args:
        components: how many, or the share of the variance that they are to explain, between 0 and 1.
        whiten: divide each by its standard deviation.

    Source: `PCA` of scikit-learn; Hotelling 1933, "Analysis of a Complex of Statistical Variables into Principal
        Components".
    """

    order: ClassVar[int] = 40

    def __init__(
        self,
        components: Annotated[int, Ge(1)] | Annotated[float, Gt(0), Lt(1)] = 0.95,
        whiten: bool = False,
    ) -> None:
        self.components, self.whiten = components, whiten

    def fit(self, inputs: Tensor, targets: Tensor, names: Sequence[str], spec: Spec) -> None:
        """See `Features.fit`.

        Raises:
            RunFailed: there are fewer features, or rows, than components.
        """
        from sklearn import decomposition

        most = min(inputs.shape)
        if self.components > most:
            raise RunFailed(
                f"features.pca.components={self.components}: {inputs.shape[0]:,} training rows of {inputs.shape[1]} "
                f"features have at most {most}. Take fewer, or a share of the variance such as 0.95."
            )
        found = decomposition.PCA(self.components, whiten=self.whiten, svd_solver="full").fit(inputs.double().numpy())
        self.mean, self.directions = torch.from_numpy(found.mean_), torch.from_numpy(found.components_.T.copy())
        if self.whiten:
            deviation = torch.from_numpy(found.explained_variance_).sqrt()
            self.directions /= deviation.clamp(min=torch.finfo(deviation.dtype).eps)
        self.names = tuple(f"component {k + 1}" for k in range(self.directions.shape[1]))

    def __call__(self, inputs: Tensor) -> Tensor:
        """Rows ``(N, F)`` as components ``(N, G)``."""
        return ((inputs.double() - self.mean) @ self.directions).float()

    def state_dict(self) -> dict[str, Any]:
        """See `Features.state_dict`."""
        return {**super().state_dict(), "mean": self.mean, "directions": self.directions}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `Features.load_state_dict`."""
        super().load_state_dict(state)
        self.mean, self.directions = state["mean"].cpu(), state["directions"].cpu()
