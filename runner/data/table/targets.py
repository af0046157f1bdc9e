"""What is to be predicted, from one column or several."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from runner.data.base import TargetScaling
from runner.data.parts.assemble import classes_spec, missing_classes
from runner.data.parts.scaling import fit_table
from runner.data.parts.split import Parts
from runner.data.table.meaning import as_texts
from runner.engine.spec import Field, Spec
from runner.errors import RunFailed

FEW_CLASSES = 20  # a target of at most so many different whole numbers is taken for classes

Predicted = Literal["classification", "regression", "multilabel"]

# Pairs of words, in small letters, that say that a label doesn't hold and that it does.
_NO_YES = ({"0", "no", "false", "n", "f"}, {"1", "yes", "true", "y", "t"})


@dataclass(frozen=True)
class Targets:
    """Targets of all rows.

    Attributes:
        task: what is predicted.
        values: class indices ``(N,)`` int64, labels ``(N, T)`` float64 of 0 and 1, or numbers ``(N, T)`` float64.
        names: of the classes, sorted; else of the T columns.
    """

    task: Predicted
    values: NDArray[Any]
    names: tuple[str, ...]


def choose_task(columns: pl.DataFrame) -> Predicted:
    """What columns hold: classes when it is one column of words or of few whole numbers; else numbers."""
    if columns.width > 1:
        return "regression"
    (column,) = columns
    if not column.dtype.is_numeric():
        return "classification"
    different = column.unique()
    return "classification" if len(different) <= FEW_CLASSES and (different % 1 == 0).all() else "regression"


def read_targets(columns: pl.DataFrame, task: Predicted, source: str) -> Targets:
    """Targets from columns without gaps.

    Args:
        columns: those to predict, at least one; ``classification`` takes one.
        task: what to predict.
        source: the file's name, for messages.

    Raises:
        RunFailed: the columns don't hold what the task is about.
    """
    if task == "classification":
        (column,) = columns
        return _classes(column, source)
    one = _label if task == "multilabel" else _numbers
    values = np.stack([one(column, source) for column in columns], axis=1)
    return Targets(task, values, tuple(columns.columns))


def for_a_network(
    targets: Targets, parts: Parts, inputs: Field, scaling: TargetScaling
) -> tuple[Spec, NDArray[Any], tuple[str, ...]]:
    """The spec, the targets of all rows as a network is trained with them, and what is to be said of classes.

    Args:
        targets: as they were read.
        parts: what the training part is.
        inputs: what they are told from.
        scaling: of numbers, with mean and population standard deviation of the training part.
    """
    values, names = targets.values, targets.names
    if targets.task == "classification":
        return classes_spec(values, parts, names, inputs), values, missing_classes(values, parts, names)
    if targets.task == "multilabel":
        told = Field("labels", (len(names),), len(names), names)
        return Spec("multilabel", inputs, told), values.astype(np.float32), ()
    scale = fit_table(values[parts.train], scaling)
    mean, std = tuple(scale.shift.tolist()), tuple(scale.spread.tolist())
    told = Field("values", (len(names),), names=names, mean=mean, std=std)
    return Spec("regression", inputs, told), scale.table(values), ()


def _numbers(column: pl.Series, source: str) -> NDArray[np.float64]:
    if not column.dtype.is_numeric():
        raise RunFailed(
            f"data.task=regression: {column.name!r} holds text such as {as_texts(column).min()!r}. Expected numbers; "
            "choose data.task=classification or another data.target."
        )
    return column.to_numpy().astype(np.float64)


def _label(column: pl.Series, source: str) -> NDArray[np.float64]:
    words = as_texts(column).str.to_lowercase()
    no, yes = _NO_YES
    if other := set(words.unique()) - no - yes:
        raise RunFailed(
            f"{source}: {column.name!r} holds {min(other)!r}. Expected labels: 0 or 1, no or yes, false or true."
        )
    return words.is_in(list(yes)).to_numpy().astype(np.float64)


def _classes(column: pl.Series, source: str) -> Targets:
    if column.dtype.is_numeric():
        different, labels = np.unique(column.to_numpy(), return_inverse=True)
        names = tuple(as_texts(pl.Series(different)))
    else:
        words = as_texts(column)
        names = tuple(words.unique().sort())
        labels = words.cast(pl.Enum(names)).to_physical().to_numpy()
    if len(names) < 2:
        raise RunFailed(f"{source}: every row has the {column.name!r} {names[0]!r}; expected two classes or more.")
    if len(names) > max(FEW_CLASSES, len(labels) // 2):
        raise RunFailed(
            f"{source}: {column.name!r} has {len(names):,} different values in {len(labels):,} rows, too many "
            "to be classes. Choose data.task=regression if they are numbers, or another data.target."
        )
    return Targets("classification", labels.astype(np.int64), names)
