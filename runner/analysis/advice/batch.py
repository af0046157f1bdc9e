"""Whether the batch size fits the amount of data."""

from __future__ import annotations

from runner.analysis.advice.finding import Finding, unknown
from runner.analysis.advice.record import Record

PAGE = "docs/techniques.md#batch-growth"
# Updates of a whole run: fewer than this leave adaptive optimizers, whose averages reach back about 1 / (1 - 0.999) =
# 1,000 updates, in the bias correction of their start (Kingma and Ba 2015, section 3).
FEW = 100
FACTOR = 10.0  # as in `diagnostics=[gradient_noise_scale]`


def size(record: Record) -> Finding:
    """Batches that leave few updates, or are far from the gradient noise scale where that was measured."""
    batch, n = record.setting("data.batch_size"), record.examples.get("train")
    if not n or not record.rows or not (batch == "full" or type(batch) is int):
        return unknown("the number of training examples was not recorded")
    accumulate = int(record.amount("trainer.accumulate") or 1)
    per_update = min(n, (n if batch == "full" else batch) * accumulate)
    steps = record.rows[-1]["step"]
    evidence = {"examples_per_update": per_update, "examples": n, "updates": steps}
    said = f"{per_update:,} of {n:,} examples per update, {steps:,} updates in all"
    smaller = ((f"data.batch_size={max(1, n // 32)}",),)
    if batch != "full" and per_update > n / 2 and steps < FEW:
        return Finding("fault", f"the batch is large for these data: {said}", evidence, PAGE, smaller)
    scale = record.values("gradient_noise_scale")
    if scale and not per_update / FACTOR <= scale[-1] <= per_update * FACTOR:
        evidence["gradient_noise_scale"] = scale[-1]
        what = "small" if scale[-1] > per_update else "large"
        says = f"the batch is {what} for the noise of its gradient, {scale[-1]:.0f} examples: {said}"
        near = max(1, min(n, round(scale[-1])))
        return Finding("note", says, evidence, PAGE, ((f"data.batch_size={near}",),))
    return Finding("fine", said, evidence, PAGE)
