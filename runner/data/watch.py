"""Exercises of the shoulder, told from a watch at the wrist."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from runner.data.base import DataOption
from runner.data.source.located import in_root, located
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.errors import RunFailed
from runner.fetch.published import Published
from runner.fetch.sets.watch import WATCH

if TYPE_CHECKING:
    from runner.data.series.recordings import Recordings

CHANNELS = ("ax", "ay", "az", "wx", "wy", "wz")
CLASSES = ("PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW")
_HEADER = 128  # bytes of NumPy's in front of the pickle


@dataclass(kw_only=True)
class Watch(DataOption):
    """140 recordings of 20 to 50 seconds: acceleration (in g) and rotation (in radians a second), 50 steps a second.

    Ten people did seven exercises with either arm. A recording is cut into windows; all windows of a person are in one
    part, so that the test is of people that the network has not met.

    Source: Burns et al. 2018, "Shoulder physiotherapy exercise recognition: machine learning the inertial signals from
    a smartwatch"; seglearn 1.2.5.

    Attributes:
        length: steps of a window, 1 to 947.
        stride: steps from one window to the next, at least 1.
        root: folder with ``watch_dataset.npy``. None: the cache (``$RUNNER_DATA``, by default ``~/.cache/runner``),
            else it is fetched.
    """

    split: tuple[float, float, float] = (0.6, 0.2, 0.2)
    length: Annotated[int, Ge(1)] = 100
    stride: Annotated[int, Ge(1)] = 50
    root: str | None = None
    published: ClassVar[tuple[Published, ...]] = (WATCH,)

    def probe(self) -> Spec:
        """Known beforehand."""
        if self.root is not None:
            in_root(self.published[0], self.root)
        shape = (self.length, len(CHANNELS))
        return Spec("classification", Field("series", shape, names=CHANNELS), Field("class", (), len(CLASSES), CLASSES))

    def transform(self) -> "Recordings":
        """See `DataOption.transform`."""
        from runner.data.series.recordings import Recordings

        return Recordings(self.scaling, CHANNELS, self.length)

    def load(self) -> Data:
        """Find or fetch the file, verify and read it, cut windows and split by person; see `DataOption.load`."""
        import numpy as np

        from runner.data.parts.assemble import finish
        from runner.data.parts.split import grouped
        from runner.data.series.recordings import recordings
        from runner.data.source.pickled import arrays

        (published,) = self.published
        files, notes = located(published, self.root)
        published.check(files)
        ((name, path),) = files.items()
        found = arrays(path.read_bytes()[_HEADER:], name).item()
        series, labels, people, places = [], [], [], []
        for number, (recording, label, person) in enumerate(zip(found["X"], found["y"], found["subject"], strict=True)):
            for start in range(0, len(recording) - self.length + 1, self.stride):
                series.append(recording[start : start + self.length])
                labels.append(label)
                people.append(person)
                places.append(f"recording {number}, step {start}")
        if not series or len({place.partition(",")[0] for place in places}) < len(found["X"]):
            shortest = min(map(len, found["X"]))
            raise RunFailed(f"data.length={self.length}: the shortest recording has {shortest} steps. Choose fewer.")
        classes, groups = np.array(labels, np.int64), np.unique(people, return_inverse=True)[1]
        parts = finish(self, grouped(groups, self.split, self.split_seed, classes), classes, groups)
        told = [", ".join(str(p) for p in sorted({int(people[row]) for row in part})) for part in parts]
        of_parts = zip(("train", "val", "test"), told, strict=True)
        notes += (f"people: {'; '.join(f'{part} {who}' for part, who in of_parts if who)}",)
        return recordings(
            self.transform(),
            series,
            classes,
            parts,
            class_names=CLASSES,
            fingerprint=published.files[name].sha256,
            notes=notes,
            places=places,
        )
