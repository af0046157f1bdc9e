"""A table of runs: its columns, which of its rows are wanted, and in which order."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.analysis.run import Run
from runner.analysis.settings import shown
from runner.engine.monitor import canonical
from runner.errors import ConfigError, did_you_mean, nearest

# What every run has. Behind these come its scores and its settings, by their own names.
COLUMNS: dict[str, Callable[[Run], Any]] = {
    "started": lambda run: run.started or None,
    "status": lambda run: run.status,
    "task": lambda run: run.task or None,
    "data": lambda run: run.settings.get("data"),
    "model": lambda run: run.settings.get("model"),
    "variant": lambda run: run.variant or None,
    "optimizer": lambda run: run.settings.get("optimizer"),
    "monitor": lambda run: run.monitor or None,
    "best": lambda run: run.scores.get(run.monitor),
    "test": lambda run: run.scores.get(f"test/{run.monitor.partition('/')[2]}"),
    "best_epoch": lambda run: run.best_epoch,
    "epochs": lambda run: run.epochs,
    "seconds": lambda run: run.seconds,
    "parent": lambda run: Path(run.parent).name or None,
}

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "!=": lambda a, b: a != b,
    "=": lambda a, b: a == b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}
_FILTER = re.compile(r"([\w./ ()-]+?)(>=|<=|!=|=|>|<)(.*)", re.DOTALL)


@dataclass
class Row:
    """A run in a table.

    Attributes:
        run: the run.
        name: its folder below the one that was searched.
    """

    run: Run
    name: str

    def __getitem__(self, column: str) -> Any:
        """The value in a column; None where there is none."""
        if column == "name":
            return self.name
        if column in COLUMNS:
            return COLUMNS[column](self.run)
        if column in self.run.scores:
            return self.run.scores[column]
        return self.run.settings.get(column)

    @property
    def note(self) -> str:
        """What is to be said of it: damage, and why it ended otherwise than by completing."""
        _ = (self.run.status, self.run.settings, self.run.scores, self.run.epochs)  # which may find more to note
        return "; ".join(dict.fromkeys([*self.run.notes, *filter(None, [self.run.cause])]))


@dataclass(frozen=True)
class Filter:
    """``model=cnn``, ``val/accuracy>0.9``, ``status!=failed``; or a word that is part of a name.

    Attributes:
        column: what is looked at.
        operator: = != > < >= <=, or ``in`` for a word.
        text: what it is compared with.
    """

    column: str
    operator: str
    text: str

    @classmethod
    def of(cls, word: str) -> Filter:
        """A filter as it was typed."""
        match = _FILTER.fullmatch(word)
        if match is None:
            return cls("name", "in", word)
        return cls(canonical(match[1].strip()), match[2], match[3].strip())

    def holds(self, row: Row) -> bool:
        """Whether a row is wanted. A run without a value in this column is not, unless another value is asked for."""
        value = row[self.column]
        if self.operator == "in":
            return self.text.lower() in str(value).lower()
        if value is None and self.text != "null":
            return self.operator == "!="
        wanted, given = _number(self.text), _number(value)
        if wanted is not None and given is not None:
            return _OPERATORS[self.operator](given, wanted)
        if self.operator not in ("=", "!=") and (wanted is None) != (given is None):  # a text and a number
            return False
        return _OPERATORS[self.operator](_plain(shown(value)), _plain(self.text))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _plain(text: str) -> str:
    return re.sub(r"\s+", "", text) if text.startswith("[") else text


def read_rows(folders: Sequence[Path], root: Path) -> list[Row]:
    """The runs in `folders`, named by where they lie below `root`, in the order in which they were started."""
    rows = []
    for folder in folders:
        name = str(folder.relative_to(root)) if folder.is_relative_to(root) and folder != root else str(folder)
        rows.append(Row(Run.read(folder), name))
    return sorted(rows, key=lambda row: (row.run.started, row.name))


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Every column that some row has: those of all runs, scores, settings."""
    scores = dict.fromkeys(name for row in rows for name in row.run.scores)
    settings = dict.fromkeys(name for row in rows for name in row.run.settings)
    return list(dict.fromkeys(["name", *COLUMNS, *sorted(scores), *settings]))


def check_column(given: str, name: str, columns: Sequence[str]) -> None:
    """Refuse a column that no run has.

    Raises:
        ConfigError: with the nearest that there is.
    """
    if name not in columns:
        short = [column for column in columns if column.rpartition("/")[2].rpartition(".")[2] == name]
        hint = did_you_mean(name, columns) if nearest(name, columns) or not short else ""
        hint = f" Did you mean {short[0]!r}?" if short else hint
        raise ConfigError(
            f"{given}: no run has {name!r}.{hint} There are {', '.join(['name', *COLUMNS])}, scores such as "
            "val/loss, and keys of the configuration such as optimizer.lr."
        )


def in_order(rows: Sequence[Row], column: str, falling: bool = False) -> list[Row]:
    """Rows by the values in a column, numbers before texts; those without one last."""
    having = [row for row in rows if row[column] is not None]
    having.sort(key=lambda row: _order(row[column]), reverse=falling)
    return [*having, *(row for row in rows if row[column] is None)]


def _order(value: Any) -> tuple[bool, float, str]:
    number = _number(value)
    return (True, 0.0, str(value)) if number is None else (False, number, "")
