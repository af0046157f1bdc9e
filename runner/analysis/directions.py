"""Whether less or more of a score is better."""

from __future__ import annotations

from runner.engine.metric import Direction

# What a run says of itself beside its scores.
OF_THE_RUN: dict[str, Direction] = {"samples_per_second": "max", "seconds": "min", "parameters": "min"}


def direction_of(score: str) -> Direction | None:
    """The direction in which a score such as ``val/accuracy`` improves; None where it is none of ours."""
    from runner.metric import all_metrics

    part, _, name = score.partition("/")
    if not name:
        return OF_THE_RUN.get(score)
    if part not in ("train", "val", "test"):
        return None
    metric = all_metrics().get(name)
    return "min" if name == "loss" else metric.direction if metric else None
