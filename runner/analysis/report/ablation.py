"""The report of an ablation: does it help, and how sure is that."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from runner.analysis.folders import read_json
from runner.analysis.numbers import number, plus_minus
from runner.analysis.report.document import Block, Cell, Point, Report, Section, Table, Words, facts, rows_of
from runner.analysis.report.pictures import arms_drawn, curves_of_arms
from runner.analysis.report.provenance import caveats, command, configuration, failures, how_to_reproduce
from runner.analysis.report.reading import listed, names, text, texts
from runner.analysis.report.verdicts import interval, mark, sentence, verdict
from runner.analysis.run import Run
from runner.analysis.run import number as finite
from runner.errors import ConfigError, counted

FILE = "ablation.json"
VERDICTS = {  # in the order in which they are counted
    "better": "better",
    "equivalent": "equivalent",
    "worse": "worse",
    "no difference shown": "without a difference shown",
    "too few runs": "with too few runs",
    "not judged yet": "not judged yet",
}


@dataclass(frozen=True)
class Told:
    """What ``ablation.json`` says; it may come from somebody else or from another version.

    Attributes:
        folder: where it lies.
        record: its content.
    """

    folder: Path
    record: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Told:
        """Read it.

        Raises:
            ConfigError: it is damaged.
        """
        try:
            record = read_json(folder / FILE)
        except ValueError as error:
            raise ConfigError(f"{folder}: {error}. The ablation's command writes it anew.") from None
        told = cls(folder, record)
        if not told.arms or not told.score:
            raise ConfigError(f"{folder / FILE}: has no arms, or no score. The ablation's command writes it anew.")
        return told

    @property
    def score(self) -> str:
        """That is compared."""
        return text(self.record.get("score"))

    @property
    def part(self) -> str:
        """Of the data, on which it was measured."""
        return {"test": "the test split", "val": "the validation split"}.get(self.score.partition("/")[0], "")

    @cached_property
    def arms(self) -> dict[str, dict[str, Any]]:
        """What is said of each arm, the baseline first."""
        arms = {name: arm for name, arm in names(self.record.get("arms")).items() if isinstance(arm, dict)}
        first = self.record.get("baseline")
        return {first: arms[first], **arms} if isinstance(first, str) and first in arms else arms

    @property
    def baseline(self) -> str:
        """The first arm."""
        return next(iter(self.arms))

    @property
    def comparisons(self) -> dict[str, dict[str, Any]]:
        """Of the other arms with it; empty where there is none."""
        return {arm: names(found.get("comparison")) for arm, found in self.arms.items() if arm != self.baseline}

    def spread(self, arm: str, score: str) -> dict[str, Any]:
        """A score of an arm over its runs."""
        return names(names(self.arms[arm].get("scores")).get(score))

    def runs(self, arm: str) -> dict[str, dict[str, Any]]:
        """What is said of each run of an arm, by what tells it apart."""
        return {key: run for key, run in names(self.arms[arm].get("runs")).items() if isinstance(run, dict)}

    @cached_property
    def folders(self) -> list[tuple[str, Run]]:
        """The folders of its runs, those that lie in the ablation's folder, each with a name."""
        inside = self.folder.resolve()
        found = []
        for arm in self.arms:
            for key, run in self.runs(arm).items():
                place = self.folder / text(run.get("folder"))
                if text(run.get("folder")) and place.resolve().is_relative_to(inside):
                    found.append((f"{arm}, {self.record.get('varied', 'run')} {key}", Run.read(place)))
        return found


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
            *_tuned(told),
            *caveats(_caveats(told)),
            *_curves(told),
            Section("All scores", [_scores_table(told)], folded=True),
            Section("Runs", [_runs_table(told)], folded=True),
            *failures(told.folders),
            *_configuration(told),
            how_to_reproduce(_commands(told), [run for _, run in told.folders]),
        ],
    )


def _question(told: Told) -> str:
    others = list(told.comparisons)
    if len(others) > 3:
        return f"Which of {len(others)} arms is better than {told.baseline}?"
    *first, last = others or ["anything"]
    return f"Does {', '.join(first)}{' or ' * bool(first)}{last} help, compared with {told.baseline}?"


def _about(told: Told) -> str:
    direction = {"min": " (less is better)", "max": " (more is better)"}.get(text(told.record.get("direction")), "")
    fixed = " ".join(texts(told.record.get("fixed")))
    return f"Judged by {told.score}{direction}{f', with {fixed}' if fixed else ''}."


