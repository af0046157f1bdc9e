"""Reading CIFAR's files: the binary ones, and those that are pickles, of which nothing is executed."""

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.errors import RunFailed

SIDE = 32
PIXELS = 3 * SIDE * SIDE

Images = tuple[NDArray[np.uint8], NDArray[np.int64]]


def parse_binary(content: bytes, name: str, labels: int) -> Images:
    """Images ``(N, 3, 32, 32)`` and classes ``(N,)`` of a binary file.

    Args:
        content: records of `labels` bytes, the last of which is the class, and 3,072 of pixels, channel by channel.
        name: what the error calls it.
        labels: 1 in CIFAR-10; 2 in CIFAR-100, the coarse one first.

    Raises:
        RunFailed: it does not consist of such records.
    """
    size = labels + PIXELS
    if not content or len(content) % size:
        raise RunFailed(f"{name} is damaged: {len(content):,} bytes, expected a multiple of {size:,}. Fetch it again.")
    records = np.frombuffer(content, np.uint8).reshape(-1, size)
    return records[:, labels:].reshape(-1, 3, SIDE, SIDE), records[:, labels - 1].astype(np.int64)


def parse_pickle(content: bytes, name: str) -> Images:
    """Images ``(N, 3, 32, 32)`` and classes ``(N,)`` of a pickled batch, as torchvision takes it.

    Raises:
        RunFailed: it is damaged, or asks for more than arrays of bytes.
    """
    try:
        batch = _Plain(io.BytesIO(content), encoding="latin1").load()
        pixels = batch["data"].values().reshape(-1, 3, SIDE, SIDE)
        labels = np.array(batch["labels" if "labels" in batch else "fine_labels"], dtype=np.int64)
        if labels.shape != (len(pixels),):
            raise ValueError(f"{len(pixels)} images and {labels.size} labels")
    except Exception as error:  # a damaged pickle makes Python raise nearly anything
        raise RunFailed(f"{name} can't be read as a batch of CIFAR ({error}). Fetch it again.") from error
    return pixels, labels


class _Array:
    """What a pickle says of an array, instead of one: its bytes are looked at when all is read."""

    raw: Any = b""
    kind: Any = None

    def __init__(self, *_: Any) -> None:
        """What NumPy would make of the arguments is not of interest."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, _, self.kind, _, self.raw = state

    def values(self) -> NDArray[np.uint8]:
        """All of them in one row."""
        if not isinstance(self.kind, _Type) or self.kind.name not in ("u1", "|u1"):
            raise ValueError("the pixels are not whole numbers of one byte")
        raw = self.raw.encode("latin1") if isinstance(self.raw, str) else self.raw
        return np.frombuffer(raw, np.uint8)


class _Type:
    """What a pickle says of the type of an array's values."""

    def __init__(self, name: str, *_: Any) -> None:
        self.name = name

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """How the bytes are ordered, of which single ones have no need."""


class _Plain(pickle.Unpickler):
    """Builds containers of plain values and `_Array`; whatever else a pickle names is refused."""

    def find_class(self, module: str, name: str) -> Any:
        known = {"_reconstruct": _Array, "ndarray": _Array, "dtype": _Type}
        if module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray") and name in known:
            return known[name]
        if (module, name) == ("_codecs", "encode"):  # bytes, as Python 3 writes them for Python 2
            return lambda text, _: str(text).encode("latin1")
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, and only arrays are read")
