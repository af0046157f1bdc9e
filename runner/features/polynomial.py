"""Products of features."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, combinations_with_replacement
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Le
from torch import Tensor

from runner.features.base import Features

if TYPE_CHECKING:
    from runner.engine.spec import Spec


def terms(features: int, degree: int, interaction_only: bool) -> list[tuple[int, ...]]:
    """Which features each product of two and up to `degree` of them is made of, in scikit-learn's order."""
    choose = combinations if interaction_only else combinations_with_replacement
    return [term for d in range(2, degree + 1) for term in choose(range(features), d)]


class Polynomial(Features):
    """Adds products of features: ``x_i x_j`` for all i <= j, and so on up to a degree.

    The features stay, as they are, in front; there is no constant one.

    Args:
        degree: most factors of a product, 2 to 4.
        interaction_only: leave out products in which a feature is there twice.

    Source: `PolynomialFeatures` of scikit-learn.
    """

    order: ClassVar[int] = 20

    def __init__(self, degree: Annotated[int, Ge(2), Le(4)] = 2, interaction_only: bool = False) -> None:
        self.degree, self.interaction_only = degree, interaction_only

    def fit(self, inputs: Tensor, targets: Tensor, names: Sequence[str], spec: Spec) -> None:
        """See `Features.fit`; only the names are learnt."""
        self.terms = terms(len(names), self.degree, self.interaction_only)
        self.names = (*names, *(" ".join(names[i] for i in term) for term in self.terms))

    def __call__(self, inputs: Tensor) -> Tensor:
        """Rows ``(N, F)`` with their products behind them."""
        made = [inputs]
        for degree in sorted({len(term) for term in self.terms}):  # all of one degree at once, in the order of `terms`
            factors = torch.tensor([term for term in self.terms if len(term) == degree]).T
            products = inputs[:, factors[0]]
            for factor in factors[1:]:
                products = products * inputs[:, factor]
            made.append(products)
        return torch.cat(made, dim=1)

    def state_dict(self) -> dict[str, Any]:
        """See `Features.state_dict`."""
        return {**super().state_dict(), "terms": [list(term) for term in self.terms]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `Features.load_state_dict`."""
        super().load_state_dict(state)
        self.terms = [tuple(term) for term in state["terms"]]
