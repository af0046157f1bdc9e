"""Digits of house numbers."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from runner.data.image.official import Images, OfficialImages
from runner.errors import RunFailed
from runner.fetch.published import Published
from runner.fetch.sets.svhn import SVHN


@dataclass(kw_only=True)
class Svhn(OfficialImages):
    """73,257 + 26,032 photographs ``(3, 32, 32)`` of digits of house numbers, whose neighbours are seen beside them.

    Source: Netzer, Wang, Coates, Bissacco, Wu and Ng 2011, "Reading Digits in Natural Images with Unsupervised Feature
    Learning".
    """

    published: ClassVar[tuple[Published, ...]] = (SVHN,)
    class_names: ClassVar[tuple[str, ...]] = tuple("0123456789")
    inside: ClassVar[tuple[str, ...]] = ("SVHN", "svhn")

    def read(self, files: dict[str, Path]) -> tuple[Images, Images]:
        """See `OfficialImages.read`; the publisher calls the digit 0 class 10."""
        return _read(files["train_32x32.mat"]), _read(files["test_32x32.mat"])


def _read(path: Path) -> Images:
    from scipy.io import loadmat

    try:
        found = loadmat(path, variable_names=("X", "y"))
        pixels, labels = found["X"], found["y"].ravel().astype(np.int64)
        if pixels.dtype != np.uint8 or pixels.shape != (32, 32, 3, len(labels)):
            raise ValueError(f"X {pixels.shape} of {pixels.dtype}, y {labels.shape}")
    except Exception as error:  # a damaged file makes SciPy raise nearly anything
        raise RunFailed(f"{path} can't be read as a file of SVHN ({error}). Fetch it again.") from error
    return np.ascontiguousarray(pixels.transpose(3, 2, 0, 1)), labels % 10
