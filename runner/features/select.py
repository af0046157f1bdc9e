"""Selection of features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor

from runner.features.base import Features

if TYPE_CHECKING:
    from runner.engine.spec import Spec


class Select(Features):
    """Keeps the features that share most information with the target in the training part, in their order.

    Features of two values are taken as discrete. Of several targets or labels, the sum over them counts.

    Args:
        k: features that are kept, at least 1; all of them where there are no more.
        neighbors: of the estimate, at least 1.

    Source: `mutual_info_classif` and `mutual_info_regression` of scikit-learn; Kraskov et al. 2004, "Estimating Mutual
        Information"; Ross 2014, "Mutual Information between Discrete and Continuous Data Sets".
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification", "multilabel", "regression")
    order: ClassVar[int] = 30

    def __init__(self, k: Annotated[int, Ge(1)] = 10, neighbors: Annotated[int, Ge(1)] = 3) -> None:
        self.k, self.neighbors = k, neighbors

    def fit(self, inputs: Tensor, targets: Tensor, names: Sequence[str], spec: Spec) -> None:
        """See `Features.fit`; every feature is scored."""
        from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

        rows = inputs.double().numpy()
        discrete = [len(column.unique()) <= 2 for column in inputs.T]
        score = mutual_info_regression if spec.task == "regression" else mutual_info_classif
        scores = sum(
            score(rows, target.numpy(), discrete_features=discrete, n_neighbors=self.neighbors, random_state=0)
            for target in targets.reshape(len(targets), -1).T
        )
        best = torch.argsort(torch.as_tensor(scores), descending=True, stable=True)[: self.k]
        self.kept = best.sort().values
        self.names = tuple(names[k] for k in self.kept.tolist())

    def __call__(self, inputs: Tensor) -> Tensor:
        """Those features of rows ``(N, F)`` that are kept."""
        return inputs[:, self.kept]

    def state_dict(self) -> dict[str, Any]:
        """See `Features.state_dict`."""
        return {**super().state_dict(), "kept": self.kept.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `Features.load_state_dict`."""
        super().load_state_dict(state)
        self.kept = torch.tensor(state["kept"])
