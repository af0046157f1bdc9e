"""Units that have stopped learning."""

from __future__ import annotations

from typing import Any

from runner.analysis.advice.baseline import learnt
from runner.analysis.advice.finding import Finding, unknown
from runner.analysis.advice.record import Record

PAGE = "docs/effects.md#dead-relu"
# Of a layer. A unit that most layers can spare is no fault: a relu that starts with a negative bias may be dead from
# the start, and up to a tenth are at a healthy rate (docs/effects.md, rate 0.001: 10 %).
DEAD = 0.5
SATURATED = 0.5  # as in `diagnostics=[dead_units]` (Glorot and Bengio 2010, section 3)
ENOUGH = 0.95  # of the way from a predictor without inputs to a perfect one: the dead units were not needed
LEAST = 8  # units of a layer of which a share means something


def alive(record: Record) -> Finding:
    """Layers of which half of the units are dead, or half of the values saturated."""
    layers = {n: u for n, u in record.layers("units").items() if isinstance(u, dict)}
    if not layers:
        return unknown("the network has no hidden units that were looked at")
    dead, dead_at = _worst(layers, "dead")
    flat, flat_at = _worst(layers, "saturated")
    evidence = {"dead": dead, "layer": dead_at, "saturated": flat}
    examples = record.observed("examples")
    if dead >= DEAD:
        says = f"dead units: {dead:.0%} of layer {dead_at} send no gradient back for any of {examples} examples"
        found = learnt(record)
        if found and found[0].skill(found[1]) >= ENOUGH:
            return Finding("note", f"{says}; the others have learnt without them", evidence, PAGE, _revive(record))
        return Finding("fault", says, evidence, PAGE, _revive(record))
    if flat >= SATURATED:
        says = f"saturated units: {flat:.0%} of the values of layer {flat_at} lie where the activation is flat"
        return Finding("fault", says, {**evidence, "layer": flat_at}, PAGE, _steepen(record))
    at = f", at most, in layer {dead_at}" if dead else ""
    return Finding("fine", f"{dead:.0%} of the units are dead{at}", evidence, PAGE)


def _worst(layers: dict[str, Any], key: str) -> tuple[float, str]:
    shares = {
        name: float(found[key])
        for name, found in layers.items()
        if type(found.get(key)) in (int, float) and type(found.get("units")) is int and found["units"] >= LEAST
    }
    if not shares:
        return 0.0, ""
    name = max(shares, key=shares.__getitem__)
    return shares[name], name


def _revive(record: Record) -> tuple[tuple[str, ...], ...]:
    tries = []
    if record.setting("model.activation") == "relu":
        tries.append(("model.activation=leaky_relu",))
    if rate := record.amount("optimizer.lr"):
        tries.append((f"optimizer.lr={rate / 10:g}",))
    if record.setting("model.norm") == "none":
        tries.append(("model.norm=batch",))
    return tuple(tries)


def _steepen(record: Record) -> tuple[tuple[str, ...], ...]:
    tries = [("init=xavier",)]
    if record.setting("model.norm") == "none":
        tries.append(("model.norm=batch",))
    return tuple(tries)
