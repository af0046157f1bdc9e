"""The report of an ablation: does it help, and how sure is that."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path

from runner.analysis.report.arms import arms_table, interim, runs_table, scores_table, tuned
from runner.analysis.report.document import (
    Block,
    Point,
    Report,
    Section,
    Words,
    facts,
)
from runner.analysis.report.pictures import arms_drawn, curves_of_arms
from runner.analysis.report.provenance import caveats, command, configuration, failures, how_to_reproduce
from runner.analysis.report.reading import listed, text, texts
from runner.analysis.report.told import Told
from runner.analysis.report.verdicts import mark, sentence
from runner.analysis.run import Run
from runner.analysis.run import number as finite
from runner.analysis.statistics import SHARED, detectable
from runner.errors import counted

VERDICTS = {  # in the order in which they are counted
    "better": "better",
    "equivalent": "equivalent",
    "worse": "worse",
    "no difference shown": "without a difference shown",
    "too few runs": "with too few runs",
    "not judged yet": "not judged yet",
}


def report(folder: Path) -> Report:
    """What an ablation came to.

    Raises:
        ConfigError: its ``ablation.json`` is damaged.
    """
    told = Told.read(folder)
    return Report(
        "Ablation",
        folder.resolve().name,
        _question(told),
        _about(told),
        _answer(told),
        [
            Section("Arms", [*arms_drawn(told.record), arms_table(told), Words(_legend(told))]),
            *tuned(told),
            *caveats(_caveats(told)),
            *interim(told),
            *_curves(told),
            Section("All scores", [scores_table(told)], folded=True),
            Section("Runs", [runs_table(told)], folded=True),
            *failures(told.folders),
            *_configuration(told),
            how_to_reproduce(_commands(told), [run for _, run in told.folders]),
        ],
    )


def _question(told: Told) -> str:
    others, baseline = [told.named(arm) for arm in told.comparisons], told.named(told.baseline)
    of = f"{told.key}: " if told.key else ""
    if len(others) > 3:
        return f"{of}Which of {len(others)} arms is better than {baseline}?"
    *first, last = others or ["anything"]
    return f"{of}Does {', '.join(first)}{' or ' * bool(first)}{last} help, compared with {baseline}?"


def _about(told: Told) -> str:
    direction = {"min": " (less is better)", "max": " (more is better)"}.get(text(told.record.get("direction")), "")
    fixed = " ".join(texts(told.record.get("fixed")))
    return f"Judged by {told.score}{direction}{f', with {fixed}' if fixed else ''}."


def _answer(told: Told) -> list[Point]:
    """How many arms are what, and what was found of each."""
    found = Counter(text(c.get("verdict")) or "not judged yet" for c in told.comparisons.values())
    baseline = told.named(told.baseline)
    each = [Point(sentence(told.named(arm), baseline, c, told.units), mark(c)) for arm, c in told.comparisons.items()]
    if len(each) < 2:
        return each or [Point("There is no arm beside the baseline: nothing to compare.")]
    words = [*VERDICTS, *(word for word in found if word not in VERDICTS)]
    said = ", ".join(f"{found[word]} {VERDICTS.get(word, word)}" for word in words if found[word])
    return [Point(f"Of {counted(len(each), 'arm')} against {baseline}: {said}."), *each]


def _legend(told: Told) -> str:
    said = "±: 95 % interval of the mean (Student's t); sd: standard deviation of runs."
    if told.comparisons:
        of = "studies" if told.search else "pairs of runs"
        said += f" Differences are those of {of}. {SHARED}"
    return f"{said} Seconds: mean of a run."


def _curves(told: Told) -> list[Section]:
    """Of the score that is judged, where it was followed by epoch, else of the loss."""
    arms: dict[str, list[Run]] = {}
    for name, run in told.folders:
        arms.setdefault(name.rpartition(", ")[0], []).append(run)
    pictures = curves_of_arms(arms, told.score.partition("/")[2]) or curves_of_arms(arms, "loss")
    return [Section("Learning curves", pictures, folded=True)] if pictures else []


def _caveats(told: Told) -> list[str]:
    record, fixed, units = told.record, texts(told.record.get("fixed")), "studies" if told.search else "runs"
    said = []
    if fixed:
        said.append(f"All arms have in common: {' '.join(fixed)}. The answer holds for these.")
    if covers := text(record.get("covers")):
        said.append(f"The runs of an arm differ in {covers.rstrip('.')}. What else may vary is not covered.")
    looks, alpha = [n for n in listed(record.get("looks")) if isinstance(n, int)], finite(record.get("alpha"))
    if looks:
        said.append(
            f"{units.capitalize()} were added until it was clear: {told.part or 'the score'} was looked at after "
            f"{', '.join(map(str, looks))} {units} of each arm at most. Verdicts and intervals allow for that."
        )
    elif told.part:
        said.append(
            f"The number of {units} was fixed before; {told.part} was looked at once by these runs, at the "
            "end. Runs that were made on the same data before may have looked at it, too."
        )
    if examples := finite(record.get("examples")):
        also = (
            " Whether it holds for others is covered by --splits or --folds." if record.get("varied") == "seed" else ""
        )
        said.append(f"{told.score} is measured on {examples:.0f} examples.{also}")
    if told.search:
        trials, spent = (finite(told.search.get(key)) for key in ("trials", "runs"))
        said.append(
            f"Each arm was tuned by searches of {trials or 0:.0f} trials, {spent or 0:.0f} runs in all, which are not "
            "counted in the seconds of a run. n are studies; a setting found by another search may do otherwise."
        )
    else:
        said.append(
            "Arms stand with the defaults of their options, such as a learning rate, which may suit one better than "
            "another; --tune gives each a search of its own."
        )
    if alpha is not None:
        said.append(
            f"If no arm made a difference, at least one would be called better or worse in {alpha * 100:g} % of cases."
        )
    said += _power(told)
    if finite(record.get("test_to_train")):
        said.append("The runs share training data, for which intervals and p are widened (Nadeau and Bengio 2003).")
    if finite(record.get("margin")) is None and "no difference shown" in _words(told):
        said.append("No difference shown is not the same as no difference: no margin was given within which it holds.")
    runs = [run for arm in told.arms for run in told.runs(arm).values()]
    failed = sum(run.get("status") != "completed" for run in runs)
    said.append(
        f"{failed} of {counted(len(runs), 'run')} did not complete; failed runs count against their arm."
        if failed
        else f"All {len(runs)} runs completed."
    )
    return said


def _power(told: Told) -> list[str]:
    """What these runs could show, and what is likely to be overstated."""
    least = {arm: finite(c.get("smallest_difference")) for arm, c in told.comparisons.items()}
    known = [value for value in least.values() if value is not None]
    if not known:
        return []
    said = [detectable(known)]
    small = [
        told.named(arm)
        for arm, found in told.comparisons.items()
        if text(found.get("verdict")) in ("better", "worse")
        and abs(finite(found.get("difference")) or 0.0) < (least[arm] or 0.0)
    ]
    if small:
        said.append(
            f"The difference of {', '.join(small)} is smaller than what these runs show reliably: of such, those that "
            "happened to come out large are the ones that are shown, so that the true one is probably smaller."
        )
    return said


def _words(told: Told) -> set[str]:
    return {text(found.get("verdict")) for found in told.comparisons.values()}


def _configuration(told: Told) -> list[Section]:
    if not told.folders:
        return []
    name, first = told.folders[0]
    blocks: list[Block] = [facts("What differs", [(f"arm {i}", arm) for i, arm in enumerate(told.arms, 1)])]
    return [Section("Configuration", [*blocks, *configuration(first, f"config.yaml of {name}")], folded=True)]


def _commands(told: Told) -> list[str]:
    """The command that makes it again, and one that repeats its first run."""
    recorded = texts(told.record.get("command"))
    again = [command("rerun", str(run.path)) for _, run in told.folders[:1]]
    return [*([shlex.join(recorded)] if recorded else []), *again]
