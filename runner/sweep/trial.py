"""One trial: what its record holds, and reading that without believing it."""

from __future__ import annotations

import math
import time
from dataclasses import MISSING, dataclass, field, fields
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from runner.sweep.space import Point

Status = Literal["running", "completed", "pruned", "paused", "failed", "interrupted"]
FINISHED: tuple[Status, ...] = ("completed", "pruned", "failed")


@dataclass
class Trial:
    """One trial: a row of the table and a folder of its own.

    Attributes:
        number: given once, in the order in which trials were asked.
        point: which point of the space; repeats of a point share it.
        index: position in the sampler's sequence; None for a point that the user enqueued.
        repeat: 0, 1, ... among the trials of the point.
        params: the point.
        overrides: everything that differs from the sweep's base config, the seed of a repeat included.
        folder: its folder's name in ``trials/``.
        config: the task's config, frozen when it was asked (interpolations left as they are).
        status: where it stands.
        cause: why it ended other than by completing.
        values: the objectives' values; of a pruned or paused trial the last value seen.
        scores: all that the run reports of its best epoch, by name: ``val/accuracy``.
        tested: scores on the test split; None where it was not tested.
        attempts: how often it failed.
        losses: how often in succession its worker was lost before it got any further.
        lost_at: the epoch that it had reported when that happened last.
        seconds: time spent in workers.
        paused_at: the epoch at which a pruner paused it.
        started: when it first went to a worker, seconds since 1970.
        ended: when it last left one.
    """

    number: int
    point: int
    index: int | None
    repeat: int
    params: Point
    overrides: list[str]
    folder: str
    config: dict[str, Any]
    status: Status = "running"
    cause: str | None = None
    values: list[float] | None = None
    scores: dict[str, float] = field(default_factory=dict)
    tested: dict[str, float] | None = None
    attempts: int = 0
    losses: int = 0
    lost_at: int | None = None
    seconds: float = 0.0
    paused_at: int | None = None
    started: float = field(default_factory=time.time)
    ended: float | None = None


def _kinds(hint: Any) -> tuple[type, ...]:
    """The types that JSON gives back for a field of such a type."""
    if get_origin(hint) is UnionType:
        return tuple(kind for part in get_args(hint) for kind in _kinds(part))
    kind = str if get_origin(hint) is Literal else get_origin(hint) or hint
    return (int, float) if kind is float else (kind,)


_KINDS = {name: _kinds(hint) for name, hint in get_type_hints(Trial).items()}


def from_record(record: Any, folder: str) -> Trial:
    """A trial from the content of its ``trial.json``.

    Args:
        record: anything that JSON can hold.
        folder: the name of its folder now.

    Raises:
        ValueError: it is none of this version.
    """
    if not isinstance(record, dict):
        raise ValueError("no record of a trial")
    if unknown := sorted(set(record) - set(_KINDS)):
        raise ValueError(f"unknown {unknown[0]!r}; a newer version may have written it")
    needed = [f.name for f in fields(Trial) if f.default is MISSING and f.default_factory is MISSING]
    if missing := [key for key in needed if key not in record]:
        raise ValueError(f"{missing[0]!r} is missing")
    texts = [*record["params"], *record["params"].values()] if isinstance(record["params"], dict) else []
    for key, value in record.items():
        if not isinstance(value, _KINDS[key]) or isinstance(value, bool):
            raise ValueError(f"{key} is {str(value)[:80]!r}")
    if record["number"] < 0 or record["point"] < 0 or record.get("status", "running") not in get_args(Status):
        raise ValueError(f"number {record['number']}, point {record['point']}, status {record.get('status')!r}")
    if not all(isinstance(text, str) for text in [*texts, *record["overrides"]]):
        raise ValueError("params or overrides are no texts")
    if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in record.get("values") or []):
        raise ValueError(f"values are {record['values']}")
    for key in ("scores", "tested"):
        if not all(isinstance(value, (int, float)) for value in (record.get(key) or {}).values()):
            raise ValueError(f"{key} are no numbers")
    return Trial(**{**record, "folder": folder})
