"""From raw columns with gaps, words and dates to what networks take; everything fitted on the training part."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from runner.data.parts.scaling import Floats, fit_table
from runner.data.table import dates
from runner.data.table.encoding import Encoding, Outcomes, target_encodings
from runner.data.table.gaps import NA_VALUES, Missing
from runner.data.table.meaning import EXPECTED, Kind, Notation, as_texts, read
from runner.data.table.measure import NO_VALUE, Column, Measure, fit_measure
from runner.engine.spec import Field
from runner.engine.transform import Bad, Raw, Transform
from runner.errors import RunFailed, did_you_mean

if TYPE_CHECKING:
    from torch import Tensor, nn

    from runner.data.base import TableScaling
    from runner.engine.batch import Batch

_AT_ONCE = 4096  # rows that are written together, so that they stay in the processor's cache
_NAMED = 12  # columns of a kind that are named
# What becomes of a word that training had not.
_UNSEEN: dict[Encoding, str] = {
    "onehot": "zero in all its features",
    "ordinal": "-1, before it is scaled",
    "target": "the mean of the target",
    "embedding": "an entry of its own, which no example trained",
}


class TableTransform(Transform):
    """Gaps filled, words encoded, dates as numbers, numbers scaled; fitted on the training part.

    Raw columns may come in any order, with
    others between them, and as texts or typed: both are read as the column was in training.

    Args:
        missing: what fills a gap in numbers: ``mean``, ``median`` or ``most_frequent`` value of the training part, or
            ``constant``. A gap in words is a category of its own, with ``most_frequent`` the most frequent word. With
            ``drop`` the training part has no gaps; later ones are filled as with ``mean``.
        fill_value: what ``constant`` puts into gaps in numbers.
        indicator: add a feature ``NAME_missing`` (0 or 1) for each column with gaps in the training part.
        categorical: columns to take as words whatever they hold.
        scaling: of numbers; zeros and ones made of words stay what they are. See `fit_measure`.
        na_values: texts that mean that there is no value.
        decimal: the decimal mark of numbers that are texts.
        encoding: of words: ``onehot`` a 0/1 feature each, all zero for an unseen word; ``ordinal`` its place among the
            sorted ones, from 0, -1 for an unseen one; ``target`` see `target_encodings`, both scaled; ``embedding``
            no feature: its number goes to the network beside them, an unseen one as the last.
    """

    def __init__(
        self,
        missing: Missing = "mean",
        fill_value: float = 0.0,
        indicator: bool = False,
        categorical: Collection[str] = (),
        scaling: TableScaling = "standard",
        na_values: Iterable[str] = NA_VALUES,
        decimal: Literal[".", ","] = ".",
        encoding: Encoding = "onehot",
    ) -> None:
        super().__init__()
        self.missing = missing
        self.fill_value = fill_value
        self.indicator = indicator
        self.categorical = frozenset(categorical)
        self.scaling = scaling
        self.notation = Notation(tuple(na_values), decimal)
        self.encoding = encoding
        self.columns: list[Column] = []

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One per feature, in their order."""
        return tuple(name for column in self.columns for name in column.features)

    def fit(self, raw: pl.DataFrame, outcomes: Outcomes | None = None) -> None:
        """Learn from the training part.

        Args:
            raw: a row per example. Numbers are taken as numbers, dates as dates, everything else as words. Columns
                without any value are left out from then on.
            outcomes: of these rows, for ``encoding=target``.
        """
        self._learn(raw, outcomes)

    def training(self, raw: pl.DataFrame, outcomes: Outcomes | None = None) -> Batch:
        """Learn from the training part, and give it, with target encodings out of fold; see `fit`."""
        return self._made(*self._learn(raw, outcomes))

    def _learn(self, raw: pl.DataFrame, outcomes: Outcomes | None) -> tuple[pl.DataFrame, dict[str, Floats]]:
        """The columns as they were understood; target encodings ``(N, T)`` of these rows, out of fold, by column."""
        crossed: dict[str, Floats] = {}
        self.columns, understood = [], []
        for given in raw:
            column, values = self._fit_column(given)
            if column is None:
                continue
            if column.encoding in ("ordinal", "target") and column.kind == "words":
                self._fit_encoding(column, self._codes(values, column), outcomes, crossed)
            self.columns.append(column)
            understood.append(values)
        return pl.DataFrame(understood), crossed

    def _fit_column(self, raw: pl.Series) -> tuple[Column | None, pl.Series]:
        """What a column is, None where it has no value, and its values."""
        if raw.name in self.categorical or not (raw.dtype.is_numeric() or raw.dtype in (pl.Date, pl.Datetime)):
            kind: Kind = "words"
        else:
            kind = "number" if raw.dtype.is_numeric() else "date"
        values = read(raw, kind, self.notation).values
        indicator = self.indicator and values.has_nulls()
        if values.null_count() == len(values):
            return None, values
        if kind == "words":
            counts = values.drop_nulls().value_counts(name="rows").sort(by=["rows", raw.name], descending=[True, False])
            words, gap = sorted(counts[raw.name]), NO_VALUE
            if self.missing == "most_frequent":
                gap = counts[raw.name][0]
            elif values.has_nulls() and NO_VALUE not in words:
                words.append(NO_VALUE)
            return Column(raw.name, kind, [], words, gap, indicator, self.encoding), values
        if kind == "number":
            measures = [self._fit_measure(values.to_numpy())]
        else:
            measures = [self._fit_measure(dates.part(values, part), part) for part in dates.parts(values)]
        return Column(raw.name, kind, measures, indicator=indicator), values

    def _fit_measure(self, values: NDArray[np.float64], part: str = "") -> Measure:
        gaps = np.isnan(values)
        seen = values[~gaps]
        if self.missing == "constant":
            fill = self.fill_value
        elif self.missing == "most_frequent":
            found, counts = np.unique(seen, return_counts=True)
            fill = float(found[counts.argmax()])  # the smallest of several
        else:
            fill = float(np.median(seen) if self.missing == "median" else np.mean(seen))
        return fit_measure(np.where(gaps, fill, values), self.scaling, fill, part)

    def _fit_encoding(
        self, column: Column, codes: NDArray[np.int64], outcomes: Outcomes | None, crossed: dict[str, Floats]
    ) -> None:
        """The numbers of a column's words, and how they are scaled."""
        if column.encoding == "ordinal":
            parts: tuple[str, ...] = ("",)
            column.tables = [[*map(float, range(len(column.words))), -1.0]]
            values = np.asarray(column.tables).T[codes]
        else:
            assert outcomes is not None
            column.tables, values = target_encodings(codes, outcomes)
            crossed[column.name], parts = values, outcomes.names
        column.measures = [
            fit_measure(numbers, self.scaling, part=part) for numbers, part in zip(values.T, parts, strict=True)
        ]

    @classmethod
    def of_numbers(cls, names: Iterable[str], rows: Floats, scaling: TableScaling) -> TableTransform:
        """For columns that are all numbers without gaps; later gaps are taken as what is subtracted from them.

        Args:
            names: of the columns.
            rows: of the training part ``(N, F)``.
            scaling: of the columns.
        """
        made = cls(scaling=scaling)
        if scaling in ("quantile", "power"):
            measures = [fit_measure(values, scaling, float(np.median(values))) for values in rows.T]
        else:
            scale = fit_table(rows, scaling)
            measures = [
                Measure(shift, shift, spread)
                for shift, spread in zip(scale.shift.tolist(), scale.spread.tolist(), strict=True)
            ]
        entries = zip(names, measures, strict=True)
        made.columns = [Column(name, "number", [measure]) for name, measure in entries]
        return made

    def numbers(self, rows: Floats) -> NDArray[np.float32]:
        """Rows ``(N, F)`` of numbers only, as `of_numbers` was fitted with."""
        measured = [column.measures[0](values) for column, values in zip(self.columns, rows.T, strict=True)]
        return np.stack(measured, axis=1)

    @property
    def field(self) -> Field:
        """The inputs that it gives."""
        return Field("table", (len(self.feature_names),), names=self.feature_names)

    def described(self) -> str:
        """What each column was taken for, in words."""
        told = []
        for kind, what in (("number", "numbers"), ("words", "categories"), ("date", "dates")):
            columns = [column for column in self.columns if column.kind == kind]
            named = [f"{c.name} ({len(c.words)})" if c.words else c.name for c in columns[:_NAMED]]
            named += [f"{len(columns) - _NAMED} more"] if len(columns) > _NAMED else []
            told += [f"{what}: {', '.join(named)}"] if columns else []
        return f"columns taken as {'; '.join(told)} (data.kinds and data.exclude decide otherwise)"

    @property
    def more(self) -> dict[str, Field]:
        """What it gives beside, for `Spec.more`: ``categories``, with ``encoding=embedding``."""
        columns = [column for column in self.columns if column.encoding == "embedding"]
        if not columns:
            return {}
        names, sizes = tuple(c.name for c in columns), tuple(len(c.words) + 1 for c in columns)
        return {"categories": Field("categories", (len(columns),), names=names, sizes=sizes)}

    def read(self, sources: Sequence[str], size: int) -> Iterator[Raw | Bad]:
        """Rows of CSV, parquet and JSON lines; see `runner.data.table.rows`."""
        from runner.data.table.rows import raw_rows, table_file

        for source in sources:  # all of them, before the first is read
            if source != "-":
                table_file(source)
        for source in sources:
            yield from raw_rows(source, self, size)

    def understand(self, raw: pl.DataFrame) -> tuple[pl.DataFrame, dict[int, str]]:
        """The columns that count, each of the type it had in training, and which rows hold what can't be read.

        Args:
            raw: a row per example, of any types.

        Returns:
            The columns, null where a value is missing or can't be read; what is wrong with which row, from 0.

        Raises:
            RunFailed: a column is not there.
        """
        self.refuse_missing(raw.columns)
        understood, refused = [], dict[int, str]()
        for column in self.columns:
            meaning = read(raw[column.name], column.kind, self.notation)
            understood.append(meaning.values)
            if meaning.refused.any():
                rows = meaning.refused.arg_true()
                for row, text in zip(rows.to_list(), as_texts(raw[column.name].gather(rows)), strict=True):
                    refused.setdefault(row, f"column {column.name!r}: {text.strip()!r} {EXPECTED[column.kind]}")
        return pl.DataFrame(understood), dict(sorted(refused.items()))

    def refuse_missing(self, names: Collection[str], source: str = "the table") -> None:
        """See that every column that training had is among `names`, those of `source`.

        Raises:
            RunFailed: one is not.
        """
        for column in self.columns:
            if column.name not in names:
                raise RunFailed(
                    f"{source}: there is no column {column.name!r}, which the network was trained with."
                    f"{did_you_mean(column.name, names)} Given: {', '.join(names)}."
                )

    def __call__(self, raw: pl.DataFrame) -> Tensor:
        """Raw rows of any part, or never seen, as float32 ``(N, F)``.

        Raises:
            RunFailed: a column is not there, or a value can't be read as in training.
        """
        return self.batch(raw).inputs

    def batch(self, raw: pl.DataFrame) -> Batch:
        """The same, with the numbers of categories int64 ``(N, K)`` beside where there are embeddings."""
        columns, refused = self.understand(raw)
        for row, reason in refused.items():
            raise RunFailed(f"Row {row + 1}, {reason}.")
        return self._made(columns, {}, len(raw))

    def _made(self, columns: pl.DataFrame, crossed: dict[str, Floats], number: int = 0) -> Batch:
        """Columns that were understood as what a network takes; `number` of rows, where there may be no column."""
        import torch

        from runner.engine.batch import Batch

        rows = number or len(columns)
        inputs = np.zeros((rows, len(self.feature_names)), dtype=np.float32)
        made: dict[int, NDArray[np.float32]] = {}  # features by their places
        categories: list[NDArray[np.int64]] = []
        at = 0
        for column in self.columns:
            values, width = columns[column.name], len(column.features)
            if column.kind != "words":
                for offset, measure in enumerate(column.measures):
                    numbers = dates.part(values, measure.part) if measure.part else values.to_numpy()
                    made[at + offset] = measure(numbers)
            elif column.encoding == "embedding":
                categories.append(self._codes(values, column))
            elif column.encoding == "onehot":
                codes = self._codes(values, column)
                known = np.flatnonzero(codes < len(column.words))
                inputs[known, at + codes[known]] = 1.0
            else:
                encoded = crossed.get(column.name)
                if encoded is None:
                    encoded = np.asarray(column.tables).T[self._codes(values, column)]
                for offset, measure in enumerate(column.measures):
                    made[at + offset] = measure(encoded[:, offset])
            at += width
            if column.indicator:
                made[at - 1] = values.is_null().to_numpy().astype(np.float32)
        for start in range(0, rows, _AT_ONCE):  # a feature of all rows at once would go through the whole memory
            some = slice(start, start + _AT_ONCE)
            for place, numbers in made.items():
                inputs[some, place] = numbers[some]
        more = {"categories": torch.from_numpy(np.stack(categories, axis=1))} if categories else {}
        given = torch.from_numpy(inputs)
        return Batch(given, given.new_empty(0), more, rows)

    def _codes(self, values: pl.Series, column: Column) -> NDArray[np.int64]:
        """The number of each row's word ``(N,)``; of one that training had not, the number behind them."""
        words = values.fill_null(column.gap)
        codes = words.cast(pl.Enum(column.words), strict=False).to_physical()
        if codes.has_nulls():
            example = words.filter(codes.is_null())[0]
            what = "an empty" if example == NO_VALUE else "a"
            shown = "" if example == NO_VALUE else f" (such as {example!r})"
            head = f"{what} {column.name!r} not seen in training"
            if not any(note.startswith(head) for note in self.notes):  # once, whatever the next example is
                self.notes[f"{head}{shown}: {_UNSEEN[column.encoding]}"] = None
        numbers: NDArray[np.int64] = codes.fill_null(len(column.words)).to_numpy().astype(np.int64)
        return numbers

    def undo(self, inputs: Tensor) -> list[dict[str, Any]]:
        """Raw rows, as near as float32 tells them: numbers, words (None for an unseen one), None for a gap.

        A gap that was filled and has no feature of its own is the value that it was filled with; of a date stand the
        numbers that were made of it, of a target encoding the encoding, and words that are embedded are not among the
        inputs.
        """
        rows: list[dict[str, Any]] = [{} for _ in inputs]
        at = 0
        for column in self.columns:
            width = len(column.features)
            features = inputs[:, at : at + width].double().tolist()
            at += width
            for row, values in zip(rows, features, strict=True):
                if values:
                    row.update(column.raw(values))
        return rows

    def module(self) -> nn.Module:
        """The same as a module from raw numbers float64 ``(N, C)``; see `runner.data.table.module.TableModule`."""
        from runner.data.table.module import TableModule

        return TableModule(self.columns)

    def state_dict(self) -> dict[str, Any]:
        """What was fitted, in plain containers."""
        return {"columns": [asdict(column) for column in self.columns]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.columns = [
            Column(**{**saved, "measures": [Measure(**measure) for measure in saved["measures"]]})
            for saved in state["columns"]
        ]
