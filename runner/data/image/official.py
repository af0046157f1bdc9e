"""What small images with an official test set have in common, where all of them are held in memory."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from runner.data.base import ImageOption
from runner.data.source.fingerprint import combine, sha256_of_file
from runner.data.source.located import located
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.errors import RunFailed

Images = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(kw_only=True)
class OfficialImages(ImageOption):
    """Images of one size.

    The official test set is the test set. The first two shares of `split` divide the rest in their ratio, stratified;
    the third is not used.

    Attributes:
        root: folder with the publisher's files. None: the cache (``$RUNNER_DATA``, by default ``~/.cache/runner``),
            else they are fetched.
        class_names: one per class.
        inside: folders in `root` in which the files may lie.
    """

    batch_size: Annotated[int, Ge(1)] = 128
    split: tuple[float, float, float] = (0.9, 0.1, 0.0)
    root: str | None = None
    class_names: ClassVar[tuple[str, ...]]
    inside: ClassVar[tuple[str, ...]] = ()

    def probe(self) -> Spec:
        """Known beforehand; a folder that was named must hold the files."""
        if self.root is not None:
            self.find()
        return Spec("classification", self.inputs, Field("class", (), len(self.class_names)))

    def load(self) -> Data:
        """Find or fetch the files, verify, read and split them."""
        files, notes = self.find()
        (published,) = self.published
        if self.root is None:
            published.check(files)
        digests = {name: sha256_of_file(path) for name, path in files.items()}
        if any(name not in published.files or published.files[name].sha256 != digests[name] for name in files):
            notes += (f"not the published {published.name} files byte by byte",)
        return self.divided(*self.read(files), files, (digests[name] for name in sorted(digests)), notes)

    def divided(
        self, train: Images, test: Images, files: dict[str, Path], digests: Iterable[str], notes: tuple[str, ...]
    ) -> Data:
        """The official parts as data, the first of them divided.

        Args:
            train: images ``(N, C, H, W)`` and classes ``(N,)`` of the official training set.
            test: those of the test set.
            files: where they were read from.
            digests: of the files, in an order that stays.
            notes: what is to be told.

        Raises:
            RunFailed: a part is empty, or there are other classes.
        """
        from runner.data.parts.assemble import divide_official, images

        labels = np.concatenate([train[1], test[1]])
        folder, most = next(iter(files.values())).parent, len(self.class_names) - 1
        if not len(train[0]) or not len(test[0]) or labels.min() < 0 or labels.max() > most:
            raise RunFailed(
                f"{folder}: {len(train[0]):,} and {len(test[0]):,} images with classes {labels.min(initial=0)} to "
                f"{labels.max(initial=0)}; expected some of both parts, with classes 0 to {most}."
            )
        parts, split_notes = divide_official(self, labels, len(test[0]))
        return images(
            self,
            np.concatenate([train[0], test[0]]),
            labels,
            parts,
            class_names=self.class_names,
            fingerprint=combine(digests),
            notes=(f"read from {folder}", *notes, *split_notes),
        )

    def find(self) -> tuple[dict[str, Path], tuple[str, ...]]:
        """The files by name, and notes."""
        (published,) = self.published
        return located(published, self.root, self.inside)

    def read(self, files: dict[str, Path]) -> tuple[Images, Images]:
        """Images and classes of the training and the test set; for `load`, unless that is overridden."""
        raise NotImplementedError


@dataclass(kw_only=True)
class CifarImages(OfficialImages):
    """60,000 photographs ``(3, 32, 32)``, of which 10,000 are for the test.

    The publisher's binary files, plain or gzipped, or the pickles that torchvision takes, of which nothing is executed.

    Attributes:
        pickles: names of the pickled files, the last one is the test set.
        labels: bytes before the pixels of an image in a binary file.
    """

    pickles: ClassVar[Sequence[str]]
    labels: ClassVar[int]

    def find(self) -> tuple[dict[str, Path], tuple[str, ...]]:
        """The binary files; in a folder of the user's the pickles too."""
        if self.root is not None:
            folder = Path(os.path.expanduser(self.root))
            for place in (folder, *(folder / name for name in self.inside)):
                if all((place / name).is_file() for name in self.pickles):
                    return {name: place / name for name in self.pickles}, ()
        return super().find()

    def read(self, files: dict[str, Path]) -> tuple[Images, Images]:
        """See `OfficialImages.read`."""
        from runner.data.image.cifar import parse_binary, parse_pickle
        from runner.data.image.idx import content_of

        read = [
            parse_pickle(path.read_bytes(), str(path))
            if name in self.pickles
            else parse_binary(content_of(path), str(path), self.labels)
            for name, path in files.items()
        ]
        *train, test = read
        return (np.concatenate([pixels for pixels, _ in train]), np.concatenate([labels for _, labels in train])), test
