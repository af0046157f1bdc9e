"""Names for the channels of all tensors, and which of them are one channel."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# The label of what can't be removed: colours of an image, words of a vocabulary, classes.
FIXED = 0
# The label of zeros that were put there, of which there may be any number.
FREE = -1


class Labels:
    """Equalities between labels, each of which names an index of one dimension of one weight.

    A *layer* says to which channel each number of a tensor belongs: int64 of the tensor's shape, with a stride of zero
    along all dimensions along which it does not vary. A tensor may have several of them: that of a dense layer's weight
    has one for its outputs, which varies along the first dimension, and one for its inputs.

    Attributes:
        count: of labels.
        joint: layers that vary along several dimensions; what is removed of them must be whole slices.
    """

    def __init__(self) -> None:
        self.count = 1
        self.joint: dict[tuple[tuple[int, ...], bytes], Tensor] = {}
        self._pairs: list[NDArray[np.int64]] = []

    def fresh(self, shape: Iterable[int]) -> list[Tensor]:
        """Layers of a new tensor: one for each dimension of more than one index."""
        sizes = tuple(shape)
        layers = []
        for dim, size in enumerate(sizes):
            if size > 1:
                ids = torch.arange(self.count, self.count + size)
                layers.append(ids.view([size if d == dim else 1 for d in range(len(sizes))]).expand(sizes))
                self.count += size
        return layers

    def unite(self, a: Tensor, b: Tensor) -> Tensor:
        """Make two layers of one shape the same; the layer of both."""
        kept = varies(a) | varies(b)
        small = [_at_first(layer, kept) for layer in (a, b)]
        x, y = (layer.reshape(-1).numpy() for layer in torch.broadcast_tensors(*small))
        differ = (x != y) & (x != FREE) & (y != FREE)
        if differ.any():
            self._pairs.append(np.unique(np.stack((x[differ], y[differ])), axis=1))
        return self.kept(torch.where(small[0] == FREE, small[1], small[0]).expand(a.shape))

    def same_along(self, layer: Tensor, dims: Iterable[int]) -> Tensor | None:
        """Make a layer the same along `dims`, so that nothing is cut there; None where that leaves nothing to cut."""
        along, over = set(dims), varies(layer)
        if not along & over:
            return layer
        if over <= along:
            self.fix(layer)
            return None
        return self.unite(_at_first(layer, over - along).expand(layer.shape), layer)[
            tuple(slice(0, 1) if d in along else slice(None) for d in range(layer.ndim))
        ].expand(layer.shape)

    def fix(self, layer: Tensor) -> None:
        """Let nothing of a layer be removed."""
        self.unite(layer, torch.full((1,) * layer.ndim, FIXED).expand(layer.shape))

    def kept(self, layer: Tensor) -> Tensor:
        """A layer, which is remembered where it varies along several dimensions."""
        over = varies(layer)
        if len(over) > 1:
            small = _at_first(layer, over).contiguous()
            self.joint[tuple(small.shape), small.numpy().tobytes()] = small
        return layer

    def channels(self) -> NDArray[np.int64]:
        """The channel of each label: equal numbers are removed together, and 0 is what stays."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        while True:
            pairs = np.concatenate([np.zeros((2, 0), np.int64), *self._pairs], axis=1)
            self._pairs = [pairs]
            graph = coo_matrix((np.ones(pairs.shape[1], np.int8), (pairs[0], pairs[1])), (self.count, self.count))
            found = connected_components(graph, directed=False)[1].astype(np.int64)
            found = np.where(found == found[FIXED], 0, found + 1)
            ragged = [layer for layer in self.joint.values() if not _is_sliced(found, layer)]
            if not ragged:
                return found
            for layer in ragged:
                finest = max(varies(layer), key=lambda dim: layer.shape[dim])
                self.same_along(layer, varies(layer) - {finest})
                del self.joint[tuple(layer.shape), layer.numpy().tobytes()]


def varies(layer: Tensor) -> set[int]:
    """Dimensions along which a layer varies."""
    return {d for d in range(layer.ndim) if layer.shape[d] > 1 and layer.stride(d) != 0}


def tidy(layer: Tensor) -> Tensor:
    """A layer whose strides say along which dimensions it varies."""
    small = _at_first(layer, varies(layer))
    for dim in varies(layer):
        first = small.narrow(dim, 0, 1)
        if bool((small == first).all()):
            small = first
    return small.expand(layer.shape)


def _at_first(layer: Tensor, kept: set[int]) -> Tensor:
    """A layer at the first index of all dimensions but those `kept`."""
    return layer[tuple(slice(None) if d in kept else slice(0, 1) for d in range(layer.ndim))]


def _is_sliced(channels: NDArray[np.int64], layer: Tensor) -> bool:
    """Whether the channels of a layer vary along one dimension at most."""
    found = np.where(layer.numpy() == FREE, 0, channels[layer.numpy()])
    return sum(bool((found != found.take([0], axis=dim)).any()) for dim in range(found.ndim)) <= 1
