"""SMOTE for numbers and categories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from runner.balance.neighbours.synthetic import resampled
from runner.balance.smote import Smote
from runner.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.spec import Spec
    from runner.engine.split import Split


def one_hot_columns(inputs: Tensor, names: tuple[str, ...]) -> list[list[int]]:
    """The features that each column of categories was made into.

    Such features are named ``column=word``, follow each other, and in every row exactly one of them is 1, the others
    0.

    Args:
        inputs: rows ``(N, F)`` of the training part.
        names: of the features.
    """
    columns, open_ = [], list[int]()
    for feature, name in enumerate(names):
        values = inputs[:, feature]
        if "=" not in name or not ((values == 0) | (values == 1)).all():
            open_ = []
            continue
        open_.append(feature)
        if bool((inputs[:, open_].sum(dim=1) == 1).all()):
            columns.append(open_)
            open_ = []
    return columns


class Smotenc(Smote):
    """SMOTE between rows of numbers and categories; a category is the most frequent one of the neighbours.

    In distances, two unlike categories count as much as the median of the standard deviations of the numbers.

    Args:
        k_neighbors: how many nearest rows, at least 1.

    Source: Chawla et al. 2002, "SMOTE: Synthetic Minority Over-sampling Technique", section 6.1.
    """

    def balanced(self, train: Split, spec: Spec, seed: int) -> Split:
        """See `Balance.balanced`.

        Raises:
            ConfigError: there are no categories, or nothing else.
        """
        self.columns = one_hot_columns(train.read(torch.arange(len(train))).inputs.cpu(), spec.feature_names)
        if not self.columns:
            raise ConfigError("balance: Smotenc is for tables with categories, and these have none. balance=smote.")
        if sum(map(len, self.columns)) == len(spec.feature_names):
            raise ConfigError(
                "balance: Smotenc needs a column of numbers, and these are categories only. Take balance=oversampling."
            )
        return super().balanced(train, spec, seed)

    def made(self, inputs: Tensor, classes: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """See `Synthetic.made`: features of a column of categories become its number, and are made of it again."""
        coded = [feature for column in self.columns for feature in column]
        plain = [feature for feature in range(inputs.shape[1]) if feature not in coded]
        codes = [inputs[:, column].argmax(dim=1).to(inputs.dtype) for column in self.columns]
        rows, of = resampled(
            self.sampler_of(seed, range(len(plain), len(plain) + len(codes))),
            torch.cat([inputs[:, plain], torch.stack(codes, dim=1)], dim=1).numpy(),
            classes.numpy(),
        )
        made = torch.zeros(len(of), inputs.shape[1])
        made[:, plain] = torch.from_numpy(rows[:, : len(plain)]).float()
        for number, column in enumerate(self.columns, len(plain)):
            code = torch.from_numpy(rows[:, number]).long()
            made[torch.arange(len(of)), torch.tensor(column)[code]] = 1
        return made, torch.from_numpy(of)

    def sampler_of(self, seed: int, categories: range) -> Any:
        """The sampler of imbalanced-learn for rows with categories, as whole numbers, in these columns."""
        from imblearn.over_sampling import SMOTENC

        return SMOTENC(list(categories), random_state=seed, k_neighbors=self.neighbours)
