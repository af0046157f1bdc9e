"""Examples that are unlike the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Gt, Le

from runner.cleaning.base import Cleaning, Found
from runner.cleaning.likeness.vectors import COMPARABLE, vectors

if TYPE_CHECKING:
    from runner.engine.data import Data


NEIGHBOURS = 20  # of which the density around an example is told, or all others where there are fewer


class Outliers(Cleaning):
    """Leaves out of train the share of examples that are most unlike the others, whatever their targets.

    Args:
        method: ``isolation_forest`` (few random cuts set them apart: far off), or ``local_outlier_factor`` (thinner
            around them than around their 20 nearest: also those between groups).
        contamination: share of the training part, above 0 and at most 0.5.

    Source: Liu et al. 2008, "Isolation Forest"; Breunig et al. 2000, "LOF: Identifying Density-Based Local Outliers".
    """

    takes = COMPARABLE

    def __init__(
        self,
        method: Literal["isolation_forest", "local_outlier_factor"] = "isolation_forest",
        contamination: Annotated[float, Gt(0), Le(0.5)] = 0.01,
    ) -> None:
        self.method, self.contamination = method, contamination

    def find(self, data: Data, seed: int) -> Found:
        """See `Cleaning.find`; val and test are not looked at."""
        inputs = vectors(data.train)
        alone = len(inputs) < 2  # unlike no other
        rows = np.flatnonzero([] if alone else self._detector(seed, len(inputs)).fit_predict(inputs) == -1)
        return Found({"train": torch.from_numpy(rows)}, "unlike the others")

    def _detector(self, seed: int, examples: int) -> Any:
        if self.method == "local_outlier_factor":
            from sklearn.neighbors import LocalOutlierFactor

            return LocalOutlierFactor(min(NEIGHBOURS, max(1, examples - 1)), contamination=self.contamination)
        from sklearn.ensemble import IsolationForest

        return IsolationForest(contamination=self.contamination, random_state=seed % 2**32)
