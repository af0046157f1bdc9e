"""Values out of JSON files of somebody else or of a later version: of the kind that is asked for, or none."""

from __future__ import annotations

from typing import Any


def names(value: Any) -> dict[str, Any]:
    """Names and values; none where it is something else."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    """A list; an empty one where it is something else."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """A text; an empty one where it is something else."""
    return value if isinstance(value, str) else ""


def texts(value: Any) -> list[str]:
    """The texts in a list."""
    return [entry for entry in listed(value) if isinstance(entry, str)]


def rows(value: Any) -> list[dict[str, Any]]:
    """The names and values in a list."""
    return [entry for entry in listed(value) if isinstance(entry, dict)]
