"""ADASYN."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge

from runner.balance.neighbours.synthetic import Synthetic


class Adasyn(Synthetic):
    """SMOTE with new rows in proportion to how many of a row's nearest ones are of other classes.

    A row gives ``g_i = G r_i / Σ r_i`` new ones, r_i the share of other classes among its nearest rows and G the rows
    that its class lacks; as these are rounded, classes become about equally frequent.

    Args:
        n_neighbors: how many nearest rows, at least 1.

    Source: He et al. 2008, "ADASYN: Adaptive Synthetic Sampling Approach for Imbalanced Learning".
    """

    def __init__(self, n_neighbors: Annotated[int, Ge(1)] = 5) -> None:
        super().__init__(n_neighbors)

    def sampler(self, seed: int) -> Any:
        """See `Synthetic.sampler`."""
        from imblearn.over_sampling import ADASYN

        return ADASYN(random_state=seed, n_neighbors=self.neighbours)
