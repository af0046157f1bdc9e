"""Which examples are nearly those of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What is looked at first is what stays: examples of train go before those of test do.
ORDER = ("test", "val", "train")


class Copy(NamedTuple):
    """An example that is nearly another.

    Attributes:
        part: it is in.
        row: its number there.
        of_part: where the other one is.
        of_row: the number of that.
    """

    part: str
    row: int
    of_part: str
    of_row: int


def structure(images: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """Images ``(N, F)`` without mean and of length 1: the product of two is their correlation.

    An image each of whose channels is of one value has nothing to be compared by; all its numbers become NaN.
    """
    by_channel = images.reshape(len(images), channels, -1)
    plain = (by_channel == by_channel[:, :, :1]).all(axis=(1, 2))
    centred = images - images.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    plain |= length[:, 0] == 0
    return np.where(plain[:, None], np.float32(np.nan), centred / np.where(length, length, 1))


def copies(
    parts: Mapping[str, NDArray[np.float32]], radius: float, metric: Literal["chebyshev", "euclidean"]
) -> list[Copy]:
    """Every example that is within `radius` of one that was looked at before it and is no copy itself.

    Test is looked at first, then val, then train, each in its order.

    Args:
        parts: vectors ``(N, F)`` by the name of the part; those with NaN are like nothing.
        radius: largest distance, at least 0.
        metric: that it is measured in.
    """
    from sklearn.neighbors import NearestNeighbors

    names = [*(name for name in ORDER if name in parts), *(name for name in parts if name not in ORDER)]
    where = [(name, row) for name in names for row in range(len(parts[name]))]
    stacked = np.concatenate([parts[name] for name in names])
    usable = np.flatnonzero(~np.isnan(stacked).any(axis=1))
    if not len(usable):
        return []
    # Equal ones are put together first: a thousand copies of one row would be a million pairs.
    unique, of = np.unique(stacked[usable], axis=0, return_inverse=True)
    search = NearestNeighbors(radius=radius, metric=metric).fit(unique)
    near: Sequence[NDArray[Any]] = search.radius_neighbors(unique, return_distance=False)
    first: dict[int, int] = {}  # the example that stands for a vector
    found = []
    for row, vector in zip(usable.tolist(), of.ravel().tolist(), strict=True):
        standing = [first[other] for other in {vector, *near[vector].tolist()} if other in first]
        if standing:
            found.append(Copy(*where[row], *where[min(standing)]))
        else:
            first[vector] = row
    return found
