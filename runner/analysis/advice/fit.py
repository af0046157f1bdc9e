"""Whether the network fits too much, too little, or nothing at all."""

from __future__ import annotations

import math

from runner.analysis.advice.baseline import Baseline, baselines, learnt, loss_scale
from runner.analysis.advice.finding import Finding, unknown
from runner.analysis.advice.record import Record

# Generalization loss, the share by which the validation loss lies above its lowest: from a tenth on, as in
# `diagnostics=[overfitting]` (Prechelt 1998, "Early Stopping - But When?", section 2), and the training loss by as much
# below what it was then.
RISE = 0.1
# Differences of losses below this share of what a predictor without inputs has are of no consequence.
NEGLIGIBLE = 0.01
# A network that went less than this share of the way from the trivial predictor to a perfect one has learnt little.
LITTLE = 0.2


def trivial(record: Record) -> Finding:
    """Whether any epoch was better than a predictor that looks at no input."""
    page = "docs/tasks.md"
    known = [(b, _best(record, b)) for b in baselines(record)]
    if not known:
        return unknown("no trivial predictor is known for this task")
    told = [(b, v) for b, v in known if v is not None]
    if not told:
        return unknown("nothing was evaluated")
    base, value = max(told, key=lambda pair: pair[0].skill(pair[1]))
    evidence = {f"val/{base.score}": value, "trivial": base.value}
    said = f"best val/{base.score} {value:.3g}, where {base.predictor} would have {base.value:.3g}"
    if base.skill(value) > _luck(record, base):
        return Finding("fine", said, evidence, page)
    return Finding("fault", f"no epoch is better than the trivial predictor: {said}", evidence, page, _slower(record))


def too_much(record: Record) -> Finding:
    """A validation loss that rises while the training loss falls, or a gap that is no chance."""
    page = "docs/regularization.md"
    val = record.curve("val/loss")
    train = dict(record.curve("train/loss"))
    pairs = [(epoch, train[epoch], loss) for epoch, loss in val if epoch in train]
    if len(pairs) < 3:
        return unknown(f"{len(pairs)} epochs were evaluated, which make no trend")
    best = min(range(len(pairs)), key=lambda i: pairs[i][2])
    epoch, train_best, lowest = pairs[best]
    last, train_last, end = pairs[-1]
    evidence = {
        "best_epoch": epoch,
        "lowest_val_loss": lowest,
        "last_val_loss": end,
        "train_loss_then": train_best,
        "last_train_loss": train_last,
    }
    scale = loss_scale(record)
    lately = pairs[best:][-max(1, (len(pairs) - best) // 2) :]  # the later half of what came after the best
    risen = sum(loss for *_, loss in lately) / len(lately) - lowest
    if (
        risen > RISE * abs(lowest)
        and risen > NEGLIGIBLE * (scale or 0.0)
        and end > (1 + RISE) * lowest
        and train_last < (1 - RISE) * train_best
    ):
        return Finding(
            "fault",
            f"overfits: since epoch {epoch} val/loss rose from {lowest:.3g} to {end:.3g} (epoch {last}) while "
            f"train/loss fell from {train_best:.3g} to {train_last:.3g}",
            evidence,
            page,
            _stop(record),
            _regularize(record),
        )
    return _gap(record, evidence) or Finding(
        "fine",
        f"val/loss {end:.3g} at the end, lowest {lowest:.3g} in epoch {epoch}; train/loss {train_last:.3g}",
        evidence,
        page,
    )


def _gap(record: Record, evidence: dict[str, float]) -> Finding | None:
    """A difference in accuracy between training and validation of a tenth that three standard errors do not cover."""
    train, val = record.number("train.accuracy"), record.number("val.accuracy")
    n, m = record.examples.get("train"), record.examples.get("val")
    if train is None or val is None or not n or not m or record.task != "classification":
        return None
    error = math.sqrt(train * (1 - train) / n + val * (1 - val) / m)
    if train - val <= max(0.1, 3 * error):
        return None
    return Finding(
        "fault",
        f"overfits: train/accuracy {train:.3g} and val/accuracy {val:.3g}, a gap of {(train - val) / error:.1f} "
        "standard errors",
        {**evidence, "train/accuracy": train, "val/accuracy": val, "standard_error": error},
        "docs/regularization.md",
        _stop(record),
        _regularize(record),
    )


def too_little(record: Record) -> Finding:
    """A training score that is hardly better than that of the trivial predictor."""
    page = "docs/training.md#which-learning-rate-which-batch-size"
    found = learnt(record)
    if found is None:
        return unknown("no trivial predictor is known for this task")
    base, value = found
    skill = base.skill(value)
    said = f"train/{base.score} {value:.3g} at the end, where {base.predictor} would have {base.value:.3g}"
    evidence = {f"train/{base.score}": value, "trivial": base.value, "skill": skill}
    if skill >= LITTLE:
        return Finding("fine", said, evidence, page)
    tries = [(f"trainer.max_epochs={4 * (record.setting('trainer.max_epochs') or 1)}",)]
    hidden = record.setting("model.hidden")
    if isinstance(hidden, list) and hidden and all(type(width) is int for width in hidden):
        tries.append((f"model.hidden=[{','.join(str(4 * width) for width in hidden)}]",))
    return Finding("fault", f"fits too little: {said}", evidence, page, tuple(tries))


def _best(record: Record, base: Baseline) -> float | None:
    values = record.values(f"val/{base.score}")
    return max(values, key=base.skill) if values else None


def _luck(record: Record, base: Baseline) -> float:
    """Skill that a trivial predictor may have by chance: two standard errors of a share, nothing of other scores."""
    m = record.examples.get("val")
    if base.score != "accuracy" or not m:
        return 0.0
    return 2 * math.sqrt(base.value * (1 - base.value) / m) / (base.best - base.value)


def _stop(record: Record) -> tuple[tuple[str, ...], ...]:
    """To end where the validation loss rises: that saves the time, whatever it does to the score."""
    have = record.chosen
    if {"early_stopping", "snapshot"}.intersection(have):
        return ()
    return ((f"regularization=[{','.join([*have, 'early_stopping'])}]",),)


def _regularize(record: Record) -> tuple[tuple[str, ...], ...]:
    """Whether a technique more helps, and whether weight decay does."""
    have, model = record.chosen, record.setting("model") or {}
    fresh = [] if "dropout" in have or "dropout" not in model or model["dropout"] else ["dropout"]
    if record.task == "classification" and "label_smoothing" not in have:
        fresh.append("label_smoothing")
    arms = [f"[{','.join(names)}]" for names in (have, *([*have, name] for name in fresh))]
    asks = [(f"regularization={','.join(arms)}",)] if fresh else []
    if record.setting("optimizer.weight_decay") == 0:
        asks.append(("optimizer.weight_decay=0,0.01",))
    return tuple(asks)


def _slower(record: Record) -> tuple[tuple[str, ...], ...]:
    rate = record.amount("optimizer.lr")
    return ((f"optimizer.lr={rate / 10:g}",), (f"optimizer.lr={rate * 10:g}",)) if rate else ()
