"""A table of one's own in a CSV or parquet file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from runner.data.base import TableOption, TargetScaling
from runner.data.parts.split import Parts, folds, grouped, grouped_folds, ordered
from runner.data.source.fingerprint import combine, sha256_of_file
from runner.data.table.encoding import FOLDS, Encoding, Outcomes
from runner.data.table.gaps import NA_VALUES, Missing
from runner.data.table.header import column_names
from runner.engine.data import Data
from runner.engine.spec import Field, Kind, Spec
from runner.errors import ConfigError, RunFailed, did_you_mean, no_file

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from runner.data.table.meaning import Kind as ColumnKind
    from runner.data.table.meaning import Notation
    from runner.data.table.targets import Predicted, Targets
    from runner.data.table.transform import TableTransform
    from runner.engine.batch import Batch

FREE_TEXT = 50  # a column of more words than this, most of them different, is no category
SHOWN = 5  # files of a folder, or classes, that are named in a message
FIRST = 100  # rows that are looked at before all of them are
_PART = "\0part"  # no column of a file has such a name


@dataclass(kw_only=True)
class Csv(TableOption):
    """Rows of a CSV or parquet file: numbers scaled, words encoded, dates as numbers, gaps filled.

    All of it is fitted on the training part. The first line of a CSV file names the columns; comma, semicolon or tab
    separates, whichever the first line shows.

    Attributes:
        path: the file; CSV in UTF-8.
        target: the column to predict, or several: ``[price,rent]``. Rows without any of them are left out.
        task: ``auto``: classification when the target is text or at most 20 different whole numbers; regression when
            there are several. ``multilabel`` takes columns of labels that hold or don't: 0 or 1, no or yes.
        exclude: columns left out (identifiers, remarks).
        categorical: columns of numbers or dates to take as categories; text always is.
        encoding: of categories: ``onehot`` (a 0/1 feature for each), ``ordinal`` (the place among the sorted ones),
            ``target`` (the mean of the target, drawn towards that of all rows, out of fold in the training part) or
            ``embedding`` (vectors that are learnt, for networks that take categories).
        missing: what fills a gap in a numeric column: ``mean``, ``median``, ``most_frequent`` or ``constant``; ``drop``
            leaves out rows with a gap. In text a gap is a category of its own; with ``most_frequent`` it takes the most
            frequent one.
        fill_value: what ``constant`` puts into numeric gaps.
        indicator: add a feature that tells gaps, for each column with gaps in the training part.
        na_values: further texts that mean that there is no value.
        keep_default_na: whether the usual ones do: the empty text, NA, N/A, na, NaN, nan, NULL, null and ?.
        decimal: the decimal mark.
        group: column whose equal values never come into different parts (patient, session); no feature. The shares of
            the split hold as nearly as whole groups allow.
        order: column by which the split goes, earliest rows first: numbers or ISO dates; no feature.
        split_file: a text or CSV file that says the part of each row of `path`, in their order: lines that end in
            ``train``, ``val`` or ``test``; it takes the place of `split`.
        test_path: a file like `path` that is the test part, its columns in any order; the first two shares of `split`
            then divide `path`.
        target_scaling: ``standard`` divides regression targets by mean and standard deviation of the training part.
    """

    path: str
    target: str | tuple[str, ...]
    task: Literal["auto", "classification", "regression", "multilabel"] = "auto"
    exclude: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    encoding: Encoding = "onehot"
    missing: Missing = "mean"
    fill_value: float = 0.0
    indicator: bool = False
    na_values: tuple[str, ...] = ()
    keep_default_na: bool = True
    decimal: Literal[".", ","] = "."
    group: str | None = None
    order: str | None = None
    split_file: str | None = None
    test_path: str | None = None
    target_scaling: TargetScaling = "standard"

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict."""
        return (self.target,) if isinstance(self.target, str) else tuple(self.target)

    def probe(self) -> Spec:
        """Reads the names of the columns only."""
        self._check_columns()
        kinds: dict[str, Kind] = {"classification": "class", "regression": "values", "multilabel": "labels"}
        known = self.task != "auto"
        more = {"categories": Field("categories")} if self.encoding == "embedding" else {}
        return Spec(self.task if known else None, Field("table"), Field(kinds[self.task]) if known else None, more)

    def transform(self) -> TableTransform:
        """What makes features of raw rows, not yet fitted."""
        from runner.data.table.transform import TableTransform

        notation = self._notation()
        return TableTransform(
            self.missing,
            self.fill_value,
            self.indicator,
            self.categorical,
            self.scaling,
            notation.na_values,
            self.decimal,
            self.encoding,
        )

    def load(self) -> Data:
        """Read, leave out rows, decide on the task, split, fill and encode."""
        from runner.data.table.read import read_table
        from runner.data.table.targets import choose_task, read_targets

        self._check_columns()
        words = {*self.categorical, *((self.group,) if self.group else ())}
        frame = read_table(self._file(), self.exclude, words, self._notation())
        frame = self._with_parts(frame)
        counting = [column.name for column in frame if _counts_rows(column)]
        frame, notes = self._complete_rows(frame)
        columns = frame.select(self.targets)
        task: Predicted = choose_task(columns) if self.task == "auto" else self.task
        if self.task == "auto":
            notes += (f"{task} of {', '.join(map(repr, self.targets))} (data.task decides otherwise)",)
        targets = read_targets(columns, task, self.path)
        labels = targets.values if task == "classification" else None
        groups = self._groups(frame[self.group]) if self.group else None
        parts = self._parts(frame, labels, groups)
        self._refuse_new_classes(targets, parts)
        if groups is not None and self.test_path:
            shared = np.intersect1d(groups[parts.test], groups[np.concatenate(parts[:2])])
            notes += (f"{len(shared):,} group(s) of {self.group!r} are in both files",) if len(shared) else ()
        frame = frame.drop(*self.targets, _PART, *filter(None, (self.group, self.order)))
        self._refuse_free_text(frame)
        transform = self.transform()
        train = transform.training(frame[parts.train], self._outcomes(targets, parts.train, groups))
        if not transform.columns:
            raise RunFailed(
                f"{self.path}: no feature is left besides {', '.join(map(repr, self.targets))}. Add columns or exclude "
                "fewer."
            )
        notes += (transform.described(), *self._about_gaps(frame, transform))
        used = {column.name for column in transform.columns}
        about_counting = tuple(
            f"column {name!r} counts the rows, as an identifier does; data.exclude=[{name}] leaves it out"
            for name in counting
            if name in used
        )
        return self._data(frame, targets, parts, transform, train, notes, about_counting)

    def _with_parts(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of both files, with the part of those that have one as the column `_PART`."""
        import polars as pl

        from runner.data.parts.split_file import read_parts

        if self.split_file:
            given = read_parts(_existing("split_file", self.split_file), "data.split_file", len(frame))
            frame = frame.with_columns(pl.Series(_PART, given))
        else:
            frame = frame.with_columns(pl.lit(None, pl.String()).alias(_PART))
        if not self.test_path:
            return frame
        test = self._read_test(_existing("test_path", self.test_path), frame.drop(_PART))
        return pl.concat([frame, test.with_columns(pl.lit("test").alias(_PART))])

    def _read_test(self, path: Path, like: pl.DataFrame) -> pl.DataFrame:
        """The columns of the test file, each read as `like`'s of the same name."""
        import polars as pl

        from runner.data.table.meaning import EXPECTED, as_texts, read
        from runner.data.table.read import read_table

        others = set(column_names(path)) - set(like.columns)
        words = [column.name for column in like if column.dtype == pl.String]
        frame = read_table(path, others, words, self._notation())
        columns = []
        for known in like:
            kind: ColumnKind = "words" if known.dtype == pl.String else "number" if known.dtype.is_numeric() else "date"
            meaning = read(frame[known.name], kind, self._notation())
            if meaning.refused.any():
                row = int(meaning.refused.arg_max() or 0)
                raise RunFailed(
                    f"{path}, row {row + 1}, column {known.name!r}: {as_texts(frame[known.name])[row]!r} "
                    f"{EXPECTED[kind]}, as all of this column are in {self.path}."
                )
            columns.append(meaning.values)
        return pl.DataFrame(columns)

    def _parts(self, frame: pl.DataFrame, labels: NDArray[np.int64] | None, groups: NDArray[np.int64] | None) -> Parts:
        """Which rows are where: as their files say, the others as `split` does."""
        from runner.data.parts.assemble import fold_and_fraction

        given = frame[_PART]
        free = given.is_null().arg_true().to_numpy().astype(np.int64)
        times = self._times(frame[self.order]) if self.order else None
        if len(free) == len(frame):
            return self._divided(len(frame), labels, groups, times)
        told = Parts(
            *((given == part).fill_null(False).arg_true().to_numpy().astype(np.int64) for part in Parts._fields)
        )
        if not len(free):
            for part in ("train", "val"):
                if not len(getattr(told, part)):
                    raise RunFailed(f"data.split_file={self.split_file}: no row with a target is in {part}.")
            return fold_and_fraction(self, told, labels, groups)
        train, val, _ = self.split
        option = replace(self, split=(train / (train + val), val / (train + val), 0.0))
        labels = None if labels is None else labels[free]
        groups = None if groups is None else np.unique(groups[free], return_inverse=True)[1]
        parts = option._divided(len(free), labels, groups, None if times is None else times[free])
        return Parts(free[parts.train], free[parts.val], told.test)

    def _divided(
        self,
        count: int,
        labels: NDArray[np.int64] | None,
        groups: NDArray[np.int64] | None,
        times: NDArray[np.float64] | None,
    ) -> Parts:
        """All rows of a table as `split` says."""
        from runner.data.parts.assemble import divide, finish

        if groups is not None:
            return finish(self, self._by_group(groups, labels), labels, groups)
        if times is not None:
            return finish(self, ordered(times, self.split), labels)
        return divide(self, count, labels)

    def _refuse_new_classes(self, targets: Targets, parts: Parts) -> None:
        """See that no class is in the test file alone."""
        if not self.test_path or targets.task != "classification":
            return
        known = np.union1d(targets.values[parts.train], targets.values[parts.val])
        if len(new := np.setdiff1d(targets.values[parts.test], known)):
            shown = ", ".join(repr(targets.names[c]) for c in new[:SHOWN])
            raise RunFailed(
                f"data.test_path={self.test_path}: {self.targets[0]!r} is {shown} in some rows, which no row of "
                f"{self.path} is: there is nothing to learn that from. Leave these rows out."
            )

    def _outcomes(self, targets: Targets, rows: NDArray[np.int64], groups: NDArray[np.int64] | None) -> Outcomes | None:
        """What target encodings of the training rows are made of; their folds keep groups whole."""
        if self.encoding != "target":
            return None
        values, names = targets.values[rows], targets.names
        classes = values if targets.task == "classification" else np.zeros(len(rows), dtype=np.int64)
        if targets.task == "classification":
            values = np.eye(len(names))[values]
            values, names = (values[:, 1:], names[1:]) if len(names) == 2 else (values, names)
        if groups is None:
            fold = folds(classes, min(FOLDS, len(rows)), self.split_seed)
        else:
            own = np.unique(groups[rows], return_inverse=True)[1]
            fold = grouped_folds(own, min(FOLDS, int(own.max()) + 1), self.split_seed, classes)
        return Outcomes(values.astype(np.float64), names if len(names) > 1 else ("",), fold)

    def _data(
        self,
        frame: pl.DataFrame,
        targets: Targets,
        parts: Parts,
        transform: TableTransform,
        train: Batch,
        notes: tuple[str, ...],
        last_notes: tuple[str, ...],
    ) -> Data:
        """Inputs and targets of all parts as tensors."""
        import torch

        from runner.data.parts.assemble import classes_spec, in_parts, missing_classes
        from runner.data.parts.scaling import fit_table
        from runner.engine.split import TensorSplit

        inputs, values, names = transform.field, targets.values, targets.names
        if targets.task == "classification":
            spec = classes_spec(values, parts, names, inputs)
            last_notes += missing_classes(values, parts, names)
        elif targets.task == "multilabel":
            values = values.astype(np.float32)
            spec = Spec("multilabel", inputs, Field("labels", (len(names),), len(names), names))
        else:
            scale = fit_table(values[parts.train], self.target_scaling)
            values = scale.table(values)
            mean, std = tuple(scale.shift.tolist()), tuple(scale.spread.tolist())
            spec = Spec("regression", inputs, Field("values", (len(names),), names=names, mean=mean, std=std))
        spec = replace(spec, more=transform.more)

        def split(rows: NDArray[np.int64]) -> TensorSplit:
            batch = train if rows is parts.train else transform.batch(frame[rows])
            return TensorSplit(batch.inputs, torch.from_numpy(values[rows]), batch.more)

        splits = in_parts(parts, split)
        notes += tuple(transform.notes)
        transform.notes.clear()  # what is predicted later is told of anew
        return Data(spec, splits, self._fingerprint(), transform, notes + last_notes)

    def _fingerprint(self) -> str:
        """Of the file, and of those beside it."""
        beside = {"split_file": self.split_file, "test_path": self.test_path}
        files = [self._file(), *(_existing(key, name) for key, name in beside.items() if name)]
        hashes = [sha256_of_file(file) for file in files]
        return hashes[0] if len(hashes) == 1 else combine(hashes)

    def _notation(self) -> Notation:
        from runner.data.table.meaning import Notation

        return Notation((*(NA_VALUES if self.keep_default_na else ()), *self.na_values), self.decimal)

    def _file(self) -> Path:
        """The file, which is there."""
        return _existing("path", self.path)

    def _check_columns(self) -> None:
        """Hold the settings against the names of the columns."""
        names = column_names(self._file())
        if not self.targets:
            raise ConfigError(f"data.target=[]: expected a column of {self.path}, or several: {', '.join(names)}.")
        named = {"group": self.group, "order": self.order}
        given = [("target", name) for name in self.targets]
        given += [(key, name) for key, name in named.items() if name is not None]
        given += [("exclude", name) for name in self.exclude] + [("categorical", name) for name in self.categorical]
        for key, name in given:
            if name not in names:
                raise ConfigError(
                    f"data.{key}={name}: no such column in {self.path}.{did_you_mean(name, names)} "
                    f"Its columns: {', '.join(names)}."
                )
        if self.task == "classification" and len(self.targets) > 1:
            raise ConfigError(
                f"data.target=[{','.join(self.targets)}]: data.task=classification predicts one column. Choose one, or "
                "data.task=regression."
            )
        self._check_files(names)
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

    def _check_files(self, names: Sequence[str]) -> None:
        """Hold the files beside the table against it."""
        if self.split_file:
            _existing("split_file", self.split_file)
            for key, value in (("group", self.group), ("order", self.order)):
                if value:
                    raise ConfigError(f"data.{key} and data.split_file exclude each other: the file says all parts.")
        if not self.test_path:
            return
        there = column_names(_existing("test_path", self.test_path), "data.test_path")
        wanted = [name for name in names if name not in self.exclude]
        if absent := [name for name in wanted if name not in there]:
            raise ConfigError(
                f"data.test_path={self.test_path}: it has no column {', '.join(map(repr, absent))}, which "
                f"{self.path} has.{did_you_mean(absent[0], there)} Its columns: {', '.join(there)}. "
                "data.exclude leaves columns out."
            )

    def _complete_rows(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
        """Without the rows that have no target and, with ``missing=drop``, those with a gap."""
        notes: tuple[str, ...] = ()
        kept = frame.drop_nulls(self.targets) if any(frame[name].has_nulls() for name in self.targets) else frame
        if left_out := len(frame) - len(kept):
            notes += (f"{left_out:,} row(s) without a {' or '.join(map(repr, self.targets))} left out",)
        if self.missing == "drop":
            whole = kept.drop_nulls([name for name in kept.columns if name != _PART])
            if left_out := len(kept) - len(whole):
                notes += (f"{left_out:,} row(s) with missing values left out",)
            kept = whole
        if not len(kept):
            raise RunFailed(f"{self.path}: no row is left; all lack a value. Choose another data.missing than drop.")
        return kept, notes

    def _about_gaps(self, frame: pl.DataFrame, transform: TableTransform) -> tuple[str, ...]:
        used = {column.name for column in transform.columns}
        notes = [
            f"column {name!r} has no value in the training rows and was left out"
            for name in frame.columns
            if name not in used
        ]
        gaps = [
            f"{column.name} {column.null_count():,}" for column in frame if column.name in used and column.has_nulls()
        ]
        if gaps:
            notes.append(f"missing values filled in (data.missing={self.missing}): {', '.join(gaps)}")
        return tuple(notes)

    def _groups(self, column: pl.Series) -> NDArray[np.int64]:
        self._refuse_gaps(column)
        return column.rank("dense").to_numpy().astype(np.int64) - 1

    def _by_group(self, groups: NDArray[np.int64], labels: NDArray[np.int64] | None) -> Parts:
        try:
            return grouped(groups, self.split, self.split_seed, labels)
        except ValueError as error:
            raise RunFailed(f"data.group={self.group}: {error}. Expected at least one group per part.") from error

    def _times(self, column: pl.Series) -> NDArray[np.float64]:
        """Numbers, or microseconds since 1970."""
        self._refuse_gaps(column)
        if column.dtype.is_numeric():
            return column.to_numpy()
        if column.dtype.is_temporal():
            return column.dt.epoch("us").to_numpy()
        raise RunFailed(
            f"data.order={self.order}: {column.min()!r} is neither a number nor an ISO date, such as 2026-05-31 or "
            "2026-05-31T12:00:00."
        )

    def _refuse_gaps(self, column: pl.Series) -> None:
        if column.has_nulls():
            raise RunFailed(f"{self.path}: {column.null_count():,} row(s) have no {column.name!r}. Fill them in.")

    def _refuse_free_text(self, frame: pl.DataFrame) -> None:
        for column in frame:
            name, texts = column.name, column.drop_nulls()
            if name in self.categorical or column.dtype.is_numeric() or column.dtype.is_temporal() or not len(texts):
                continue
            different = texts.unique()
            words = len(different)
            if different.str.contains(r"^[-+]?\d+,\d+$").all():
                raise RunFailed(
                    f"{self.path}: column {name!r} holds texts such as {texts.min()!r}, which look like numbers "
                    "with a decimal comma. Read them as such with \"data.decimal=','\", or name the column in "
                    "data.categorical."
                )
            if words > FREE_TEXT and words > len(texts) / 2:
                raise RunFailed(
                    f"{self.path}: column {name!r} holds {words:,} different texts in {len(texts):,} rows, such as "
                    f"{texts.min()!r}: an identifier or free text. Leave it out with data.exclude=[{name}] "
                    "or name it in data.categorical if each text is a category."
                )


def _existing(key: str, name: str) -> Path:
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


def _counts_rows(column: pl.Series) -> bool:
    """Whether a column goes up by one from row to row."""
    if not column.dtype.is_numeric() or column.has_nulls():
        return False
    return all(bool((some.diff().drop_nulls() == 1).all()) for some in (column.head(FIRST), column))
