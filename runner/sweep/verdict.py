"""What came of a trial: from its own ``result.json``, or from what its task returned."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.errors import counted
from runner.record.reading import read
from runner.sweep.folder import Follower
from runner.sweep.plan import Plan
from runner.sweep.run_trial import Returned
from runner.sweep.trial import Status

Verdict = tuple[Status, str | None, list[float] | None]
"""Status, cause and values."""


def read_result(folder: Path) -> dict[str, Any]:
    """The ``result.json`` of a trial or a sweep; empty where there is no whole one."""
    try:
        found = json.loads(read(folder / "result.json"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def reported(folder: Path, result: dict[str, Any], objectives: Sequence[str]) -> Verdict:
    """What a trial says of itself.

    Args:
        folder: the trial's.
        result: its ``result.json``.
        objectives: the scores that count.
    """
    status, cause = result.get("status"), result.get("cause") and str(result["cause"])
    if status != "completed":
        return status if status in ("pruned", "interrupted") else "failed", cause, None
    found = [_score(folder, result, name) for name in objectives]
    missing = [n for n, v in zip(objectives, found, strict=True) if v is None]
    if missing:
        return "failed", f"the run reports no {', '.join(missing)}", None
    return _finite([float(v) for v in found if v is not None], objectives)


def scores_of(result: dict[str, Any]) -> dict[str, float]:
    """All scores in a trial's ``result.json``, by name; ``train`` and ``val`` are of its best epoch."""
    found = {str(result.get("monitor")): result.get("best_value")}
    for split in ("val", "train"):
        table = result.get(split)
        found |= {f"{split}/{name}": value for name, value in table.items()} if isinstance(table, dict) else {}
    found |= {name: result.get(name) for name in ("best_epoch", "samples_per_second")}
    return {name: number for name, value in found.items() if (number := _number(value)) is not None}


def _score(folder: Path, result: dict[str, Any], name: str) -> float | None:
    """A score from ``result.json``: the monitored one, one of its tables (``val``), or a plain entry.

    What it does not hold is that of the best epoch in ``metrics.jsonl``.
    """
    if name == result.get("monitor"):
        return _number(result.get("best_value"))
    split, _, metric = name.partition("/")
    table = result.get(split)
    if metric and isinstance(table, dict):
        found = table.get(metric, table.get(name))
    else:
        found = result.get(name)
    if found is None:
        epochs = Follower(folder / "metrics.jsonl").lines()
        found = next((row.get(name) for row in epochs if row.get("epoch") == result.get("best_epoch")), None)
    return _number(found)


def _number(value: Any) -> float | None:
    """A number of a file as one; None for anything else that may be there."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


class NoScore(ValueError):
    """A task function returned none of the numbers that a sweep needs; says what it should have been."""


def returned(value: Returned, plan: Plan) -> Verdict:
    """What the numbers that a task returned say.

    A sweep that learns nothing from them does without, and the trial's cause says how they would count.

    Raises:
        NoScore: this sweep can't do without.
    """
    scores, expected = value.scores, len(plan.objectives)
    if isinstance(scores, dict):
        missing = [name for name in plan.objectives if name not in scores]
        if not missing:
            return _finite([scores[name] for name in plan.objectives], plan.objectives)
        lacking = f" but no {missing[0]}" if plan.named else ""
        problem = (
            f"the task function returned scores by name ({', '.join(scores)}){lacking}; "
            f"hydra.sweeper.objectives=[{next(iter(scores))}] says which count"
        )
    elif scores is None:
        problem = f"the task function returned {value.kind}; this sweep needs {counted(expected, 'number')}"
    elif len(scores) == expected:
        return _finite(scores, plan.objectives)
    else:
        problem = (
            f"the task function returned {counted(len(scores), 'number')}, not {expected}; "
            "hydra.sweeper.objectives=[NAME,..] names them in their order"
        )
    if plan.scored:
        raise NoScore(problem)
    return "completed", None if scores is None else problem, None


def _finite(values: Sequence[float], objectives: Sequence[str]) -> Verdict:
    bad = [f"{n} is {v}" for n, v in zip(objectives, values, strict=True) if not math.isfinite(v)]
    return ("failed", f"diverged: {', '.join(bad)}", None) if bad else ("completed", None, list(values))
