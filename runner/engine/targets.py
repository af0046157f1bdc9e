"""What targets of each kind look like in a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.engine.spec import IGNORED

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.spec import Field, Kind

# Dimensions of one example's target.
_DIMENSIONS: dict[Kind, int] = {"class": 0, "labels": 1, "tokens": 1, "tags": 1, "mask": 2, "boxes": 2, "instances": 2}


def misfit(field: Field, targets: Tensor) -> str | None:
    """What is wrong with targets ``(N, ...)`` that a field describes, in words; None where nothing is.

    Reads the device.
    """
    wanted = field.shape
    if wanted is None and field.kind in _DIMENSIONS:
        wanted = (None,) * _DIMENSIONS[field.kind]
    if wanted is not None:
        shape = tuple(targets.shape[1:])
        if len(shape) != len(wanted) or any(w not in (None, have) for w, have in zip(wanted, shape, strict=True)):
            expected = ", ".join("any" if length is None else str(length) for length in ("N", *wanted))
            return f"have shape {tuple(targets.shape)}. Expected ({expected})"
    if field.kind in ("class", "mask", "tags", "tokens") and (targets.is_floating_point() or targets.is_complex()):
        return f"are {targets.dtype}. Expected integers (torch.int64), numbers of a {_ENTRY[field.kind]}"
    if field.kind in ("values", "boxes", "instances") and not targets.is_floating_point():
        return f"are {targets.dtype}. Expected torch.float32"
    if field.kind == "values" or not targets.numel():
        return None
    return _outside(field, targets)


_ENTRY: dict[Kind, str] = {
    "class": "class",
    "mask": "class",
    "tags": "class",
    "tokens": "token",
    "boxes": "class",
    "instances": "class",
    "labels": "label",
}


def _outside(field: Field, targets: Tensor) -> str | None:
    """What is wrong with the numbers of classes, tokens, labels or boxes."""
    if field.kind in ("boxes", "instances"):
        if field.kind == "instances" and bool(((targets[..., 5:] != 0) & (targets[..., 5:] != 1)).any()):
            return "hold a pixel that is neither 0 nor 1. Expected 1 where it belongs to the box's thing"
        if field.kind == "boxes" and targets.shape[-1] != 5:
            return f"have shape {tuple(targets.shape)}. Expected 5 numbers a box: class, left, top, right, bottom"
        there = targets[targets[..., 0] != -1]
        if bool((there[:, 1:3] > there[:, 3:5]).any()):
            return "hold a box that ends before it begins. Expected class, left, top, right, bottom"
        numbers, least = targets[..., 0], -1 - (field.size or 0)
    else:
        numbers, least = targets, 0
    if field.kind in ("class", "mask", "tags", "tokens"):
        numbers = numbers[numbers != IGNORED]
    size = 2 if field.kind == "labels" else field.size
    if not numbers.numel():
        return None
    low, high = numbers.min().item(), numbers.max().item()
    if low < least or (size is not None and high >= size):
        given = low if low < least else high
        kind = "label" if field.kind == "labels" else _ENTRY[field.kind]
        expected = "0 or 1" if kind == "label" else f"{least} to {'any' if size is None else size - 1}"
        return f"hold {given:g} as a {kind}. Expected {expected}"
    return None
