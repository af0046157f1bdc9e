"""Gradients that vanish, explode, or are clipped in every step."""

from __future__ import annotations

from runner.analysis.advice.baseline import learnt
from runner.analysis.advice.finding import Finding, fine, unknown
from runner.analysis.advice.record import Record

# As in `diagnostics=[gradient_norm]`: relative to the weights, and to the last layer, nearest to the loss (Glorot and
# Bengio 2010, section 4.2).
VANISHING = 1e-3
# Clipping that acts in more than this share of the updates no longer bounds outliers: it sets the rate (Pascanu et al.
# 2013, section 3.2, put the threshold at the norms' average and more).
ALWAYS = 0.95
LOOKS = 5


def size(record: Record) -> Finding:
    """Layers that get next to no gradient, in a network that has not learnt."""
    page = "docs/effects.md#vanishing-gradients"
    layers = {n: g for n, g in record.layers("gradients").items() if type(g) in (int, float) and g >= 0}
    if len(layers) < 2:
        return unknown("gradients by layer were not recorded, or there is one layer")
    name, last = min(layers, key=layers.__getitem__), list(layers)[-1]
    ratio = layers[name] / layers[last] if layers[last] else float("inf")
    said = f"relative to their weights {name} has a gradient of {layers[name]:.2g}, {last} one of {layers[last]:.2g}"
    evidence = {name: layers[name], last: layers[last]}
    if ratio >= VANISHING:
        return Finding("fine", said, evidence, page)
    found = learnt(record)
    if found is None or found[0].skill(found[1]) > 0.5:  # where little is left to learn, gradients are small anywhere
        return fine(f"{said}, and the network has learnt" if found else said, **evidence)
    tries: list[tuple[str, ...]] = []
    if record.setting("model.activation") not in (None, "relu"):
        tries.append(("init=he", "model.activation=relu"))
    if record.setting("model.norm") == "none":
        tries.append(("model.norm=batch",))
    return Finding("fault", f"gradients vanish: {said}", evidence, page, tuple(tries))


def clipping(record: Record) -> Finding:
    """Clipping that acts at every log interval."""
    page = "docs/training.md#clipping"
    limit = record.amount("trainer.clip_norm")
    if limit is None:
        return fine("no trainer.clip_norm")
    norms = record.gradient_norms
    if len(norms) < LOOKS:
        return unknown(f"{len(norms)} norms of the gradients were recorded, too few to tell")
    share = sum(norm > limit for norm in norms) / len(norms)
    middle = sorted(norms)[len(norms) // 2]
    said = (
        f"the norm was above trainer.clip_norm={limit:g} in {share:.0%} of {len(norms)} looks, its median {middle:.3g}"
    )
    evidence = {"clip_norm": limit, "share": share, "median": middle, "looks": len(norms)}
    if share < ALWAYS:
        return Finding("fine", said, evidence, page)
    tries = ((f"trainer.clip_norm={2 * middle:.2g}",),)
    return Finding("fault", f"gradients are clipped in nearly every step: {said}", evidence, page, tries)
