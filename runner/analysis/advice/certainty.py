"""How sure the scores are: calibration, seeds, the size of what they were measured on."""

from __future__ import annotations

import math
import re
from pathlib import Path

from runner.analysis.advice.finding import Finding, fine, unknown
from runner.analysis.advice.record import Record
from runner.analysis.run import number
from runner.record.reading import read_yaml

MISCALIBRATED = 0.05  # a confidence that is five percent off is what people act on
SURE = 0.05  # half the width of a 95 % interval from which on a difference between runs is hard to see
SIBLINGS = 1000  # folders that are looked at beside the run
_SEED = re.compile(r"^seed: .*$", re.MULTILINE)


def calibration(record: Record) -> Finding:
    """An expected calibration error that its noise does not explain."""
    page = "docs/techniques.md#regularization"
    if record.task is not None and record.task not in ("classification", "nodes"):
        return fine("only classes have a confidence that can be held against them")
    bins = _bins(record)
    if not bins:
        return unknown("no evaluation of the confidence was written (trainer.evaluation=summary)")
    n, part = sum(count for count, *_ in bins), str(record.evaluation.get("part"))
    ece = sum(count * abs(right - sure) for count, sure, right in bins) / n
    over = sum(count * (sure - right) for count, sure, right in bins) / n
    # Of a calibrated network the share that is right in a bin has the deviation √(c (1 - c) / n_b). The size of
    # a normal deviation is 0.8 of that in the mean and varies by 0.6: the error of chance, and twice what it varies by.
    noise = [count / n * math.sqrt(max(sure * (1 - sure), 0.0) / count) for count, sure, _ in bins]
    chance = 0.8 * sum(noise) + 2 * 0.6 * math.hypot(*noise)
    said = f"ECE {ece:.3g} on {n:,} examples of {part}, where chance alone explains up to {chance:.2g}"
    evidence = {"ece": ece, "chance": chance, "confidence_over_accuracy": over, "examples": n}
    if ece <= max(MISCALIBRATED, chance):
        return Finding("fine", said, evidence, page)
    have = record.chosen
    if over <= 0:  # as after label smoothing, mixup or few epochs: what is told is right more often than it says
        return Finding("note", f"less sure than right: {said}", evidence, page)
    fresh = "label_smoothing" not in have and record.task == "classification"
    arms = f"[{','.join(have)}],[{','.join([*have, 'label_smoothing'])}]"
    measured = f"metric=[{','.join(dict.fromkeys([*record.metrics, 'ece']))}]"
    asks = ((f"regularization={arms}", measured, "--score", "ece"),) if fresh else ()
    return Finding("fault", f"badly calibrated, surer than right: {said}", evidence, page, asks=asks)


def _bins(record: Record) -> list[tuple[int, float, float]]:
    """Of each bin of the reliability diagram that has examples: their number, mean confidence, share that is right."""
    rows = record.evaluation.get("calibration")
    found = []
    for row in rows if isinstance(rows, list) else ():
        told = row if isinstance(row, dict) else {}
        count, sure, right = (number(told.get(name)) for name in ("count", "confidence", "accuracy"))
        if count is not None and sure is not None and right is not None and count >= 1 and 0 <= sure <= 1:
            found.append((int(count), sure, right))
    return found


def seeds(record: Record) -> Finding:
    """Runs beside this one that differ in the seed alone."""
    page = "docs/ablation.md"
    seed = record.setting("seed")
    others = _siblings(record.path)
    score = str(record.result.get("monitor") or record.setting("monitor") or "")
    if others:
        said = f"{len(others)} run(s) beside it differ in the seed alone: {', '.join(sorted(others)[:3])}"
        return fine(said, runs=1 + len(others))
    says = (
        f"one seed: how much {score or 'its score'} changes with another is not known, so that one run which comes out "
        "better shows little; `ablate` makes several of each choice and says which helps"
    )
    tries = tuple((f"seed={seed + k}",) for k in range(1, 3)) if type(seed) is int else ()
    return Finding("note", says, {"runs": 1}, page, tries)


def validation(record: Record) -> Finding:
    """How precisely the validation part can tell runs apart, and whether it was looked at."""
    page = "docs/data.md#splits"
    n, looks = record.examples.get("val"), len(record.curve("val/loss"))
    if not n:
        return unknown("the number of validation examples was not recorded")
    evidence: dict[str, float] = {"examples": n, "evaluations": looks}
    if record.epochs > 1 and looks <= 1:
        says = f"{looks} evaluation in {record.epochs} epochs: nothing was chosen by validation"
        return Finding("fault", says, evidence, page, (("trainer.eval_every=1",),))
    share = record.number("val.accuracy")
    if share is None or record.task != "classification":
        return fine(f"{n:,} examples, {looks} evaluations", **evidence)
    half = 1.96 * math.sqrt(max(share * (1 - share), 1 / (4 * n)) / n)
    said = f"val/accuracy {share:.3g} of {n:,} examples is known to ± {half:.2g} (95 %)"
    evidence["half_width"] = half
    if half <= SURE or record.setting("data.folds"):
        return Finding("fine", said, evidence, page)
    return Finding("note", f"the validation part is small: {said}", evidence, page, (("data.folds=5",),))


def _siblings(folder: Path) -> list[str]:
    """Names of the run folders beside one whose configuration is the same with another seed."""

    def read(place: Path) -> tuple[str, str]:
        try:
            text = read_yaml(place / "config.yaml")
        except (OSError, ValueError):
            return "", ""
        seed = _SEED.search(text)
        return _SEED.sub("", text, count=1), seed[0] if seed else ""

    place = folder.resolve()
    own, seed = read(place)
    beside = [(other.name, *read(other)) for other in sorted(place.parent.iterdir(), reverse=True)[:SIBLINGS]]
    return [name for name, text, drawn in beside if own and text == own and drawn != seed]
