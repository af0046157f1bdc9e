"""What stands beside molecules, as what is to be told of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from runner.data.graphs.sdf import Molecule
from runner.data.table.meaning import EXPECTED, Notation, read
from runner.errors import RunFailed, did_you_mean


def beside(molecules: Sequence[Molecule], names: Sequence[str], path: Path) -> pl.DataFrame:
    """Values beside each molecule as texts, null where there is none.

    Args:
        molecules: of a file.
        names: of the values.
        path: the file, for messages.

    Raises:
        RunFailed: no molecule has a value of some name.
    """
    known = {name for molecule in molecules for name in molecule.values}
    columns = {}
    for name in names:
        if name not in known:
            there = f"Beside them stand: {', '.join(sorted(known)[:20])}." if known else "Nothing stands beside them."
            raise RunFailed(f"data.target={name}: beside no molecule of {path}.{did_you_mean(name, known)} {there}")
        values = pl.Series(name, [molecule.values.get(name) for molecule in molecules], pl.String)
        columns[name] = read(values, "words", Notation()).values
    return pl.DataFrame(columns)


def typed(texts: pl.DataFrame, task: str, places: Sequence[str]) -> pl.DataFrame:
    """The same as numbers where they are some; all of them must be where nine of ten are, or numbers are to be told.

    Args:
        texts: without gaps.
        task: what is told, or ``auto``.
        places: where each row comes from, for messages.

    Raises:
        RunFailed: one is no number, and must be.
    """
    columns = {}
    for column in texts:
        numbers = read(column, "number", Notation())
        wrong = numbers.refused.arg_true().to_list()
        if wrong and (task == "regression" or (task == "auto" and len(wrong) <= len(column) / 10)):
            raise RunFailed(
                f"{places[wrong[0]]}: {column.name!r} is {column[wrong[0]]!r}, which {EXPECTED['number']}."
                + (" data.task=classification takes it for a class." if task == "auto" else "")
            )
        columns[column.name] = column if wrong else numbers.values
    return pl.DataFrame(columns)
