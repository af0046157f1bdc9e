"""A table of one's own in a CSV file."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from runner.data.base import DataOption, TargetScaling
from runner.data.columns import Missing, to_table
from runner.data.csv_file import Column, Header, Numbers, Words, read_columns, read_header
from runner.data.fingerprint import sha256
from runner.data.split import Parts, grouped, ordered
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, RunFailed, did_you_mean

FEW_CLASSES = 20  # a target of at most so many different whole numbers is taken for classes
FREE_TEXT = 50  # a column of more words than this, most of them different, is no category


@dataclass(kw_only=True)
class Csv(DataOption):
    """Rows of a CSV file: numbers scaled, words one-hot, gaps filled; all fitted on the training part.

    The first line names the columns; comma, semicolon or tab separates, whichever the first line shows.

    Attributes:
        path: the file, in UTF-8.
        target: the column to predict. Rows without it are left out.
        task: ``auto``: classification when the target is text or at most 20 different whole numbers.
        exclude: columns left out (identifiers, remarks).
        categorical: numeric columns to take as categories; text always is.
        missing: what fills a gap in a numeric column: ``mean``, ``median``, ``most_frequent`` or ``constant``; ``drop``
            leaves out rows with a gap. In text, ``constant`` is a category of its own, others take the most frequent.
        fill_value: what ``constant`` puts into numeric gaps.
        indicator: add a feature that tells gaps, for each column with gaps in the training part.
        na_values: texts that mean that there is no value.
        decimal: the decimal mark.
        group: column whose equal values never come into different parts (patient, session); no feature. The shares of
            the split hold as nearly as whole groups allow.
        order: column by which the split goes, earliest rows first: numbers or ISO dates; no feature.
        target_scaling: ``standard`` divides regression targets by mean and standard deviation of the training part.
    """

    path: str
    target: str
    task: Literal["auto", "classification", "regression"] = "auto"
    exclude: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    missing: Missing = "mean"
    fill_value: float = 0.0
    indicator: bool = False
    na_values: tuple[str, ...] = ("", "NA", "N/A", "na", "NaN", "nan", "NULL", "null", "?")
    decimal: Literal[".", ","] = "."
    group: str | None = None
    order: str | None = None
    target_scaling: TargetScaling = "standard"

    def probe(self) -> Spec:
        """Reads the first line only."""
        self._header()
        return Spec(None if self.task == "auto" else self.task, Field("table"))

    def load(self) -> Data:
        """Read, leave out rows, decide on the task, split, fill and encode."""
        from runner.data.assemble import divide, finish, table

        header = self._header()
        path = Path(self.path).expanduser()
        words = {*self.categorical, *((self.group,) if self.group else ())}
        columns = read_columns(path, header, self.exclude, words, self.na_values, self.decimal)
        counting = [name for name, c in columns.items() if isinstance(c, Numbers) and np.all(np.diff(c.values) == 1)]
        columns, notes = self._complete_rows(columns)
        target = columns.pop(self.target)
        task = self._task(target)
        if self.task == "auto":
            notes += (f"{task} of {self.target!r} (data.task decides otherwise)",)
        targets, class_names = self._targets(target, task)
        labels = targets if class_names else None
        if self.group:
            groups = self._groups(columns.pop(self.group))
            parts = finish(self, self._by_group(groups, labels), labels, groups)
        elif self.order:
            parts = finish(self, ordered(self._times(columns.pop(self.order)), self.split), labels)
        else:
            parts = divide(self, len(targets), labels)
        self._refuse_free_text(columns)
        features = to_table(columns, parts.train, self.missing, self.fill_value, self.indicator)
        if not features.names:
            raise RunFailed(f"{self.path}: no feature is left besides {self.target!r}. Add columns or exclude fewer.")
        return table(
            self,
            features.rows,
            targets,
            parts,
            feature_names=features.names,
            class_names=class_names,
            target_scaling=self.target_scaling,
            scaled=features.measured,
            fingerprint=sha256(path.read_bytes()),
            notes=notes
            + features.notes
            + tuple(
                f"column {name!r} counts the rows, as an identifier does; data.exclude=[{name}] leaves it out"
                for name in counting
                if name in features.names
            ),
        )

    def _header(self) -> Header:
        """The first line, after the settings have been held against it."""
        path = Path(self.path).expanduser()
        if not path.is_file():
            beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            raise ConfigError(f"data.path={self.path}: there is no such file.{did_you_mean(path.name, beside)}")
        header = read_header(path)
        named = {"target": self.target, "group": self.group, "order": self.order}
        given = [(key, name) for key, name in named.items() if name is not None]
        given += [("exclude", name) for name in self.exclude] + [("categorical", name) for name in self.categorical]
        for key, name in given:
            if name not in header.names:
                raise ConfigError(
                    f"data.{key}={name}: no such column in {self.path}.{did_you_mean(name, header.names)} "
                    f"Its columns: {', '.join(header.names)}."
                )
        if self.group and self.order:
            raise ConfigError("data.group and data.order exclude each other: a split goes by groups or by time.")
        if self.folds is not None and self.order:
            raise ConfigError(
                "data.folds and data.order exclude each other: most folds would be trained on rows that come after "
                "those they are judged by."
            )
        roles = [name for key, name in given if key != "categorical"]
        for key, name in given:
            if key != "categorical" and roles.count(name) > 1:
                raise ConfigError(f"data.{key}={name}: this column is named for another purpose already.")
        return header

    def _complete_rows(self, columns: dict[str, Column]) -> tuple[dict[str, Column], tuple[str, ...]]:
        """Without the rows that have no target and, with ``missing=drop``, those with a gap."""
        notes: tuple[str, ...] = ()
        keep = ~columns[self.target].missing
        if not keep.all():
            notes += (f"{int((~keep).sum()):,} row(s) without a {self.target!r} left out",)
        if self.missing == "drop":
            whole = keep & ~reduce(np.logical_or, (column.missing for column in columns.values()))
            if left_out := int((keep & ~whole).sum()):
                notes += (f"{left_out:,} row(s) with missing values left out",)
            keep = whole
        if not keep.any():
            raise RunFailed(f"{self.path}: no row is left; all lack a value. Choose another data.missing than drop.")
        return {name: column.rows(keep) for name, column in columns.items()}, notes

    def _task(self, target: Column) -> str:
        if self.task == "regression" and isinstance(target, Words):
            raise RunFailed(
                f"data.task=regression: {self.target!r} holds text such as {target.known[0]!r}. Expected numbers; "
                "choose data.task=classification or another data.target."
            )
        if self.task != "auto":
            return self.task
        if isinstance(target, Words):
            return "classification"
        different = np.unique(target.values)
        return "classification" if len(different) <= FEW_CLASSES and (different % 1 == 0).all() else "regression"

    def _targets(self, target: Column, task: str) -> tuple[NDArray[Any], tuple[str, ...]]:
        """Values and no names for regression; class indices and the names of the classes, sorted, else."""
        if task == "regression" and isinstance(target, Numbers):
            return target.values, ()
        if isinstance(target, Numbers):
            different, labels = np.unique(target.values, return_inverse=True)
            names = tuple(f"{value:g}" for value in different)
        else:
            used, labels = np.unique(target.codes, return_inverse=True)
            names = tuple(target.known[code] for code in used)
        if len(names) < 2:
            raise RunFailed(
                f"{self.path}: every row has the {self.target!r} {names[0]!r}; expected two classes or more."
            )
        if len(names) > max(FEW_CLASSES, len(labels) // 2):
            raise RunFailed(
                f"{self.path}: {self.target!r} has {len(names):,} different values in {len(labels):,} rows, too many "
                "to be classes. Choose data.task=regression if they are numbers, or another data.target."
            )
        return labels.astype(np.int64), names

    def _groups(self, column: Column) -> NDArray[np.int64]:
        assert isinstance(column, Words)
        if column.missing.any():
            raise RunFailed(f"{self.path}: {int(column.missing.sum())} row(s) have no {self.group!r}. Fill them in.")
        return np.unique(column.codes, return_inverse=True)[1].astype(np.int64)

    def _by_group(self, groups: NDArray[np.int64], labels: NDArray[np.int64] | None) -> Parts:
        try:
            return grouped(groups, self.split, self.split_seed, labels)
        except ValueError as error:
            raise RunFailed(f"data.group={self.group}: {error}. Expected at least one group per part.") from error

    def _times(self, column: Column) -> NDArray[np.float64]:
        if column.missing.any():
            raise RunFailed(f"{self.path}: {int(column.missing.sum())} row(s) have no {self.order!r}. Fill them in.")
        if isinstance(column, Numbers):
            return column.values
        times = [_timestamp(word) for word in column.known]
        if None in times:
            raise RunFailed(
                f"data.order={self.order}: {column.known[times.index(None)]!r} is neither a number nor an ISO date, "
                "such as 2026-05-31 or 2026-05-31T12:00:00."
            )
        return np.array(times, dtype=np.float64)[column.codes]

    def _refuse_free_text(self, columns: dict[str, Column]) -> None:
        for name, column in columns.items():
            if name in self.categorical or isinstance(column, Numbers):
                continue
            words, rows = len(np.unique(column.codes[~column.missing])), int((~column.missing).sum())
            if words and all(re.fullmatch(r"[-+]?\d+,\d+", word) for word in column.known):
                raise RunFailed(
                    f"{self.path}: column {name!r} holds texts such as {column.known[0]!r}, which look like numbers "
                    "with a decimal comma. Read them as such with \"data.decimal=','\", or name the column in "
                    "data.categorical."
                )
            if words > FREE_TEXT and words > rows / 2:
                raise RunFailed(
                    f"{self.path}: column {name!r} holds {words:,} different texts in {rows:,} rows, such as "
                    f"{column.known[0]!r}: an identifier, a date or free text. Leave it out with data.exclude=[{name}] "
                    "or name it in data.categorical if each text is a category."
                )


def _timestamp(word: str) -> float | None:
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        return None
    # A time without a zone is taken as UTC: the split must not depend on where it is computed.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
