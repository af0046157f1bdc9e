"""Examples that are there more than once, all but equal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import torch
from annotated_types import Ge, Gt, Le

from runner.cleaning.base import Cleaning, Found
from runner.cleaning.likeness.near import Copy, copies, structure
from runner.cleaning.likeness.vectors import COMPARABLE, vectors

if TYPE_CHECKING:
    from runner.engine.data import Data


class NearDuplicates(Cleaning):
    """Leaves out of train what is nearly in val or test, or nearly earlier in train; out of val what is nearly in test.

    Two images are nearly the same where the correlation of their pixels, averaged down to at most 16 by 16, is at
    least `similarity`: compressed again, resized, brighter, but not mirrored or cut. Two rows (or series) are where no
    feature, as scaled by `data.scaling`, differs by more than `tolerance`.

    Args:
        similarity: of images, above 0 and at most 1.
        tolerance: of rows and series, at least 0; with standard scaling in standard deviations.

    Source: Barz and Denzler 2020, "Do We Train on Test Data? Purging CIFAR of Near-Duplicates", which compares
        features of a network; correlation as in Lewis 1995, "Fast Normalized Cross-Correlation", eq. 2.
    """

    takes = COMPARABLE

    def __init__(self, similarity: Annotated[float, Gt(0), Le(1)] = 0.995, tolerance: Annotated[float, Ge(0)] = 0.01):
        self.similarity, self.tolerance = similarity, tolerance

    def find(self, data: Data, seed: int) -> Found:
        """See `Cleaning.find`; every example is read once, and every two are compared."""
        rows: dict[str, list[int]] = {name: [] for name in data.parts}
        for copy in self.copies(data):
            if copy.part != "test":
                rows[copy.part].append(copy.row)
        found = {name: torch.tensor(numbers, dtype=torch.int64) for name, numbers in rows.items()}
        return Found(found, "nearly in another part too, or nearly twice in the same")

    def copies(self, data: Data) -> list[Copy]:
        """Every example that is nearly one before it; see `runner.cleaning.likeness.near.copies`."""
        found = {name: vectors(part) for name, part in data.parts.items()}
        assert data.spec.inputs is not None
        if data.spec.inputs.kind != "image":
            return copies(found, self.tolerance, "chebyshev")
        channels = data.spec.input_shape[0]
        found = {name: structure(images, channels) for name, images in found.items()}
        # of vectors of length 1: |x - y|^2 = 2 - 2 xy, to what float32 tells
        return copies(found, math.sqrt(2 - 2 * self.similarity) + 1e-5, "euclidean")
