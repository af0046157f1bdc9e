"""Comparing what two runs left, bit by bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

IGNORED = ("time", "seconds", "samples_per_second")


def same(a: Any, b: Any, path: str = "") -> list[str]:
    """Where two structures differ, bit by bit, times left out."""
    if isinstance(a, torch.Tensor):
        return [] if torch.equal(a, b) and a.dtype == b.dtype else [path]
    if isinstance(a, dict):
        if not isinstance(b, dict) or a.keys() != b.keys():
            return [f"{path}: keys"]
        return [d for key in a if key not in IGNORED for d in same(a[key], b[key], f"{path}/{key}")]
    if isinstance(a, (list, tuple)):
        if len(a) != len(b):
            return [f"{path}: length {len(a)} and {len(b)}"]
        return [d for i, (x, y) in enumerate(zip(a, b, strict=True)) for d in same(x, y, f"{path}[{i}]")]
    return [] if a == b else [f"{path}: {a!r} and {b!r}"]


def content(folder: Path) -> dict[str, Any]:
    """Everything a run leaves that must not depend on interruptions."""
    checkpoints = folder / "checkpoints"
    return {
        "last": torch.load(checkpoints / "last.pt", weights_only=True),
        "best": torch.load(checkpoints / "best.pt", weights_only=True),
        "metrics": [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()],
        "result": json.loads((folder / "result.json").read_text()),
    }