def _answer(told: Told) -> list[Point]:
    """How many arms are what, and what was found of each."""
    found = Counter(text(c.get("verdict")) or "not judged yet" for c in told.comparisons.values())
    each = [Point(sentence(arm, told.baseline, c), mark(c)) for arm, c in told.comparisons.items()]
    if len(each) < 2:
        return each or [Point("There is no arm beside the baseline: nothing to compare.")]
    words = [*VERDICTS, *(word for word in found if word not in VERDICTS)]
    said = ", ".join(f"{found[word]} {VERDICTS.get(word, word)}" for word in words if found[word])
    return [Point(f"Of {counted(len(each), 'arm')} against {told.baseline}: {said}."), *each]


def arms_table(told: Told) -> Table:
    """A row for each arm."""
    failed = any(told.spread(arm, told.score).get("failures") for arm in told.arms)
    parameters = _parameters(told)
    columns = ["arm", "n", *["failed"] * failed, told.score, "sd", "difference (interval)", "p", "verdict", "seconds"]
    columns += ["parameters"] * (len(set(parameters.values())) > 1)
    rows = []
    for arm in told.arms:
        spread, judged = told.spread(arm, told.score), told.comparisons.get(arm)
        mean, low, high, sd = (finite(spread.get(name)) for name in ("mean", "low", "high", "deviation"))
        p, seconds = finite((judged or {}).get("p_holm")), finite(told.arms[arm].get("seconds"))
        row: list[object] = [arm, spread.get("n"), *[spread.get("failures")] * failed]
        row += [Cell(plus_minus(number(mean), low, high), mean), Cell("-" if sd is None else f"{sd:.2g}", sd)]
        if judged is None:
            row += ["-", "-", "baseline"]
        else:
            row += [Cell(interval(judged), finite(judged.get("difference")))]
            row += [Cell("-" if p is None else f"{p:.2g}", p), Cell(verdict(judged), mark=mark(judged))]
        row += [Cell("-" if seconds is None else f"{seconds:.1f}", seconds)]
        row += [parameters.get(arm)] * (len(columns) > len(row))
        rows.append(row)
    return Table(f"Each arm against {told.baseline}", columns, rows_of(rows))


def _parameters(told: Told) -> dict[str, int]:
    """Of the network of each arm, where its runs say it."""
    found: dict[str, int] = {}
    for (name, run), arm in zip(told.folders, [a for a in told.arms for _ in told.runs(a)], strict=False):
        count = run.manifest.get("parameters")
        if isinstance(count, int) and name.startswith(arm):
            found.setdefault(arm, count)
    return found


def _legend(told: Told) -> str:
    said = "±: 95 % interval of the mean (Student's t); sd: standard deviation of runs."
    if told.comparisons:
        said += (
            " Differences are those of pairs of runs; their intervals are at the level, and p, of Holm's correction "
            "for several arms."
        )
    return f"{said} Seconds: mean of a run."


def _curves(told: Told) -> list[Section]:
    """Of the score that is judged, where it was followed by epoch, else of the loss."""
    arms: dict[str, list[Run]] = {}
    for name, run in told.folders:
        arms.setdefault(name.rpartition(", ")[0], []).append(run)
    pictures = curves_of_arms(arms, told.score.partition("/")[2]) or curves_of_arms(arms, "loss")
    return [Section("Learning curves", pictures, folded=True)] if pictures else []


def _tuned(told: Told) -> list[Section]:
    """What each arm's own searches found, where they are told of."""
    tuned = {arm: found["tuned"] for arm, found in told.arms.items() if found.get("tuned")}
    rows = [(arm, key, value) for arm, found in tuned.items() for key, value in _settings(found)]
    table = Table("What the searches of each arm found", ("arm", "setting", "value"), rows_of(rows))
    return [Section("Tuned settings", [table])] if rows else []


def _settings(value: Any, key: str = "") -> list[tuple[str, object]]:
    """Names and values within others as one flat list."""
    if isinstance(value, (dict, list)):
        entries = value.items() if isinstance(value, dict) else enumerate(value, 1)
        return [pair for name, entry in entries for pair in _settings(entry, f"{key} {name}".strip())]
    return [(key, value)]


