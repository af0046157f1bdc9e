"""From raw columns with gaps, words and dates to what networks take; everything fitted on the training part."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from runner.data.parts.scaling import Scale, fit_table
from runner.data.table import dates
from runner.data.table.gaps import NA_VALUES, Missing
from runner.data.table.meaning import EXPECTED, Kind, Notation, as_texts, read
from runner.engine.spec import Field
from runner.engine.transform import Bad, Raw, Transform
from runner.errors import RunFailed, did_you_mean

if TYPE_CHECKING:
    from torch import Tensor, nn

    from runner.data.base import Scaling

NO_VALUE = "(missing)"  # the category of a gap


@dataclass
class Measure:
    """A number of a row: ``(x - shift) / spread``, and `fill` for x where there is none."""

    fill: float
    shift: float
    spread: float
    part: str = ""  # of a date

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """Numbers ``(N,)``, NaN for gaps, as features."""
        filled = np.where(np.isnan(values), self.fill, values)
        with np.errstate(over="ignore"):  # beyond float32: infinite, which whoever meets it tells of
            return ((filled - self.shift) / self.spread).astype(np.float32)


@dataclass
class Column:
    """A column as it was in the training part.

    Attributes:
        name: its name.
        kind: what it holds.
        measures: one of a column of numbers, several of dates.
        words: the known ones, sorted; the last may be `NO_VALUE`.
        gap: the word that a gap is taken for.
        indicator: whether a feature tells gaps.
    """

    name: str
    kind: Kind
    measures: list[Measure] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    gap: str = NO_VALUE
    indicator: bool = False

    @property
    def features(self) -> list[str]:
        """``age``; ``colour=red`` for each word; ``when_days`` and others; ``age_missing``."""
        names = [f"{self.name}_{m.part}" if m.part else self.name for m in self.measures]
        names += [f"{self.name}={word}" for word in self.words]
        return names + ([f"{self.name}_missing"] if self.indicator else [])


class TableTransform(Transform):
    """Gaps filled, words one-hot, dates as numbers, numbers scaled; fitted on the training part.

    A word that the training part doesn't have is zero in all its features. Raw columns may come in any order, with
    others between them, and as texts or typed: both are read as the column was in training.

    Args:
        missing: what fills a gap in numbers: ``mean``, ``median`` or ``most_frequent`` value of the training part, or
            ``constant``. A gap in words is a category of its own, with ``most_frequent`` the most frequent word. With
            ``drop`` the training part has no gaps; later ones are filled as with ``mean``.
        fill_value: what ``constant`` puts into gaps in numbers.
        indicator: add a feature ``NAME_missing`` (0 or 1) for each column with gaps in the training part.
        categorical: columns to take as words whatever they hold.
        scaling: of numbers; zeros and ones made of words stay what they are. See `fit_table`.
        na_values: texts that mean that there is no value.
        decimal: the decimal mark of numbers that are texts.
    """

    def __init__(
        self,
        missing: Missing = "mean",
        fill_value: float = 0.0,
        indicator: bool = False,
        categorical: Collection[str] = (),
        scaling: Scaling = "standard",
        na_values: Iterable[str] = NA_VALUES,
        decimal: Literal[".", ","] = ".",
    ) -> None:
        super().__init__()
        self.missing = missing
        self.fill_value = fill_value
        self.indicator = indicator
        self.categorical = frozenset(categorical)
        self.scaling = scaling
        self.notation = Notation(tuple(na_values), decimal)
        self.columns: list[Column] = []

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One per feature, in their order."""
        return tuple(name for column in self.columns for name in column.features)

    def fit(self, raw: pl.DataFrame) -> None:
        """Learn from the training part.

        Args:
            raw: a row per example. Numbers are taken as numbers, dates as dates, everything else as words. Columns
                without any value are left out from then on.
        """
        fitted = [self._fit_column(column) for column in raw]
        self.columns = [column for column in fitted if column is not None]

    def _fit_column(self, raw: pl.Series) -> Column | None:
        if raw.name in self.categorical or not (raw.dtype.is_numeric() or raw.dtype in (pl.Date, pl.Datetime)):
            kind: Kind = "words"
        else:
            kind = "number" if raw.dtype.is_numeric() else "date"
        values = read(raw, kind, self.notation).values
        indicator = self.indicator and values.has_nulls()
        if values.null_count() == len(values):
            return None
        if kind == "words":
            counts = values.drop_nulls().value_counts(name="rows").sort(by=["rows", raw.name], descending=[True, False])
            words, gap = sorted(counts[raw.name]), NO_VALUE
            if self.missing == "most_frequent":
                gap = counts[raw.name][0]
            elif values.has_nulls() and NO_VALUE not in words:
                words.append(NO_VALUE)
            return Column(raw.name, kind, words=words, gap=gap, indicator=indicator)
        if kind == "number":
            measures = [self._fit_measure(values.to_numpy())]
        else:
            measures = [self._fit_measure(dates.part(values, part), part) for part in dates.parts(values)]
        return Column(raw.name, kind, measures, indicator=indicator)

    def _fit_measure(self, values: NDArray[np.float64], part: str = "") -> Measure:
        seen = values[~np.isnan(values)]
        if self.missing == "constant":
            fill = self.fill_value
        elif self.missing == "most_frequent":
            found, counts = np.unique(seen, return_counts=True)
            fill = float(found[counts.argmax()])  # the smallest of several
        else:
            fill = float(np.median(seen) if self.missing == "median" else np.mean(seen))
        scale = fit_table(np.where(np.isnan(values), fill, values)[:, None], self.scaling)
        return Measure(fill, float(scale.shift[0]), float(scale.spread[0]), part)

    @classmethod
    def of_numbers(cls, names: Iterable[str], scale: Scale, scaling: Scaling) -> TableTransform:
        """For columns that are all numbers without gaps, once their scale is known; later gaps are taken as its shift.

        Args:
            names: of the columns.
            scale: of the training part.
            scaling: what `scale` was fitted as.
        """
        made = cls(scaling=scaling)
        entries = zip(names, scale.shift.tolist(), scale.spread.tolist(), strict=True)
        made.columns = [Column(name, "number", [Measure(shift, shift, spread)]) for name, shift, spread in entries]
        return made

    @property
    def field(self) -> Field:
        """The inputs that it gives."""
        return Field("table", (len(self.feature_names),), names=self.feature_names)

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
        import torch

        columns, refused = self.understand(raw)
        for row, reason in refused.items():
            raise RunFailed(f"Row {row + 1}, {reason}.")
        inputs = np.zeros((len(raw), len(self.feature_names)), dtype=np.float32)
        at = 0
        for column in self.columns:
            values = columns[column.name]
            if column.kind == "words":
                self._mark(inputs[:, at:], values, column)
            for offset, measure in enumerate(column.measures):
                numbers = dates.part(values, measure.part) if measure.part else values.to_numpy()
                inputs[:, at + offset] = measure(numbers)
            at += len(column.features)
            if column.indicator:
                inputs[:, at - 1] = values.is_null().to_numpy()
        return torch.from_numpy(inputs)

    def _mark(self, inputs: NDArray[np.float32], values: pl.Series, column: Column) -> None:
        """A one in the feature of each row's word."""
        words = values.fill_null(column.gap)
        codes = words.cast(pl.Enum(column.words), strict=False).to_physical()
        known = codes.is_not_null().to_numpy()
        inputs[np.flatnonzero(known), codes.drop_nulls().to_numpy()] = 1.0
        if not known.all():
            example = words.filter(codes.is_null())[0]
            what = "an empty" if example == NO_VALUE else "a"
            shown = "" if example == NO_VALUE else f" (such as {example!r})"
            head = f"{what} {column.name!r} not seen in training"
            if not any(note.startswith(head) for note in self.notes):  # once, whatever the next example is
                self.notes[f"{head}{shown}: zero in all its features"] = None

    def undo(self, inputs: Tensor) -> list[dict[str, Any]]:
        """Raw rows, as near as float32 tells them: numbers, words (None for an unseen one), None for a gap.

        A gap that was filled and has no feature of its own is the value that it was filled with; of a date stand the
        numbers that were made of it.
        """
        rows: list[dict[str, Any]] = [{} for _ in inputs]
        at = 0
        for column in self.columns:
            features = inputs[:, at : at + len(column.features)].double().tolist()
            at += len(column.features)
            for row, values in zip(rows, features, strict=True):
                gap = column.indicator and values[-1] == 1
                for measure, value in zip(column.measures, values, strict=False):
                    name = f"{column.name}_{measure.part}" if measure.part else column.name
                    row[name] = None if gap else float(f"{value * measure.spread + measure.shift:.6g}")
                if column.words:
                    marks = dict(zip(values, column.words, strict=False))
                    row[column.name] = None if gap else marks.get(1.0)
        return rows

    def module(self) -> nn.Module | None:
        """The same as a module from raw numbers float64 ``(N, C)``, NaN for gaps, to inputs float32 ``(N, F)``.

        Returns:
            None where a column holds words or dates.
        """
        if any(column.kind != "number" for column in self.columns):
            return None
        return _numbers_module(self.columns)

    def state_dict(self) -> dict[str, Any]:
        """What was fitted, in plain containers."""
        return {"columns": [asdict(column) for column in self.columns]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.columns = [
            Column(**{**saved, "measures": [Measure(**measure) for measure in saved["measures"]]})
            for saved in state["columns"]
        ]


def _numbers_module(columns: list[Column]) -> nn.Module:
    import torch
    from torch import nn

    class Numbers(nn.Module):
        """Fill, scale and indicate, in float64 as `TableTransform` does."""

        fill: Tensor
        shift: Tensor
        spread: Tensor
        source: Tensor
        indicates: Tensor

        def __init__(self) -> None:
            super().__init__()
            measures = [column.measures[0] for column in columns]
            for key in ("fill", "shift", "spread"):
                self.register_buffer(key, torch.tensor([getattr(m, key) for m in measures], dtype=torch.float64))
            source, indicates = [], []
            for position, column in enumerate(columns):
                source += [position] * (1 + column.indicator)
                indicates += [False, True][: 1 + column.indicator]
            self.register_buffer("source", torch.tensor(source, dtype=torch.int64))
            self.register_buffer("indicates", torch.tensor(indicates, dtype=torch.bool))

        def forward(self, raw: Tensor) -> Tensor:
            raw = raw.double()
            gaps = raw.isnan()
            scaled = (torch.where(gaps, self.fill, raw) - self.shift) / self.spread
            return torch.where(self.indicates, gaps[:, self.source].double(), scaled[:, self.source]).float()

    return Numbers()
