"""From columns with gaps and words to a table of numbers; everything fitted on the training rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from runner.data.csv_file import Column, Numbers, Words
from runner.data.split import Indices

Missing = Literal["mean", "median", "most_frequent", "constant", "drop"]
NO_VALUE = "(missing)"


@dataclass(frozen=True)
class Table:
    """Features as networks take them.

    Attributes:
        rows: ``(N, F)`` without gaps.
        names: one per feature: ``age``, ``colour=red``, ``age_missing``.
        measured: features that are numbers, not zeros and ones made of words ``(F,)``: those that scaling is for.
        notes: what was filled in, left out and not known.
    """

    rows: NDArray[np.float64]
    names: tuple[str, ...]
    measured: NDArray[np.bool_]
    notes: tuple[str, ...]


def most_frequent(values: NDArray[np.float64]) -> float:
    """The value that occurs most often; the smallest of several."""
    found, counts = np.unique(values, return_counts=True)
    return float(found[counts.argmax()])


def fill_numbers(column: Numbers, train: Indices, missing: Missing, fill_value: float) -> NDArray[np.float64] | None:
    """The values with gaps filled from the training rows; None when these have no value to fill from.

    Args:
        column: N values.
        train: training rows.
        missing: ``mean``, ``median`` or ``most_frequent`` value of the training rows, or ``constant``.
        fill_value: the constant.
    """
    seen = column.values[train][~column.missing[train]]
    if missing == "constant":
        fill = fill_value
    elif not len(seen):
        return None
    elif missing == "most_frequent":
        fill = most_frequent(seen)
    else:
        fill = float(np.median(seen) if missing == "median" else np.mean(seen))
    return np.where(column.missing, fill, column.values)


def one_hot(column: Words, train: Indices, missing: Missing) -> tuple[NDArray[np.float64], tuple[str, ...], int]:
    """A feature of zeros and ones for each word of the training rows.

    A missing word is a word of its own with ``constant``, else the most frequent one. A word, or a gap, that the
    training rows don't have is zero everywhere.

    Returns:
        Features ``(N, K)``, their K words, and how many rows have a word that is not among them.
    """
    codes, known = column.codes, column.known
    if missing == "constant":
        codes, known = np.where(column.missing, len(known), codes), (*known, NO_VALUE)
    counts = np.bincount(codes[train][codes[train] >= 0], minlength=len(known))
    if missing != "constant" and counts.any():
        codes = np.where(column.missing, counts.argmax(), codes)
    used = np.flatnonzero(counts)
    features = (codes[:, None] == used).astype(np.float64)
    return features, tuple(known[code] for code in used), int((features.sum(axis=1) == 0).sum())


def to_table(
    columns: Mapping[str, Column], train: Indices, missing: Missing, fill_value: float, indicator: bool
) -> Table:
    """All columns as one table of numbers.

    Args:
        columns: by name, N rows each.
        train: the rows that fills and words are taken from.
        missing: see `fill_numbers` and `one_hot`. With ``drop`` there must be no gaps left.
        fill_value: what ``constant`` puts into numeric gaps.
        indicator: add a feature ``NAME_missing`` (0 or 1) for each column with gaps in the training rows.
    """
    parts: list[NDArray[np.float64]] = []
    names: list[str] = []
    measured: list[bool] = []
    notes: list[str] = []
    filled: list[str] = []
    for name, column in columns.items():
        if isinstance(column, Numbers):
            values = fill_numbers(column, train, missing, fill_value)
            new, features = ([name], values[:, None]) if values is not None else ([], None)
        else:
            features, words, unknown = one_hot(column, train, missing)
            new = [f"{name}={word}" for word in words]
            if unknown and words:
                notes.append(f"{unknown:,} row(s) hold a {name!r} not seen in training: zero in all its features")
        if features is None or not new:
            notes.append(f"column {name!r} has no value in the training rows and was left out")
            continue
        parts.append(features)
        names += new
        measured += [isinstance(column, Numbers)] * len(new)
        gaps = column.missing
        if gaps.any():
            filled.append(f"{name} {int(gaps.sum()):,}")
        if indicator and gaps[train].any():
            parts.append(gaps[:, None].astype(np.float64))
            names.append(f"{name}_missing")
            measured.append(False)
    if filled:
        notes.append(f"missing values filled in (data.missing={missing}): {', '.join(filled)}")
    rows = np.concatenate(parts, axis=1) if parts else np.empty((0, 0))
    return Table(rows, tuple(names), np.array(measured, dtype=bool), tuple(notes))
