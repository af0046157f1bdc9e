"""Files that hold an array each, such as images and sounds: read in threads, or while training."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from runner.data.source.listing import Files, named_files
from runner.engine.transform import Bad, Raw


def read_arrays(
    sources: Sequence[str], files: Files, read: Callable[[Path], NDArray[Any] | Bad], size: int
) -> Iterator[Raw | Bad]:
    """What the files hold that a user named, in their order; what can't be read is given in its place.

    Args:
        sources: see `named_files`.
        files: which of a folder are meant.
        read: gives what a file holds; all of one shape.
        size: files that are given at once, at most.
    """
    paths = (path for source in sources for path in named_files(source, files))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while some := list(islice(paths, size)):
            good: list[NDArray[Any]] = []
            places: list[str] = []
            for path, held in zip(some, pool.map(read, some), strict=True):
                if isinstance(held, Bad):
                    if good:
                        yield Raw(np.stack(good), places)
                        good, places = [], []
                    yield held
                else:
                    good.append(held)
                    places.append(str(path))
            if good:
                yield Raw(np.stack(good), places)


class ClassFiles(Dataset[tuple[Tensor, Tensor]]):
    """What files hold, with their classes, read when asked for.

    Args:
        paths: the files.
        labels: class indices ``(N,)``.
        read: gives what a file holds; it is sent to the processes that read.
    """

    def __init__(self, paths: Sequence[Path], labels: NDArray[np.int64], read: Callable[[Path], NDArray[Any]]) -> None:
        # As arrays of bytes: a list of a million objects would be copied into every worker as its counts are touched.
        self.paths = np.array([os.fsencode(path) for path in paths])
        self.labels, self.read = torch.from_numpy(labels), read

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        held = self.read(Path(os.fsdecode(self.paths[index])))
        return torch.from_numpy(np.ascontiguousarray(held)), self.labels[index]
