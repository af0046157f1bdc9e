"""Finding the small data sets that scikit-learn carries, without importing it (which takes a second)."""

import gzip
import importlib.util
from pathlib import Path

import numpy as np

from runner.data.parts.scaling import Floats
from runner.errors import RunFailed


def folder() -> Path | None:
    """Where scikit-learn keeps its data files; None when it isn't installed."""
    found = importlib.util.find_spec("sklearn")
    return (
        Path(found.submodule_search_locations[0]) / "datasets" / "data"
        if found and found.submodule_search_locations
        else None
    )


def read(name: str) -> bytes:
    """The content of one file, decompressed where its name ends in ``.gz``.

    Raises:
        RunFailed: scikit-learn, or the file in it, is not there.
    """
    place = folder()
    if place is None or not (place / name).is_file():
        raise RunFailed(f"{name} is not on this machine: it comes with scikit-learn. Run `pip install scikit-learn`.")
    content = (place / name).read_bytes()
    return gzip.decompress(content) if name.endswith(".gz") else content


def numbers(content: bytes, delimiter: str | None = ",", skip: int = 0) -> Floats:
    """A table of numbers ``(N, columns)``; `delimiter` None is white space, `skip` lines are left out first."""
    lines = content.decode().splitlines()[skip:]
    return np.array([line.split(delimiter) for line in lines if line.strip()], dtype=np.float64)
