"""What MNIST and its relatives have in common."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from runner.data.base import ImageOption
from runner.data.image import idx
from runner.data.source.fingerprint import combine, sha256
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, RunFailed
from runner.fetch.fetching import ready
from runner.fetch.published import Published


@dataclass(kw_only=True)
class IdxImages(ImageOption):
    """60,000 + 10,000 grey images ``(1, 28, 28)`` of ten classes.

    The official test set is the test set. The first two shares of `split` divide the 60,000 in their ratio, stratified;
    the third is not used.

    Attributes:
        root: folder with the four IDX files, plain or gzipped, in itself or where torchvision puts them. None: the
            cache (``$RUNNER_DATA``, by default ``~/.cache/runner``), the system's folder, else they are fetched.
        published: what is known of the set.
        torchvision: the folder that torchvision makes for it.
        class_names: one per class.
    """

    batch_size: Annotated[int, Ge(1)] = 128
    split: tuple[float, float, float] = (0.9, 0.1, 0.0)
    root: str | None = None
    published: ClassVar[tuple[Published, ...]]
    torchvision: ClassVar[str]
    class_names: ClassVar[tuple[str, ...]]

    def probe(self) -> Spec:
        """Known beforehand; a folder that was named must hold the files."""
        if self.root is not None and self._in_root() is None:
            raise ConfigError(
                f"data.root={self.root}: expected a folder with {', '.join(idx.FILES)} (plain or .gz), in itself or in "
                f"{self.torchvision}/raw. Leave data.root out to have them fetched."
            )
        return Spec("classification", self.inputs, Field("class", (), len(self.class_names)))

    def load(self) -> Data:
        """Find or fetch the files, verify, read and split them."""
        from runner.data.parts.assemble import divide_official, images

        self.probe()
        files, notes = (self._in_root() or {}, ()) if self.root is not None else ready(self.published[0])
        contents = {name: idx.content_of(path) for name, path in files.items()}
        folder = files[idx.FILES[0]].parent
        digests = {name: sha256(content) for name, content in contents.items()}
        if digests != self._digests:
            notes += (self._other_content(folder, digests),)
        train, train_labels, test, test_labels = (
            idx.parse(contents[name], str(files[name]), 3 if "idx3" in name else 1) for name in idx.FILES
        )
        labels = np.concatenate([train_labels, test_labels]).astype(np.int64)
        agree = len(train) == len(train_labels) and len(test) == len(test_labels) and train.shape[1:] == test.shape[1:]
        if not agree or labels.max(initial=0) >= len(self.class_names):
            raise RunFailed(
                f"{folder}: images {train.shape} and {test.shape}, labels {train_labels.shape} and {test_labels.shape} "
                f"up to {labels.max(initial=0)}; expected images of one size, each with a label below "
                f"{len(self.class_names)}."
            )
        parts, split_notes = divide_official(self, labels, len(test))
        return images(
            self,
            np.concatenate([train, test])[:, None],
            labels,
            parts,
            class_names=self.class_names,
            fingerprint=combine(digests[name] for name in idx.FILES),
            notes=(f"read from {folder}", *notes, *split_notes),
        )

    @property
    def _digests(self) -> dict[str, str]:
        return {name: file.sha256 for name, file in self.published[0].files.items()}

    def _in_root(self) -> dict[str, Path] | None:
        """The files in the folder that the user named: in itself, or where torchvision puts them under its root."""
        folder = Path(os.path.expanduser(self.root or ""))
        places = (folder, folder / "raw", folder / self.torchvision / "raw")
        return next((files for place in places if (files := self.published[0].in_folder(place))), None)

    def _other_content(self, folder: Path, digests: dict[str, str]) -> str:
        """A folder of the user's may hold other content, and is told so; the cache and the system's may not."""
        changed = [name for name, digest in digests.items() if digest != self._digests[name]]
        if self.root is None:
            raise RunFailed(
                f"{folder}: the content of {', '.join(changed)} is not what was published: damaged or replaced. "
                "Delete the folder to fetch it again, or give data.root=FOLDER to use other files."
            )
        return f"{', '.join(changed)} are not the published {self.published[0].name} files"
