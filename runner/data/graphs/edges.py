"""Edges of a graph as a file has them: a line each, from, to and perhaps a weight."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runner.errors import RunFailed, did_you_mean

OnDangling = Literal["stop", "skip"]
_SEPARATORS = "\t,;"
_HEAVIEST = 1e30  # far below where the sum of the weights of a node would overflow
_EXPECTED = "Expected lines of two names, or of two names and a weight, apart by tabs, commas, semicolons or spaces."


class Edges(NamedTuple):
    """The edges between nodes.

    Attributes:
        ends: from and to ``(2, E)`` int64, each pair once, none from a node to itself; both ways where they are not
            directed.
        weights: float32 ``(E,)``; None where every edge counts once.
        notes: what was left out or put together, in words.
    """

    ends: NDArray[np.int64]
    weights: NDArray[np.float32] | None
    notes: tuple[str, ...]


def read_edges(
    path: Path, names: Sequence[str], *, directed: bool, weighted: bool, on_dangling: OnDangling = "stop"
) -> Edges:
    """The edges in a file.

    An edge from a node to itself is left out, as every network here counts a node itself. Of one that stands there
    several times the weights are added; without weights it counts once.

    Args:
        path: the file, in UTF-8. Empty lines and those that begin with # or % are skipped; a first line of which
            neither name is a node is a heading.
        names: of the nodes.
        directed: whether an edge leads from the first to the second only.
        weighted: whether the third value of each line is its weight; else it is not looked at.
        on_dangling: what is done about an edge of which an end is no node.

    Raises:
        RunFailed: a line is none, an end is no node, or a weight is no number of at least 0.
    """
    number = {name: i for i, name in enumerate(names)}
    pairs: dict[tuple[int, int], float] = {}
    loops = doubles = dangling = 0
    for place, line in _lines(path, number):
        if len(line) < 2 + weighted or len(line) > 3:
            raise RunFailed(f"{place}: {len(line)} value(s). {_EXPECTED}")
        weight = _weight(place, line[2]) if weighted else 1.0
        absent = [name for name in line[:2] if name not in number]
        if absent and on_dangling == "stop":
            raise RunFailed(
                f"{place}: {absent[0]!r} is no node.{did_you_mean(absent[0], names)} Add it to the nodes, or leave "
                "such edges out (data.on_dangling=skip)."
            )
        if absent:
            dangling += 1
            continue
        one, other = (number[name] for name in line[:2])
        pair = (one, other) if directed else (min(one, other), max(one, other))
        if one == other:
            loops += 1
        elif pair in pairs:
            doubles += 1
            pairs[pair] += weight if weighted else 0.0
            if pairs[pair] > _HEAVIEST:
                raise RunFailed(f"{place}: the weights of this edge add up to more than {_HEAVIEST:.3g}.")
        else:
            pairs[pair] = weight
    ends = np.array(list(pairs), dtype=np.int64).reshape(-1, 2).T
    weights = np.array(list(pairs.values()), dtype=np.float32)
    if not directed:
        ends, weights = np.concatenate((ends, ends[::-1]), axis=1), np.concatenate((weights, weights))
    doubled = "their weights were added" if weighted else "each counts once"
    found = (
        (loops, "edge(s) of a node to itself left out"),
        (doubles, f"edge(s) stand there again; {doubled}"),
        (dangling, "edge(s) left out, of which an end is no node"),
    )
    return Edges(ends, weights if weighted else None, tuple(f"{n:,} {what}" for n, what in found if n))


def _lines(path: Path, nodes: Mapping[str, int]) -> Iterator[tuple[str, list[str]]]:
    """The values of each line, without a heading, and where it stands."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            separator = ""
            for count, line in enumerate(file, 1):
                if not line.strip() or line.startswith(("#", "%")):
                    continue
                first = not separator
                if first:
                    separator = next((s for s in _SEPARATORS if s in line), " ")
                values = (
                    line.split() if separator == " " else next(csv.reader([line], delimiter=separator, strict=True))
                )
                values = [value.strip() for value in values]
                if not (first and all(value not in nodes for value in values[:2])):
                    yield f"{path}, line {count}", values
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunFailed(f"{path}: {error}. {_EXPECTED}") from error


def _weight(place: str, text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 <= weight <= _HEAVIEST:
        raise RunFailed(
            f"{place}: {text!r} is no weight. Expected a number of at least 0, and at most {_HEAVIEST:.3g}."
        )
    return weight
