"""Borderline-SMOTE."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge

from runner.balance.neighbours.synthetic import Synthetic


class BorderlineSmote(Synthetic):
    """SMOTE from those rows only of whose m nearest at least half, but not all, are of other classes.

    A class without such rows stays as it is.

    Args:
        k_neighbors: nearest rows of the same class that a new row may lie towards, at least 1.
        m_neighbors: nearest rows of all classes by which a row is told to lie at the boundary, at least 1.
        kind: ``borderline-1``, or ``borderline-2``, whose new rows lie towards rows of other classes too, in the half
            that is nearer to their own.

    Source: Han et al. 2005, "Borderline-SMOTE: A New Over-Sampling Method in Imbalanced Data Sets Learning".
    """

    def __init__(
        self,
        k_neighbors: Annotated[int, Ge(1)] = 5,
        m_neighbors: Annotated[int, Ge(1)] = 10,
        kind: Literal["borderline-1", "borderline-2"] = "borderline-1",
    ) -> None:
        super().__init__(k_neighbors)
        self.m_neighbors, self.kind = m_neighbors, kind

    def sampler(self, seed: int) -> Any:
        """See `Synthetic.sampler`."""
        from imblearn.over_sampling import BorderlineSMOTE

        settings = {"k_neighbors": self.neighbours, "m_neighbors": self.m_neighbors, "kind": self.kind}
        return BorderlineSMOTE(random_state=seed, **settings)
