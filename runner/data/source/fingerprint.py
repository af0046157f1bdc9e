"""Hashes of raw content, so that a manifest can tell whether two runs saw the same data."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def sha256(content: bytes) -> str:
    """SHA-256 of `content`, 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file, which is never in memory as a whole."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def combine(parts: Iterable[str]) -> str:
    """One hash for many (digests, names): changes when any of them, or their order, does."""
    return sha256("\n".join(parts).encode())
