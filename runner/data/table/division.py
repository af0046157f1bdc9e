"""Which rows of a user's table are for training, validation and test."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runner.data.parts.assemble import Labels, divide, finish, fold_and_fraction
from runner.data.parts.split import Parts, grouped, ordered
from runner.data.table.beside import PART
from runner.errors import RunFailed

if TYPE_CHECKING:
    import polars as pl

    from runner.data.csv import Csv
    from runner.data.table.targets import Targets


def groups_of(column: pl.Series, source: str) -> Labels:
    """The number of each row's group ``(N,)``."""
    _refuse_gaps(column, source)
    return column.rank("dense").to_numpy().astype(np.int64) - 1


def divided(option: Csv, frame: pl.DataFrame, targets: Targets, groups: Labels | None) -> tuple[Parts, tuple[str, ...]]:
    """Which rows are where: as their files say, the others as ``split`` does; and what is to be said of it.

    Args:
        option: says how.
        frame: all rows, with the column `PART`.
        targets: of all rows; classes are spread evenly.
        groups: see `groups_of`; None where rows have none.

    Raises:
        RunFailed: a part would be empty, or a row has no time.
    """
    labels = targets.values if targets.task == "classification" else None
    times = _times(frame[option.order], option) if option.order else None
    given = frame[PART]
    free = given.is_null().arg_true().to_numpy().astype(np.int64)
    if len(free) == len(frame):
        return _by_shares(option, len(frame), labels, groups, times), ()
    parts = Parts(*((given == part).fill_null(False).arg_true().to_numpy().astype(np.int64) for part in Parts._fields))
    if not len(free):
        for part in ("train", "val"):
            if not len(getattr(parts, part)):
                raise RunFailed(f"data.split_file={option.split_file}: no row with a target is in {part}.")
        parts = fold_and_fraction(option, parts, labels, groups)
    else:
        train, val, _ = option.split
        rest = _by_shares(
            replace(option, split=(train / (train + val), val / (train + val), 0.0)),
            len(free),
            None if labels is None else labels[free],
            None if groups is None else np.unique(groups[free], return_inverse=True)[1],
            None if times is None else times[free],
        )
        parts = Parts(free[rest.train], free[rest.val], parts.test)
    if groups is None or not option.test_path:
        return parts, ()
    shared = np.intersect1d(groups[parts.test], groups[np.concatenate(parts[:2])])
    return parts, (f"{len(shared):,} group(s) of {option.group!r} are in both files",) if len(shared) else ()


def _by_shares(
    option: Csv, count: int, labels: Labels | None, groups: Labels | None, times: NDArray[np.float64] | None
) -> Parts:
    """All rows of a table as ``split`` says."""
    if groups is not None:
        try:
            parts = grouped(groups, option.split, option.split_seed, labels)
        except ValueError as error:
            raise RunFailed(f"data.group={option.group}: {error}. Expected at least one group per part.") from error
        return finish(option, parts, labels, groups)
    if times is not None:
        return finish(option, ordered(times, option.split), labels)
    return divide(option, count, labels)


def _times(column: pl.Series, option: Csv) -> NDArray[np.float64]:
    """Numbers, or microseconds since 1970."""
    _refuse_gaps(column, option.path)
    if column.dtype.is_numeric():
        return column.to_numpy()
    if column.dtype.is_temporal():
        return column.dt.epoch("us").to_numpy()
    raise RunFailed(
        f"data.order={option.order}: {column.min()!r} is neither a number nor an ISO date, such as 2026-05-31 or "
        "2026-05-31T12:00:00."
    )


def _refuse_gaps(column: pl.Series, source: str) -> None:
    if column.has_nulls():
        raise RunFailed(f"{source}: {column.null_count():,} row(s) have no {column.name!r}. Fill them in.")
