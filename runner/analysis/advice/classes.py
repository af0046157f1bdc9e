"""Whether some classes are rare, and whether the network sees them."""

from __future__ import annotations

import math

from runner.analysis.advice.finding import Finding, fine, unknown
from runner.analysis.advice.record import Record

# Of an equal share. With two classes that is a minority of 20 %, below which an imbalance is no longer called mild:
# https://developers.google.com/machine-learning/crash-course/overfitting/imbalanced-datasets (mild 20-40 %, moderate
# 1-20 %, extreme below 1 %).
RARE = 0.4
EXTREME = 0.01


def balance(record: Record) -> Finding:
    """Classes with few training examples, where nothing weighs them."""
    page = "docs/data.md#splits"
    counts = record.counts("train_counts")
    if counts is None:
        return unknown("targets are no classes, or their numbers are not known")
    equal = sum(counts) / len(counts)
    rarest, most = min(range(len(counts)), key=counts.__getitem__), max(range(len(counts)), key=counts.__getitem__)
    evidence: dict[str, float] = {record.class_name(number): counts[number] for number in (rarest, most)}
    said = (
        f"{record.class_name(rarest)!r} has {counts[rarest]:,} of {sum(counts):,} training examples, "
        f"{record.class_name(most)!r} {counts[most]:,}"
    )
    if counts[rarest] >= RARE * equal:
        return Finding("fine", said, evidence, page)
    if record.setting("loss.weight") is not None:
        return Finding("note", f"classes are unbalanced: {said}; the loss weighs them (loss.weight)", evidence, page)
    seen, shown = _shown(record)
    said, evidence = f"classes are unbalanced: {said}{seen}", {**evidence, **shown}
    if not shown.get("shows") and counts[rarest] >= EXTREME * sum(counts):
        return Finding("note", said, evidence, page)
    tries = (("loss=cross_entropy", "loss.weight=balanced"), ("monitor=val/balanced_accuracy",))
    known = record.kind("loss") in ("Auto", "CrossEntropy")
    return Finding("fault", said, evidence, "docs/techniques.md#losses", tries if known else tries[1:])


def _shown(record: Record) -> tuple[str, dict[str, float]]:
    """Whether the mean recall over classes lies below the accuracy by two standard errors of it or more."""
    there, right = record.counts("val_counts"), record.counts("val_right")
    if there is None or right is None or len(there) != len(right):
        return "", {}
    classes = [(k / n, (k + 1) / (n + 2), n) for k, n in zip(right, there, strict=True) if n]
    recall = sum(share for share, _, _ in classes) / len(classes)
    # of each class by Laplace's rule, so that one that is never right is not known for certain
    error = math.sqrt(sum(p * (1 - p) / n for _, p, n in classes)) / len(classes)
    accuracy = sum(right) / sum(there)
    shows = accuracy - recall > 2 * error
    said = f"; of validation {accuracy:.1%} is right, and {recall:.1%} ± {error:.1%} in the mean over classes"
    return said, {"accuracy": accuracy, "balanced_accuracy": recall, "standard_error": error, "shows": shows}


def predicted(record: Record) -> Finding:
    """Classes that were there in the last evaluation, and that the network never told."""
    page = "docs/techniques.md#losses"
    there, told = record.counts("val_counts"), record.counts("val_predicted")
    if there is None or told is None or len(there) != len(told):
        return unknown("targets are no classes, or nothing was evaluated")
    # Of n examples a network that is right as often as the others would have missed all with a chance below 1/20.
    rate = record.number("val.accuracy") or 0.0
    enough = math.log(0.05) / math.log1p(-min(max(rate, 0.05), 0.95))
    missed = [n for n, count in enumerate(there) if count >= enough and not told[n]]
    if not missed:
        return fine(f"each of {len(there)} classes was predicted" if all(told) else "no class with examples is missed")
    names = ", ".join(repr(record.class_name(n)) for n in missed[:3]) + (", ..." if len(missed) > 3 else "")
    evidence = {record.class_name(n): there[n] for n in missed[:10]}
    return Finding(
        "fault",
        f"{len(missed)} of {len(there)} classes never predicted in the last evaluation: {names} "
        f"({sum(there[n] for n in missed):,} of {sum(there):,} examples)",
        evidence,
        page,
        (("loss=cross_entropy", "loss.weight=balanced"),) * (record.setting("loss.weight") is None),
    )
