"""What words become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runner.data.parts.split import folds, grouped_folds

if TYPE_CHECKING:
    from runner.data.table.targets import Targets

Encoding = Literal["onehot", "ordinal", "target", "embedding"]

FOLDS = 5  # of the training part, for target encodings; as in scikit-learn


class Outcomes(NamedTuple):
    """What target encodings of the training part are made of.

    Attributes:
        values: of each target, or whether it is the class ``(N, T)``; of two classes the second is enough.
        names: of the T targets or classes; of a single one empty.
        fold: of each row ``(N,)``.
    """

    values: NDArray[np.float64]
    names: tuple[str, ...]
    fold: NDArray[np.int64]


def outcomes(targets: Targets, rows: NDArray[np.int64], groups: NDArray[np.int64] | None, seed: int) -> Outcomes:
    """What target encodings of the training rows are made of; their folds keep groups whole.

    Args:
        targets: of all rows.
        rows: the numbers of the training rows ``(N,)``.
        groups: of all rows, from 0; None where they have none.
        seed: of the folds.
    """
    values, names = targets.values[rows], targets.names
    classes = values if targets.task == "classification" else np.zeros(len(rows), dtype=np.int64)
    if targets.task == "classification":
        values = np.eye(len(names))[values]
        values, names = (values[:, 1:], names[1:]) if len(names) == 2 else (values, names)
    if groups is None:
        fold = folds(classes, min(FOLDS, len(rows)), seed)
    else:
        own = np.unique(groups[rows], return_inverse=True)[1]
        fold = grouped_folds(own, min(FOLDS, int(own.max()) + 1), seed, classes)
    return Outcomes(values.astype(np.float64), names if len(names) > 1 else ("",), fold)


def target_encodings(codes: NDArray[np.int64], outcomes: Outcomes) -> tuple[list[list[float]], NDArray[np.float64]]:
    """The mean of each target among the rows of each word, drawn towards the mean of all rows.

    ``(n m + s y) / (n + s)`` for n rows of mean m among rows of mean y, with s the variance among these n over that of
    all rows (empirical Bayes): the rarer a word, the nearer to y.

    Args:
        codes: the number of each row's word ``(N,)``.
        outcomes: the targets.

    Returns:
        For each target the encoding of every word, and y behind them for a word that is not known; and those of the
        training rows themselves ``(N, T)``, each from the other folds, as its own target would give it away otherwise.

    Source: Micci-Barreca 2001, "A Preprocessing Scheme for High-Cardinality Categorical Attributes in Classification
        and Prediction Problems"; `TargetEncoder` of scikit-learn.
    """
    from sklearn.preprocessing import TargetEncoder

    folds = [(np.flatnonzero(outcomes.fold != f), np.flatnonzero(outcomes.fold == f)) for f in np.unique(outcomes.fold)]
    tables, crossed = [], []
    for values in outcomes.values.T:
        encoder = TargetEncoder(target_type="continuous", cv=folds)
        crossed.append(encoder.fit_transform(codes[:, None], values)[:, 0])
        tables.append([*encoder.encodings_[0].tolist(), float(encoder.target_mean_)])
    return tables, np.stack(crossed, axis=1)
