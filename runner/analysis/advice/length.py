"""Whether the run was long enough, and its schedule came to its end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from runner.analysis.advice.baseline import loss_scale
from runner.analysis.advice.finding import Finding, fine, unknown
from runner.analysis.advice.record import Record

# Behind the half of all rates together (Σ lr, what moves the weights), a run that has still won a tenth of what a
# predictor without inputs has would win about as much with as long a run again. The last epochs of a schedule, whose
# rate is next to nothing, don't hide that.
STILL = 0.1
# Schedules that are made to end low, and the share of the rate that counts as low: that of a cosine in the last tenth.
FALLING = ("Cosine", "Linear", "Polynomial", "OneCycle", "WSD")
LOW = 0.05


def length(record: Record) -> Finding:
    """Training and validation loss that both still fall when the run ends."""
    page = "docs/training.md#where-a-run-ends"
    rows = [row for row in record.rows if all(name in row for name in ("train/loss", "val/loss", "lr"))]
    curves = [[row[name] for row in rows] for name in ("train/loss", "val/loss", "lr")]
    if len(rows) < 2 or any(type(value) not in (int, float) for curve in curves for value in curve):
        return unknown("fewer than two epochs were evaluated, which make no trend")
    train, val, rates = curves
    half = spent_half(rates)
    scale = loss_scale(record) or abs(train[0]) or 1.0
    falls = [(curve[half] - curve[-1]) / scale for curve in (train, val)]
    evidence = {"train_fall": falls[0], "val_fall": falls[1], "epochs": record.epochs}
    said = (
        f"from epoch {rows[half]['epoch']} to {rows[-1]['epoch']} train/loss went from {train[half]:.3g} to "
        f"{train[-1]:.3g}, val/loss from {val[half]:.3g} to {val[-1]:.3g}"
    )
    if min(falls) < STILL or val[-1] > min(val):
        return Finding("fine", said, evidence, page)
    epochs = record.setting("trainer.max_epochs")
    tries = ((f"trainer.max_epochs={4 * epochs}",),) if type(epochs) is int else ()
    steps = record.setting("trainer.max_steps")
    if type(steps) is int:
        tries = ((f"trainer.max_steps={4 * steps}", *(tries[0] if tries else ())),)
    return Finding("fault", f"too short, it still improves: {said}", evidence, page, tries)


def spent_half(rates: Sequence[float]) -> int:
    """The place of the first epoch, not the last, at whose end half of the sum of all rates was spent.

    Args:
        rates: at the end of each epoch, at least two.
    """
    half = next(place for place, total in enumerate(accumulate(rates)) if total >= sum(rates) / 2)
    return min(half, len(rates) - 2)


def schedule(record: Record) -> Finding:
    """A schedule that is made to end low and was left before."""
    page = "docs/techniques.md#schedules-of-the-learning-rate"
    rates, kind = record.values("lr"), record.kind("scheduler")
    if not rates or kind not in FALLING:
        return fine(f"scheduler {kind or '?'} is not made to end low")
    if "swa" in record.chosen:
        return fine("swa holds the rate at the end")
    peak = max([*rates, record.amount("optimizer.lr") or 0.0])
    if not peak:
        return unknown("no rate was recorded")
    share = rates[-1] / peak
    planned = record.setting("trainer.max_epochs")
    evidence = {"last_lr": rates[-1], "highest_lr": peak, "epochs": record.epochs, "max_epochs": planned}
    said = (
        f"{kind} ended at {rates[-1]:.2g}, {share:.0%} of its highest rate, after {record.epochs} of {planned} epochs"
    )
    low = max(LOW, 1.1 * (record.amount("scheduler.eta_min") or 0.0) / peak, _end_factor(record))
    if share <= low:
        return Finding("fine", said, evidence, page)
    cause = record.result.get("cause")
    if isinstance(cause, str) and cause:
        said += f" ({cause})"
    if record.status != "completed" or (type(planned) is int and record.epochs < planned):
        fits = ((f"trainer.max_epochs={record.epochs}",),) if record.epochs else ()
        return Finding("note", f"the schedule did not come to its end: {said}", evidence, page, fits)
    tries = (("scheduler.T_max=null",),) if record.setting("scheduler.T_max") else ()
    return Finding("fault", f"the schedule did not come to its end: {said}", evidence, page, tries)


def _end_factor(record: Record) -> float:
    return 1.1 * (record.amount("scheduler.end_factor") or 0.0)