def _caveats(told: Told) -> list[str]:
    record, fixed = told.record, texts(told.record.get("fixed"))
    said = []
    if fixed:
        said.append(f"All arms have in common: {' '.join(fixed)}. The answer holds for these.")
    if covers := text(record.get("covers")):
        said.append(f"The runs of an arm differ in {covers.rstrip('.')}. What else may vary is not covered.")
    looks, alpha = [n for n in listed(record.get("looks")) if isinstance(n, int)], finite(record.get("alpha"))
    if looks:
        said.append(
            f"Runs were added until it was clear: the {told.part or 'score'} was looked at after "
            f"{', '.join(map(str, looks))} runs of each arm at most. Verdicts and intervals allow for that."
        )
    elif told.part:
        said.append(f"The number of runs was fixed before; {told.part} was looked at once, at the end.")
    if alpha is not None:
        said.append(
            f"If no arm made a difference, any of them would be called better or worse in {alpha:.0%} of cases."
        )
    least = [finite(c.get("smallest_difference")) for c in told.comparisons.values()]
    if known := [value for value in least if value is not None]:
        said.append(f"A true difference of {max(known):.2g} or more would have been shown in 8 of 10 cases.")
    if finite(record.get("test_to_train")):
        said.append("The runs share training data, for which intervals and p are widened (Nadeau and Bengio 2003).")
    if finite(record.get("margin")) is None and told.comparisons:
        said.append("No difference shown is not the same as no difference: no margin was given within which it holds.")
    runs = [run for arm in told.arms for run in told.runs(arm).values()]
    failed = sum(run.get("status") != "completed" for run in runs)
    said.append(
        f"{failed} of {counted(len(runs), 'run')} did not complete; failed runs count against their arm."
        if failed
        else f"All {len(runs)} runs completed."
    )
    return said


def _scores_table(told: Told) -> Table:
    scores = dict.fromkeys(name for arm in told.arms.values() for name in names(arm.get("scores")))
    rows: list[list[object]] = []
    for score in scores:
        for arm in told.arms:
            found = told.spread(arm, score)
            mean, low, high, sd = (finite(found.get(name)) for name in ("mean", "low", "high", "deviation"))
            spread = Cell("-" if sd is None else f"{sd:.2g}", sd)
            rows.append([score, arm, Cell(plus_minus(number(mean), low, high), mean), spread, found.get("n")])
    caption = f"Every score; only {told.score} was judged. What stands out of many does so by luck, too"
    return Table(caption, ("score", "arm", "mean", "sd", "n"), rows_of(rows))


def _runs_table(told: Told) -> Table:
    rows = []
    for arm in told.arms:
        for key, run in told.runs(arm).items():
            place = int(key) if key.isdecimal() else key
            score, seconds = names(run.get("scores")).get(told.score), finite(run.get("seconds"))
            time = Cell("-" if seconds is None else f"{seconds:.1f}", seconds)
            rows.append([arm, place, finite(score), text(run.get("status")), time, text(run.get("folder"))])
    columns = ("arm", text(told.record.get("varied")) or "run", told.score, "status", "seconds", "folder")
    return Table("Every run", columns, rows_of(rows))


def _configuration(told: Told) -> list[Section]:
    if not told.folders:
        return []
    name, first = told.folders[0]
    blocks: list[Block] = [facts("What differs", [(f"arm {i}", arm) for i, arm in enumerate(told.arms, 1)])]
    return [Section("Configuration", [*blocks, *configuration(first, f"config.yaml of {name}")], folded=True)]


def _commands(told: Told) -> list[str]:
    """The command, as it was recorded, or put together from what is known of it."""
    recorded = told.record.get("command")
    if text(recorded) or texts(recorded):
        return [text(recorded) or shlex.join(texts(recorded))]
    from runner.sweep.listing import read_settings

    try:
        words = [w for w in texts(read_settings(told.folder)["arguments"]) if not w.startswith("data.fold")]
    except ConfigError:
        return []
    count = max((len(told.runs(arm)) for arm in told.arms), default=0)
    looks = [n for n in listed(told.record.get("looks")) if isinstance(n, int)]
    flag = {"data.fold": "--folds", "data.split_seed": "--splits"}.get(text(told.record.get("varied")), "--seeds")
    words += ["--max-seeds", str(looks[-1])] if looks else [flag, str(count)]
    for name in ("margin", "alpha"):
        if (value := finite(told.record.get(name))) is not None and value != 0.05:
            words += [f"--{name}", f"{value:g}"]
    words += ["--score", told.score.partition("/")[2] or told.score]
    return [command("ablate", *words)]
