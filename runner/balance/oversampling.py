"""Random oversampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from runner.balance.base import Balance
from runner.engine.split.rows import RowsSplit

if TYPE_CHECKING:
    from runner.engine.spec import Spec
    from runner.engine.split import Split


class Oversampling(Balance):
    """Repeats examples of rarer classes, drawn with replacement, until all are as frequent as the most frequent one.

    Source: `RandomOverSampler` of imbalanced-learn.
    """

    def balanced(self, train: Split, spec: Spec, seed: int) -> Split:
        """See `Balance.balanced`: every example once, and the repeated ones behind them."""
        generator = torch.Generator().manual_seed(seed)
        of = train.classes()
        counts = of.bincount()
        rows = [torch.arange(len(train))]
        for number in range(len(counts)):
            own, lacking = (of == number).nonzero()[:, 0], int(counts.max() - counts[number])
            if len(own) and lacking:
                rows.append(own[torch.randint(len(own), (lacking,), generator=generator)])
        return RowsSplit(train, torch.cat(rows))
