"""The files beside a user's table: one that says the part of each row, and one that is the test part."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from runner.data.parts.split_file import read_parts
from runner.data.source.fingerprint import combine, sha256_of_file
from runner.data.table.header import column_names
from runner.data.table.meaning import EXPECTED, Kind, as_texts, read
from runner.data.table.read import read_table
from runner.data.table.settings import existing
from runner.errors import RunFailed

if TYPE_CHECKING:
    from runner.data.csv import Csv
    from runner.data.parts.split import Parts
    from runner.data.table.targets import Targets

PART = "\0part"  # no column of a file has such a name
SHOWN = 5  # classes that are named


def with_parts(option: Csv, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of both files, with the part of those that have one as the column `PART`."""
    if option.split_file:
        given = read_parts(existing("split_file", option.split_file), "data.split_file", len(frame))
        marked = frame.with_columns(pl.Series(PART, given))
    else:
        marked = frame.with_columns(pl.lit(None, pl.String()).alias(PART))
    if not option.test_path:
        return marked
    test = _read_test(option, existing("test_path", option.test_path), frame)
    return pl.concat([marked, test.with_columns(pl.lit("test").alias(PART))])


def _read_test(option: Csv, path: Path, like: pl.DataFrame) -> pl.DataFrame:
    """The columns of the test file, each read as `like`'s of the same name."""
    others = set(column_names(path)) - set(like.columns)
    words: dict[str, Kind] = {column.name: "words" for column in like if column.dtype == pl.String}
    frame = read_table(path, others, words, option.notation)
    columns = []
    for known in like:
        kind: Kind = "words" if known.dtype == pl.String else "number" if known.dtype.is_numeric() else "date"
        meaning = read(frame[known.name], kind, option.notation)
        if meaning.refused.any():
            row = int(meaning.refused.arg_max() or 0)
            raise RunFailed(
                f"{path}, row {row + 1}, column {known.name!r}: {as_texts(frame[known.name])[row]!r} "
                f"{EXPECTED[kind]}, as all of this column are in {option.path}."
            )
        columns.append(meaning.values)
    return pl.DataFrame(columns)


def refuse_new_classes(option: Csv, targets: Targets, parts: Parts) -> None:
    """See that no class is in the test file alone.

    Raises:
        RunFailed: one is.
    """
    if not option.test_path or targets.task != "classification":
        return
    known = np.union1d(targets.values[parts.train], targets.values[parts.val])
    if len(new := np.setdiff1d(targets.values[parts.test], known)):
        shown = ", ".join(repr(targets.names[c]) for c in new[:SHOWN])
        raise RunFailed(
            f"data.test_path={option.test_path}: {option.targets[0]!r} is {shown} in some rows, which no row of "
            f"{option.path} is: there is nothing to learn that from. Leave these rows out."
        )


def fingerprint(option: Csv) -> str:
    """Of the file, and of those beside it."""
    beside = {"split_file": option.split_file, "test_path": option.test_path}
    files = [option.file, *(existing(key, name) for key, name in beside.items() if name)]
    hashes = [sha256_of_file(file) for file in files]
    return hashes[0] if len(hashes) == 1 else combine(hashes)
