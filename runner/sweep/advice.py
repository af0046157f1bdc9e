"""What the numbers of a sweep mean, in words."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from runner.errors import counted
from runner.sweep.folder import shown
from runner.sweep.samplers import Listed
from runner.sweep.space import Dimension

if TYPE_CHECKING:
    from runner.sweep.driver import Driver

EDGE = 0.02  # share of a range that counts as its edge
NIL = 0.01  # share of the variance that counts as nothing
ENOUGH = 20  # completed points before importances mean something


def advice(driver: Driver) -> list[str]:
    """Warnings about a sweep, each a sentence; none when there is nothing to say."""
    points = driver.results()
    completed = [p for p in points if p.status == "completed"]
    space = driver.plan.space
    found = []
    lost = sum(t.status in ("failed", "pruned") for t in driver.trials.values())
    if driver.trials and lost > len(driver.trials) / 2:
        found.append(f"Most trials failed or were pruned ({lost} of {len(driver.trials)}): the rest may say little.")
    needed = min(ENOUGH, driver.points, 5 * len(space.dimensions))
    if len(completed) < needed:
        keys, what = counted(len(space.dimensions), "searched key"), "trials" if driver.plan.repeats == 1 else "points"
        found.append(f"Too few {what} to tell: {len(completed)} completed for {keys}.")
    if unused := next((t.cause for t in driver.trials.values() if t.status == "completed" and t.cause), None):
        found.append(f"{unused[0].upper()}{unused[1:]}. No trial has a score without that.")
    found += stopped_too_early(driver)
    if isinstance(driver.plan.sampler, Listed):
        return found  # nothing was searched for
    if driver.plan.protocol and driver.plan.repeats == 1 and len(completed) > 1:
        found.append(
            f"The best of {len(completed)} single runs is so by luck too; on fresh seeds: "
            f"python -m runner sweeps {shlex.quote(shown(driver.folder.path))} --confirm 5"
        )
    if len(driver.plan.objectives) == 1 and (front := driver.best()):
        params = front[0].trials[0].params
        for dimension in space.dimensions:
            if dimension.key in params and (end := edge(dimension, params[dimension.key])):
                found.append(f"The best {dimension.key} lies on the {end} edge of {dimension.summary()}: widen it.")
    if len(completed) >= ENOUGH and len(driver.plan.objectives) == 1 and len(space.dimensions) > 1:
        from runner.sweep.importance import importances

        kinds = {d.key: {"kind": d.kind, "log": d.log} for d in space.dimensions}
        pairs = [(p.trials[0].params, p.values[0]) for p in completed if p.values]
        for key, share in importances(kinds, pairs).items():
            if share < NIL:
                found.append(f"{key} made no difference in this range (importance {share:.2g}): it may be left out.")
    return found


def stopped_too_early(driver: Driver) -> Iterator[str]:
    """Why trials that were stopped with a better score than the best one's are not the best."""
    plan, front = driver.plan, driver.best()
    stopped = [t for t in driver.trials.values() if t.status == "pruned" and t.values]
    if stopped and not front:
        yield "No trial ran to its end, so none is the best. Take more points, or a pruner that lets more go on."
    if not front or len(plan.objectives) > 1:
        return
    limit, (sign,), (name,) = (front[0].values or [math.inf])[0], plan.signs, plan.objectives
    better = sorted((sign * t.values[0], t.number) for t in stopped if t.values and sign * t.values[0] < sign * limit)
    if better:
        trial = driver.trials[better[0][1]]
        others = f" ({counted(len(better) - 1, 'other')} too)" if len(better) > 1 else ""
        yield (
            f"Trial {trial.number} was stopped at {name} {sign * better[0][0]:.6g}{others}, better than the best "
            f"one's {limit:.6g}: only trials that ran to their end count. It was stopped at {trial.cause}."
        )


def edge(dimension: Dimension, text: str) -> str | None:
    """``lower`` or ``upper`` when a value lies on the edge of what has an order; None otherwise."""
    if dimension.kind == "choice":
        return None
    if dimension.kind == "range":
        numbers: list[float] = sorted(float(v) for v in dimension.natives if v is not None)
        low, high, value = numbers[0], numbers[-1], float(text)
        return None if len(numbers) < 3 else "lower" if value <= low else "upper" if value >= high else None
    low, high, value = dimension.low, dimension.high, float(text)
    if dimension.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    share = (value - low) / (high - low)
    return "lower" if share < EDGE else "upper" if share > 1 - EDGE else None
