"""Pickles that hold arrays: these are built, and nothing else that a pickle names is looked up or executed."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy._core.multiarray import _reconstruct
from numpy.typing import NDArray

from runner.errors import RunFailed


class Named:
    """What a pickle calls by a name that is not NumPy's, kept as it is said, and never called.

    Attributes:
        arguments: what it would have been called with.
        state: what it would have been given then.
    """

    def __init__(self, *arguments: Any) -> None:
        self.arguments, self.state = arguments, None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _from_buffer(content: bytearray, kind: np.dtype[Any], shape: Sequence[int], order: Any) -> NDArray[Any]:
    return np.frombuffer(content, kind).reshape(shape, order=order)


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it encodes a text as {encoding}")
    return text.encode("latin1")


_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("_codecs", "encode"): _encode,  # bytes, as Python 3 writes them for Python 2
    ("builtins", "slice"): slice,
}


class _Arrays(pickle.Unpickler):
    def __init__(self, content: bytes, named: Sequence[str]) -> None:
        super().__init__(io.BytesIO(content))
        self.named = named

    def find_class(self, module: str, name: str) -> Any:
        if known := _KNOWN.get((module.replace("numpy._core.", "numpy.core."), name)):
            return known
        if f"{module}.{name}" in self.named:
            return Named
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, and not for arrays alone")


def arrays(content: bytes, name: str, named: Sequence[str] = ()) -> Any:
    """What a pickle holds: plain values and containers, arrays of NumPy's, and `Named` for what is in `named`.

    Args:
        content: the pickle. It should have been verified before: this keeps code out, not the lies of a file.
        name: what the error calls it.
        named: further names, ``module.name``, that it may mention.

    Raises:
        RunFailed: it is damaged, or asks for more.
    """
    try:
        return _Arrays(content, named).load()
    except Exception as error:  # a damaged pickle makes Python raise nearly anything
        raise RunFailed(f"{name} can't be read as arrays ({error}). Fetch it again.") from error


_PANDAS = (
    "pandas.core.frame.DataFrame",
    "pandas.core.internals.managers.BlockManager",
    "pandas._libs.internals._unpickle_block",
    "pandas.core.indexes.base._new_Index",
    "pandas.core.indexes.base.Index",
    "pandas.core.indexes.range.RangeIndex",
)


def frame(content: bytes, name: str) -> dict[str, NDArray[Any]]:
    """The columns of a pickled data frame of pandas' by name, without pandas.

    Raises:
        RunFailed: it is damaged, or something else.
    """
    table = arrays(content, name, _PANDAS)
    try:
        blocks, (columns, _) = table.state["_mgr"].arguments
        names = columns.arguments[1]["data"].tolist()
        found = {}
        for block in blocks:
            values, places, _ = block.arguments
            for column, place in zip(values, range(len(names))[places], strict=True):
                found[names[place]] = column
        return {column: found[column] for column in names}
    except Exception as error:
        raise RunFailed(f"{name} is no data frame as pandas 2 writes it ({error!r}). Fetch it again.") from error
