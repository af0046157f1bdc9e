"""What MNIST and its relatives have in common."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runner.data.image import idx
from runner.data.image.official import OfficialImages
from runner.data.source.fingerprint import sha256
from runner.engine.data import Data
from runner.errors import RunFailed


@dataclass(kw_only=True)
class IdxImages(OfficialImages):
    """60,000 + 10,000 grey images ``(1, 28, 28)`` of ten classes.

    The official test set is the test set. The first two shares of `split` divide the 60,000 in their ratio, stratified;
    the third is not used.

    Attributes:
        root: folder with the four IDX files, plain or gzipped, in itself or where torchvision puts them. None: the
            cache (``$RUNNER_DATA``, by default ``~/.cache/runner``), the system's folder, else they are fetched.
    """

    def load(self) -> Data:
        """Find or fetch the files, verify, read and split them; of packed ones the content is what is verified."""
        files, notes = self.find()
        contents = {name: idx.content_of(path) for name, path in files.items()}
        digests = {name: sha256(contents[name]) for name in idx.FILES}
        notes += self._verified(files, digests)
        train, train_labels, test, test_labels = (
            idx.parse(contents[name], str(files[name]), 3 if "idx3" in name else 1) for name in idx.FILES
        )
        if len(train) != len(train_labels) or len(test) != len(test_labels) or train.shape[1:] != test.shape[1:]:
            raise RunFailed(
                f"{files[idx.FILES[0]].parent}: images {train.shape} and {test.shape}, labels {train_labels.shape} and "
                f"{test_labels.shape}; expected images of one size, each with a label."
            )
        official = (train[:, None], train_labels.astype(np.int64))
        return self.divided(official, (test[:, None], test_labels.astype(np.int64)), files, digests.values(), notes)

    def _verified(self, files: dict[str, Path], digests: dict[str, str]) -> tuple[str, ...]:
        """A folder of the user's may hold other content, and is told so; the cache and the system's may not."""
        (published,) = self.published
        changed = ", ".join(name for name, digest in digests.items() if digest != published.files[name].sha256)
        if changed and self.root is None:
            raise RunFailed(
                f"{files[idx.FILES[0]].parent}: the content of {changed} is not what was published: damaged or "
                "replaced. Delete the folder to fetch it again, or give data.root=FOLDER to use other files."
            )
        return (f"{changed} are not the published {published.name} files",) if changed else ()
