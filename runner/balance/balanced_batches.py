"""Batches in which classes are equally frequent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from runner.balance.base import Balance
from runner.engine.split.rows import RowsSplit
from runner.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.spec import Spec
    from runner.engine.split import Split


def class_by_class(of: Tensor, generator: torch.Generator) -> Tensor:
    """An order of N examples in which any B that follow each other hold every class ``B / C`` times, to within one.

    Each class goes through its examples in an order drawn anew, again and again where they are too few; the classes
    take turns.

    Args:
        of: class of each example ``(N,)``.
        generator: that is drawn from.

    Returns:
        Numbers of examples ``(N,)``: of a frequent class not all of them, of a rare one some several times.
    """
    classes = of.unique()
    turns = -(-len(of) // len(classes))
    columns = []
    for number in classes[torch.randperm(len(classes), generator=generator)].tolist():
        own = (of == number).nonzero()[:, 0]
        rounds = [own[torch.randperm(len(own), generator=generator)] for _ in range(-(-turns // len(own)))]
        columns.append(torch.cat(rounds)[:turns])
    return torch.stack(columns, dim=1).flatten()[: len(of)]


@dataclass(frozen=True)
class ClassByClass(RowsSplit):
    """A view of another split whose epochs go by `class_by_class`.

    Attributes:
        of: class of each example ``(N,)``.
    """

    of: Tensor

    def order(self, generator: torch.Generator) -> Tensor:
        """See `Split.order`."""
        return class_by_class(self.of, generator)


class BalancedBatches(Balance):
    """Draws every batch with as many examples of each class, in epochs of as many examples as there are.

    An epoch repeats examples of rare classes and takes some of a frequent one, others in every epoch.

    Source: Shen et al. 2016, "Relay Backpropagation for Effective Learning of Deep Convolutional Neural Networks",
        section 3.3.
    """

    def balanced(self, train: Split, spec: Spec, seed: int) -> Split:
        """See `Balance.balanced`; which examples an epoch takes is a function of the run's seed and the epoch."""
        if train.length_buckets:
            raise ConfigError(
                "balance=balanced_batches: says which examples a batch has, and so does data.length_buckets. Leave one "
                "of them out."
            )
        return ClassByClass(train, torch.arange(len(train)), train.classes())
