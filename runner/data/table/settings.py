"""The settings of a user's table, held against the names of its columns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.data.table.header import column_names
from runner.errors import ConfigError, did_you_mean, no_file

if TYPE_CHECKING:
    from runner.data.csv import Csv
    from runner.data.table.meaning import Kind

KINDS: dict[str, Kind] = {"number": "number", "category": "words", "date": "date"}  # by their names in data.kinds
SHOWN = 5  # files of a folder that are named


def existing(key: str, name: str) -> Path:
    """A file that a setting names.

    Raises:
        ConfigError: it is not there, or a folder.
    """
    path = Path(os.path.expanduser(name))
    if path.is_dir():
        tables = sorted(p.name for p in path.iterdir() if p.suffix.lower() in (".csv", ".tsv", ".parquet"))
        shown = ", ".join(tables[:SHOWN]) + (", ..." if len(tables) > SHOWN else "")
        raise ConfigError(
            f"data.{key}={name}: this is a folder. Expected a CSV or parquet file; "
            + (f"in it: {shown}." if tables else "there is none in it.")
        )
    if not path.is_file():
        raise ConfigError(f"data.{key}={name}: {no_file(path)}")
    return path


def check(option: Csv) -> None:
    """See that the columns that are named are there, and that no two settings contradict each other.

    Raises:
        ConfigError: they are not, or do.
    """
    names = column_names(option.file)
    if not option.targets:
        raise ConfigError(f"data.target=[]: expected a column of {option.path}, or several: {', '.join(names)}.")
    named = {"group": option.group, "order": option.order}
    given = [("target", name) for name in option.targets]
    given += [(key, name) for key, name in named.items() if name is not None]
    given += [("exclude", name) for name in option.exclude]
    roles = [name for _, name in given]
    given += [("categorical", name) for name in option.categorical]
    for key, name in given:
        if name not in names:
            raise ConfigError(
                f"data.{key}={name}: no such column in {option.path}.{did_you_mean(name, names)} "
                f"Its columns: {', '.join(names)}."
            )
    if option.task == "classification" and len(option.targets) > 1:
        raise ConfigError(
            f"data.target=[{','.join(option.targets)}]: data.task=classification predicts one column. Choose one, or "
            "data.task=regression."
        )
    _check_kinds(option, names)
    _check_files(option, names)
    if option.group and option.order:
        raise ConfigError("data.group and data.order exclude each other: a split goes by groups or by time.")
    if option.folds is not None and option.order:
        raise ConfigError(
            "data.folds and data.order exclude each other: most folds would be trained on rows that come after "
            "those they are judged by."
        )
    for key, name in given:
        if key != "categorical" and roles.count(name) > 1:
            raise ConfigError(f"data.{key}={name}: this column is named for another purpose already.")


def _check_kinds(option: Csv, names: Sequence[str]) -> None:
    """See that each column is there, and is said to be of one kind, which there is."""
    for name, kind in (option.kinds or {}).items():
        where = f"data.kinds={{{name}:{kind}}}"
        if str(name) not in names:
            raise ConfigError(
                f"{where}: no such column in {option.path}.{did_you_mean(str(name), names)} "
                f"Its columns: {', '.join(names)}."
            )
        if not isinstance(kind, str) or kind not in KINDS:
            raise ConfigError(f"{where}: expected {', '.join(KINDS)}.{did_you_mean(str(kind), KINDS)}")
        if name in option.exclude:
            raise ConfigError(f"{where}: data.exclude leaves this column out.")
        if kind == "category" and name == option.order:
            raise ConfigError(f"{where}: data.order puts rows in the order of this column, of numbers or dates.")
        if kind != "category" and name in (*option.categorical, option.group):
            key = "group" if name == option.group else "categorical"
            raise ConfigError(f"{where}: data.{key} takes this column as categories.")


def _check_files(option: Csv, names: Sequence[str]) -> None:
    """Hold the files beside the table against it."""
    if option.split_file:
        existing("split_file", option.split_file)
        for key, value in (("group", option.group), ("order", option.order)):
            if value:
                raise ConfigError(f"data.{key} and data.split_file exclude each other: the file says all parts.")
    if not option.test_path:
        return
    there = column_names(existing("test_path", option.test_path), "data.test_path")
    wanted = [name for name in names if name not in option.exclude]
    if absent := [name for name in wanted if name not in there]:
        raise ConfigError(
            f"data.test_path={option.test_path}: it has no column {', '.join(map(repr, absent))}, which "
            f"{option.path} has.{did_you_mean(absent[0], there)} Its columns: {', '.join(there)}. "
            "data.exclude leaves columns out."
        )
