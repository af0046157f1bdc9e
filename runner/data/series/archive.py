"""What series with an official test set in the archives have in common."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from runner.data.base import DataOption
from runner.data.source.located import in_root, located
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.fetch.published import Published
from runner.fetch.sets.aeon import AEON

if TYPE_CHECKING:
    from runner.data.series.recordings import Recordings


@dataclass(kw_only=True)
class ArchiveSeries(DataOption):
    """Series with classes; the official test set is the test set, and `split` divides the rest by class.

    Attributes:
        root: folder with the ``.ts`` files. None: the cache (``$RUNNER_DATA``, by default ``~/.cache/runner``), else
            they are fetched.
        problem: the name of the files.
        channels: names of the channels.
        length: steps of each; None: they are of unequal length.
        classes: as the files write them, in the order of the class indices.
        class_names: as they are told.
    """

    split: tuple[float, float, float] = (0.8, 0.2, 0.0)
    root: str | None = None
    published: ClassVar[tuple[Published, ...]] = (AEON,)
    problem: ClassVar[str]
    channels: ClassVar[tuple[str, ...]]
    length: ClassVar[int | None]
    classes: ClassVar[tuple[str, ...]]
    class_names: ClassVar[tuple[str, ...]]

    def probe(self) -> Spec:
        """Known beforehand."""
        if self.root is not None:
            in_root(self.published[0], self.root)
        return Spec(
            "classification",
            Field("series", (self.length, len(self.channels)), names=self.channels),
            Field("class", (), len(self.classes), self.class_names),
            {} if self.length else {"lengths": Field("values", ())},
        )

    def transform(self) -> "Recordings":
        """See `DataOption.transform`."""
        from runner.data.series.recordings import Recordings

        return Recordings(self.scaling, self.channels, self.length)

    def load(self) -> Data:
        """Find or fetch the files, verify and read them; see `DataOption.load`."""
        import numpy as np

        from runner.data.parts.assemble import divide_official
        from runner.data.series.recordings import recordings
        from runner.data.series.ts import parse_ts
        from runner.data.source.fingerprint import combine

        (published,) = self.published
        files, notes = located(published, self.root)
        own = {name: files[name] for name in files if name.startswith(f"{self.problem}_")}
        published.check(own)
        (train, train_classes), (test, test_classes) = (
            parse_ts(files[f"{self.problem}_{part}.ts"].read_bytes(), f"{self.problem}_{part}.ts")
            for part in ("TRAIN", "TEST")
        )
        labels = np.array([self.classes.index(name.lower()) for name in (*train_classes, *test_classes)])
        parts, more = divide_official(self, labels, len(test))
        fingerprint = combine(published.files[name].sha256 for name in sorted(own))
        return recordings(
            self.transform(),
            [*train, *test],
            labels,
            parts,
            class_names=self.class_names,
            fingerprint=fingerprint,
            notes=(*notes, *more),
        )
