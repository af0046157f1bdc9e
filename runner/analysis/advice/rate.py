"""Whether the learning rate is too high or too low."""

from __future__ import annotations

import math
from itertools import pairwise

from runner.analysis.advice.baseline import loss_scale
from runner.analysis.advice.finding import Finding, unknown
from runner.analysis.advice.length import spent_half
from runner.analysis.advice.record import Record
from runner.diagnostics.oscillation import swing, turns

PAGE = "docs/training.md#which-learning-rate-which-batch-size"
# As in `diagnostics=[oscillation]`: independent noise turns at two thirds of the epochs (Kendall 1973). Twice as large
# a swing is asked for, of training and validation both: draws of dropout or mixup make a training loss turn as well.
EPOCHS, TURNING, SWING = 8, 0.6, 0.2
# As in `diagnostics=[divergence]` (LeCun et al. 1998, "Efficient BackProp", section 4.6).
RISE = 2.0
# A loss below this share of that of the trivial predictor may go up and down as it likes.
NEGLIGIBLE = 0.05
# Where a loss falls in all epochs, in the second half of all rates together as much as in the first, the network went
# straight on and has come nowhere yet. Fewer updates than a hundred say more of the length than of the rate: with
# Bengio's rule (2012, section 4.1) an update changes weights by a thousandth of them, so that a hundred change them by
# a tenth at least.
STRAIGHT = 0.5
UPDATES, MANY_EPOCHS = 100, 8


def rate(record: Record) -> Finding:
    """A loss that overflows, grows, or goes up and down; one that falls steadily and has hardly fallen."""
    lr = record.amount("optimizer.lr")
    lower = ((f"optimizer.lr={lr / 10:g}",),) if lr else ()
    cause = str(record.result.get("cause") or "")
    if record.status == "failed" and cause.startswith("non-finite loss"):
        return _fault(f"too high: {cause}, at optimizer.lr={lr:g}" if lr else cause, {"lr": lr}, lower)
    losses = record.values("train/loss")
    if len(losses) < 2:
        return unknown("fewer than two epochs were completed, which make no trend")
    scale = loss_scale(record) or losses[0]
    first, last, lowest = losses[0], losses[-1], min(losses)
    evidence = {"lr": lr, "first_train_loss": first, "lowest_train_loss": lowest, "last_train_loss": last}
    at = f" at optimizer.lr={lr:g}" if lr else ""
    begun, highest = record.number("observed.first_loss"), record.number("observed.highest_loss")
    if begun is not None and highest is not None and highest > _jump(record) * abs(begun):
        return _fault(
            f"too high: the loss of an update rose to {highest:.3g}, from {begun:.3g} before the first{at}",
            {**evidence, "first_loss": begun, "highest_loss": highest},
            lower,
        )
    cycles = record.kind("scheduler") in ("Cyclic", "CosineRestarts") or "snapshot" in record.chosen
    if last - lowest > max((RISE - 1) * abs(lowest), NEGLIGIBLE * scale) and not cycles:
        return _fault(
            f"too high: train/loss rose from {lowest:.3g} in epoch {1 + losses.index(lowest)} to {last:.3g}{at}",
            evidence,
            lower,
        )
    swings = [_swing(record.values(name), NEGLIGIBLE * scale) for name in ("train/loss", "val/loss")]
    if min(swings) >= SWING and not cycles:
        return _fault(
            f"too high: train/loss goes up and down by {swings[0]:.0%} of itself over the last {EPOCHS} epochs, "
            f"val/loss by {swings[1]:.0%}{at}",
            {**evidence, "train_swing": swings[0], "val_swing": swings[1]},
            lower,
        )
    falling = sum(b < a for a, b in pairwise(losses)) / (len(losses) - 1)
    steps = record.rows[-1]["step"]
    half = spent_half(record.values("lr")) if len(record.values("lr")) == len(losses) else None
    straight = half is not None and losses[half] - last >= STRAIGHT * (first - losses[half])
    if falling >= 0.9 and straight and last > scale / 2 and steps >= UPDATES and len(losses) >= MANY_EPOCHS:
        return _fault(
            f"too low: train/loss fell in {falling:.0%} of the epochs, and in {steps:,} updates only from {first:.3g} "
            f"to {last:.3g}{at}",
            {**evidence, "updates": steps, "falling": falling},
            ((f"optimizer.lr={lr * 10:g}",),) if lr else (),
        )
    return Finding("fine", f"train/loss from {first:.3g} in the first epoch to {last:.3g}{at}", evidence, PAGE)


def _swing(losses: list[float], least: float) -> float:
    """The mean step between the last epochs as a share of the loss, where it turns at most of them; else 0."""
    late = losses[-EPOCHS:]
    enough = len(late) == EPOCHS and sum(late) / EPOCHS > least
    return swing(late) if enough and turns(late) >= TURNING else 0.0


def _jump(record: Record) -> float:
    """How many times the first loss the loss of a batch must be to be no chance.

    The mean of b squared normal errors has a relative deviation of √(2/b): four of them, and twice at least.
    """
    batch = record.setting("data.batch_size")
    return max(RISE, 1 + 4 * math.sqrt(2 / batch)) if type(batch) is int and batch > 0 else RISE


def _fault(says: str, evidence: dict[str, float | None], tries: tuple[tuple[str, ...], ...]) -> Finding:
    return Finding("fault", f"the learning rate is {says}", evidence, PAGE, tries)
