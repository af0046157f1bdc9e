"""What says that there is no value, and what is done about it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal

from runner.errors import RunFailed

if TYPE_CHECKING:
    import polars as pl

Missing = Literal["mean", "median", "most_frequent", "constant", "drop"]

NA_VALUES = ("", "NA", "N/A", "na", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "?")


def complete_rows(
    frame: pl.DataFrame, targets: Sequence[str], columns: Sequence[str], missing: Missing, source: str
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Without the rows that have no target and, with ``missing=drop``, those with a gap; and what is to be said of it.

    Args:
        frame: all rows.
        targets: columns to predict.
        columns: those in which a gap counts.
        missing: what is done about gaps.
        source: the file's name, for messages.

    Raises:
        RunFailed: no row is left.
    """
    notes: tuple[str, ...] = ()
    kept = frame.drop_nulls(targets) if any(frame[name].has_nulls() for name in targets) else frame
    if not len(kept):
        raise RunFailed(f"{source}: no row has a {' or '.join(map(repr, targets))}; there is nothing to learn from.")
    if left_out := len(frame) - len(kept):
        notes += (f"{left_out:,} row(s) without a {' or '.join(map(repr, targets))} left out",)
    if missing == "drop":
        whole = kept.drop_nulls(columns)
        if left_out := len(kept) - len(whole):
            notes += (f"{left_out:,} row(s) with missing values left out",)
        kept = whole
    if not len(kept):
        raise RunFailed(f"{source}: no row is left; all lack a value. Choose another data.missing than drop.")
    return kept, notes


def told_of_gaps(frame: pl.DataFrame, used: Collection[str], missing: Missing) -> tuple[str, ...]:
    """What is to be said of the columns with gaps, and of those that are not in `used` as they had no value."""
    notes = [
        f"column {name!r} has no value in the training rows and was left out"
        for name in frame.columns
        if name not in used
    ]
    gaps = [f"{column.name} {column.null_count():,}" for column in frame if column.name in used and column.has_nulls()]
    if gaps:
        notes.append(f"missing values filled in (data.missing={missing}): {', '.join(gaps)}")
    return tuple(notes)
