"""SMOTE."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge

from runner.balance.neighbours.synthetic import Synthetic


class Smote(Synthetic):
    """Adds rows ``x_i + u (x_j - x_i)``, u uniform in [0, 1], x_j one of the nearest rows of the same class.

    Every class becomes as frequent as the most frequent one. Distances are those of the inputs as the network is given
    them, so scaled by `data.scaling`.

    Args:
        k_neighbors: how many nearest rows, at least 1.

    Source: Chawla et al. 2002, "SMOTE: Synthetic Minority Over-sampling Technique".
    """

    def __init__(self, k_neighbors: Annotated[int, Ge(1)] = 5) -> None:
        super().__init__(k_neighbors)

    def sampler(self, seed: int) -> Any:
        """See `Synthetic.sampler`."""
        from imblearn.over_sampling import SMOTE

        return SMOTE(random_state=seed, k_neighbors=self.neighbours)
