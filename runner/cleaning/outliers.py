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
        rows = np.flatnonzero(self._detector(seed).fit_predict(vectors(data.train)) == -1)
        return Found({"train": torch.from_numpy(rows)}, "unlike the others")

    def _detector(self, seed: int) -> Any:
        if self.method == "local_outlier_factor":
            from sklearn.neighbors import LocalOutlierFactor

            return LocalOutlierFactor(contamination=self.contamination)
        from sklearn.ensemble import IsolationForest

        return IsolationForest(contamination=self.contamination, random_state=seed % 2**32)
