"""A table of one's own in a CSV or parquet file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from runner.data.base import TableOption, TargetScaling
from runner.data.table.encoding import Encoding
from runner.data.table.gaps import NA_VALUES, Missing
from runner.data.table.settings import KINDS, check, existing
from runner.engine.data import Data
from runner.engine.spec import Field, Kind, Spec
from runner.errors import RunFailed

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from runner.data.parts.split import Parts
    from runner.data.table.meaning import Kind as ColumnKind
    from runner.data.table.meaning import Notation
    from runner.data.table.targets import Predicted, Targets
    from runner.data.table.transform import TableTransform
    from runner.engine.batch import Batch


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
        kinds: what columns hold, whatever they look like: ``number``, ``category`` or ``date``, by the columns' names.
            A value that is none of its kind is an error.
        categorical: columns of numbers or dates to take as categories, as ``kinds={NAME:category}`` does; text always
            is.
        encoding: of categories: ``onehot`` (a 0/1 feature for each), ``ordinal`` (the place among the sorted ones),
            ``target`` (the mean of the target, drawn towards that of all rows, out of fold in the training part) or
            ``embedding`` (vectors that are learnt, for networks that take categories).
        missing: what fills a gap in a numeric column: ``mean``, ``median``, ``most_frequent`` or ``constant``; ``drop``
            leaves out rows with a gap. In text a gap is a category of its own; with ``most_frequent`` it takes the most
            frequent one.
        fill_value: what ``constant`` puts into numeric gaps.
        indicator: add a feature that tells gaps, for each column with gaps in the training part.
        na_values: further texts that mean that there is no value.
        keep_default_na: whether the usual ones do: the empty text, NA, N/A, na, n/a, #N/A, <NA>, NaN, nan, NULL,
            null and ?.
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
    kinds: Mapping[str, str] | None = None
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
        check(self)
        kinds: dict[str, Kind] = {"classification": "class", "regression": "values", "multilabel": "labels"}
        known = self.task != "auto"
        more = {"categories": Field("categories")} if self.encoding == "embedding" else {}
        return Spec(self.task if known else None, Field("table"), Field(kinds[self.task]) if known else None, more)

    def transform(self) -> TableTransform:
        """What makes features of raw rows, not yet fitted."""
        from runner.data.table.transform import TableTransform

        notation = self.notation
        return TableTransform(
            self.missing,
            self.fill_value,
            self.indicator,
            [name for name, kind in self.said.items() if kind == "words"],
            self.scaling,
            notation.na_values,
            self.decimal,
            self.encoding,
        )

    def load(self) -> Data:
        """Read, leave out rows, decide on the task, split, fill and encode."""
        from runner.data.table.beside import PART, refuse_new_classes, with_parts
        from runner.data.table.division import divided, groups_of
        from runner.data.table.encoding import outcomes
        from runner.data.table.gaps import complete_rows, told_of_gaps
        from runner.data.table.identifiers import counts_rows, refuse_free_text
        from runner.data.table.read import read_table
        from runner.data.table.targets import choose_task, read_targets

        check(self)
        frame = with_parts(self, read_table(self.file, self.exclude, self.said, self.notation))
        counting = [column.name for column in frame if counts_rows(column)]
        frame, notes = complete_rows(frame, self.targets, frame.columns[:-1], self.missing, self.path)
        columns = frame.select(self.targets)
        task: Predicted = choose_task(columns) if self.task == "auto" else self.task
        if self.task == "auto":
            notes += (f"{task} of {', '.join(map(repr, self.targets))} (data.task decides otherwise)",)
        targets = read_targets(columns, task, self.path)
        groups = groups_of(frame[self.group], self.path) if self.group else None
        parts, told = divided(self, frame, targets, groups)
        refuse_new_classes(self, targets, parts)
        frame = frame.drop(*self.targets, PART, *filter(None, (self.group, self.order)))
        refuse_free_text(frame, self.said, self.path)
        transform = self.transform()
        made_of = outcomes(targets, parts.train, groups, self.split_seed) if self.encoding == "target" else None
        train = transform.training(frame[parts.train], made_of)
        if not transform.columns:
            raise RunFailed(
                f"{self.path}: no feature is left besides {', '.join(map(repr, self.targets))}. Add columns or exclude "
                "fewer."
            )
        used = [column.name for column in transform.columns]
        notes += (*told, transform.described(), *told_of_gaps(frame, used, self.missing))
        about_counting = tuple(
            f"column {name!r} counts the rows, as an identifier does; data.exclude=[{name}] leaves it out"
            for name in counting
            if name in used
        )
        return self._data(frame, targets, parts, transform, train, notes, about_counting)

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

        from runner.data.parts.assemble import in_parts
        from runner.data.table.beside import fingerprint
        from runner.data.table.targets import for_a_network
        from runner.engine.split import TensorSplit

        spec, values, about_classes = for_a_network(targets, parts, transform.field, self.target_scaling)

        def split(rows: NDArray[np.int64]) -> TensorSplit:
            batch = train if rows is parts.train else transform.batch(frame[rows])
            return TensorSplit(batch.inputs, torch.from_numpy(values[rows]), batch.more)

        splits = in_parts(parts, split)
        notes += (*transform.notes, *last_notes, *about_classes)
        transform.notes.clear()  # what is predicted later is told of anew
        return Data(replace(spec, more=transform.more), splits, fingerprint(self), transform, notes)

    def raw(self) -> pl.DataFrame:
        """See `TableOption.raw`."""
        from runner.data.table.read import read_table

        frame = read_table(self.file, self.exclude, self.said, self.notation)
        return frame.drop(*self.targets, *filter(None, (self.group, self.order)))

    @property
    def said(self) -> dict[str, ColumnKind]:
        """The columns whose kind does not follow from what they look like; a group is a category of its own."""
        words = (*self.categorical, *((self.group,) if self.group else ()))
        return {str(name): KINDS[kind] for name, kind in (self.kinds or {}).items()} | dict.fromkeys(words, "words")

    @property
    def notation(self) -> Notation:
        """How texts are to be read."""
        from runner.data.table.meaning import Notation

        return Notation((*(NA_VALUES if self.keep_default_na else ()), *self.na_values), self.decimal)

    @property
    def file(self) -> Path:
        """The file at `path`.

        Raises:
            ConfigError: it is not there.
        """
        return existing("path", self.path)
