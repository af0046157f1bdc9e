"""Where the machine or its numbers end: what torch and NumPy say of it, for the person who chose the sizes."""

from __future__ import annotations

import errno
import re

from runner.engine.memory import available_memory
from runner.errors import RunFailed

LARGEST = 3.4028234663852886e38  # of 32 bits, in which networks compute

NO_SHARED_MEMORY = (
    "no room in shared memory (/dev/shm), through which workers hand batches over. Take data.num_workers=0, a smaller "
    "data.batch_size, or give the machine more of it (docker run --shm-size)."
)

_ASKED = re.compile(r"(?:tried to allocate|Unable to allocate) ([\d.]+) (bytes|[KMGTPE]iB)", re.IGNORECASE)
_FREE = re.compile(r"of which ([\d.]+ [KMGTPE]?i?B) is free")
_NO_MEMORY = re.compile(r"can't allocate memory|CUDA out of memory|Storage size calculation overflowed")
_TOO_LARGE = re.compile(r"cannot be converted to type .* without overflow|(from|to) is out of bounds for")
_SHARED = re.compile(r"</torch_|out of shared memory|\(shm\)")
_ONE_EXAMPLE = "Expected more than 1 value per channel when training"


def out_of_memory(error: BaseException) -> bool:
    """Whether an error tells that there is not enough memory, on the host or on a device."""
    known = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return known or (isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error)) is not None)


def out_of_shared_memory(error: BaseException) -> bool:
    """Whether an error tells that there is no room where processes hand tensors to each other."""
    return _SHARED.search(str(error)) is not None or getattr(error, "errno", None) == errno.ENOSPC


def limit_reached(error: BaseException) -> RunFailed | None:
    """What to say of an error that tells that something is too large for this machine; None for any other error."""
    text = str(error)
    if out_of_memory(error):
        return RunFailed(
            f"not enough memory: {_asked(text)}. Take a smaller network, smaller examples or a smaller data.batch_size."
        )
    if not isinstance(error, (RuntimeError, ValueError)):
        return None
    if out_of_shared_memory(error):
        return RunFailed(NO_SHARED_MEMORY)
    if _TOO_LARGE.search(text):
        return RunFailed(
            f"a number is too large for those that networks compute with (at most {LARGEST:.2g}): {_first_line(text)}. "
            "Look for the largest values in the command; a rate, a decay or a bound is among them."
        )
    if _ONE_EXAMPLE in text:
        return RunFailed(
            "a batch of one example: batch normalization takes means over a batch and needs two at least. Take a "
            "larger data.batch_size, or another normalization (model.norm=layer where the network has it)."
        )
    return None


def _asked(text: str) -> str:
    """How much was asked for and how much is there, as far as that is known."""
    asked, free = _ASKED.search(text), _FREE.search(text)
    there = free[1] if free else in_words(available_memory())
    if asked is None:
        return f"{there} are there"
    how_much = in_words(int(asked[1])) if asked[2] == "bytes" else f"{asked[1]} {asked[2]}"
    return f"{how_much} were asked for at once, and {there} are there"


def in_words(size: int) -> str:
    """Bytes, as ``37.3 GiB``."""
    number, units = float(size), ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    while number >= 1024 and len(units) > 1:
        number /= 1024
        del units[0]
    return f"{number:.1f} {units[0]}" if units[0] != "bytes" else f"{size} bytes"


def _first_line(text: str) -> str:
    return text.partition("\n")[0].rstrip(".")
