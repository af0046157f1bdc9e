"""Random undersampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from runner.balance.base import Balance
from runner.engine.split.rows import RowsSplit

if TYPE_CHECKING:
    from runner.engine.spec import Spec
    from runner.engine.split import Split


class Undersampling(Balance):
    """Leaves out examples of more frequent classes, drawn, until all are as rare as the rarest that is there.

    Source: `RandomUnderSampler` of imbalanced-learn.
    """

    def balanced(self, train: Split, spec: Spec, seed: int) -> Split:
        """See `Balance.balanced`: what is kept stays in its order."""
        generator = torch.Generator().manual_seed(seed)
        of = train.classes()
        least = int(of.unique(return_counts=True)[1].min())
        rows = [own[torch.randperm(len(own), generator=generator)[:least]] for own in rows_by_class(of)]
        return RowsSplit(train, torch.cat(rows).sort().values)


def rows_by_class(of: torch.Tensor) -> list[torch.Tensor]:
    """The numbers of the examples of each class that has some, given the class of each ``(N,)``."""
    return [(of == number).nonzero()[:, 0] for number in of.unique().tolist()]
