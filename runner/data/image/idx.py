"""Reading the IDX format of MNIST and its relatives."""

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.errors import RunFailed

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def content_of(path: Path) -> bytes:
    """The content of a file, decompressed where its name ends in ``.gz``.

    Raises:
        RunFailed: the file is damaged or can't be read.
    """
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise RunFailed(f"{path} can't be read: {error}. Delete it and fetch it again.") from error


def parse(content: bytes, name: str, dimensions: int) -> NDArray[np.uint8]:
    """An array from the content of an IDX file of bytes.

    The format: two zero bytes, the type 0x08, the number of sizes, the sizes (4 bytes each, big end first), the values.

    Args:
        content: the whole file.
        name: what the error calls it.
        dimensions: expected number of sizes: 3 for images, 1 for labels.

    Raises:
        RunFailed: it isn't that, or its length doesn't agree with its sizes.
    """
    expected = bytes([0, 0, 8, dimensions])
    start = 4 + 4 * dimensions
    if content[:4] != expected or len(content) < start:
        raise RunFailed(
            f"{name} is no IDX file of bytes with {dimensions} dimension(s): it starts with "
            f"{content[:4].hex() or 'nothing'}, expected {expected.hex()}. Fetch it again."
        )
    sizes: tuple[Any, ...] = tuple(np.frombuffer(content, ">u4", dimensions, offset=4).tolist())
    if len(content) - start != math.prod(sizes):
        raise RunFailed(
            f"{name} is damaged: its header promises {' x '.join(map(str, sizes))} bytes, but {len(content) - start} "
            "follow. Delete it and fetch it again."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(sizes)
