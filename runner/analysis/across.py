"""One question on several data sets: an ablation of each, and what holds over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from runner.analysis.ablation import Ablation
from runner.analysis.statistics.data_sets import (
    Estimate,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
)
from runner.engine.metric import Direction
from runner.record.files import finite, write_json

FILE = "across.json"
DECIDED = ("better", "worse", "equivalent")
_THRESHOLDS = 21


@dataclass(frozen=True)
class OverAll:
    """An arm on all data sets (Agarwal et al. 2021; see `runner.analysis.statistics.data_sets`).

    Attributes:
        interquartile_mean: of its runs, with the interval of the stratified bootstrap.
        probability_of_improvement: over the baseline, likewise; None of the baseline.
        performance_profile: share of its runs that are better than each threshold.
        verdicts: on how many data sets it is better, worse, equivalent, and how many leave it undecided; None of the
            baseline.
    """

    interquartile_mean: Estimate
    probability_of_improvement: Estimate | None
    performance_profile: list[float]
    verdicts: dict[str, int] | None


@dataclass(frozen=True)
class Across:
    """Ablations of the same arms on several data sets.

    Attributes:
        folder: theirs lie in it.
        varied: the words that say which data sets, as typed.
        score: that is compared, without the part of the data: ``accuracy``. It is on one scale on all data sets.
        direction: in which it improves.
        planned: the names of all data sets.
        ablations: those that are done, by name; at least one.
        command: that goes on with it, or makes it again.
    """

    folder: Path
    varied: Sequence[str]
    score: str
    direction: Direction
    planned: Sequence[str]
    ablations: Mapping[str, Ablation]
    command: Sequence[str]

    @property
    def arms(self) -> list[str]:
        """Their names, the baseline first."""
        return list(next(iter(self.ablations.values())).arms)

    @cached_property
    def n(self) -> int:
        """Runs (of tuned arms studies) of each arm on each data set that count: the first that all of them have.

        Where seeds are added until a verdict is clear, an arm has more of them where it is hard to tell; with all of
        them such a data set would weigh more, and another one for each arm.
        """
        return min(len(scores) for ablation in self.ablations.values() for scores in _scores(ablation).values())

    @cached_property
    def over_all(self) -> dict[str, OverAll]:
        """What holds over all data sets that are done, by arm."""
        runs = {
            arm: [list(_scores(ablation)[arm].values())[: self.n] for ablation in self.ablations.values()]
            for arm in self.arms
        }
        baseline = runs[self.arms[0]]
        return {
            arm: OverAll(
                interquartile_mean(own, self.direction),
                None if arm == self.arms[0] else probability_of_improvement(own, baseline, self.direction),
                performance_profile(own, self.thresholds, self.direction),
                None if arm == self.arms[0] else self._verdicts(arm),
            )
            for arm, own in runs.items()
        }

    @cached_property
    def thresholds(self) -> list[float]:
        """Of the performance profile: evenly from the lowest to the highest score; none where all runs failed."""
        found = [
            s for ablation in self.ablations.values() for runs in _scores(ablation).values() for s in runs.values()
        ]
        known = [score for score in found if score is not None and np.isfinite(score)]
        return np.linspace(min(known), max(known), _THRESHOLDS).tolist() if known else []

    def record(self) -> dict[str, Any]:
        """All of it in plain containers: what ``across.json`` holds."""
        return {
            "command": list(self.command),
            "across": list(self.varied),
            "score": self.score,
            "direction": self.direction,
            "planned": list(self.planned),
            "baseline": self.arms[0],
            "n": self.n,
            "units": "studies" if next(iter(self.ablations.values())).tuned else "runs",
            "thresholds": self.thresholds,
            "arms": {arm: asdict(found) for arm, found in self.over_all.items()},
            "data_sets": {
                name: {
                    "folder": ablation.folder.name,
                    "score": ablation.score,
                    "arms": {
                        arm: asdict(ablation.comparisons[arm]) if arm in ablation.comparisons else None
                        for arm in self.arms
                    },
                }
                for name, ablation in self.ablations.items()
            },
        }

    def write(self) -> None:
        """Write ``across.json``."""
        write_json(self.folder / FILE, finite(self.record()))

    def _verdicts(self, arm: str) -> dict[str, int]:
        given = Counter(ablation.comparisons[arm].verdict for ablation in self.ablations.values())
        decided = {word: given[word] for word in DECIDED}  # type: ignore[index]
        return {**decided, "undecided": len(self.ablations) - sum(decided.values())}


def meaning(units: str) -> list[str]:
    """What the columns mean, and how far they can be trusted."""
    return [
        f"Interquartile mean: of the middle half of all {units} on all data sets; beats the baseline: how often one of "
        f"them is better than one of the baseline's on the same data, 0.5 where neither is; the other columns count "
        "data sets. Failed ones are the worst of all.",
        "Intervals: 95 %, stratified bootstrap (Agarwal et al. 2021). They take the data sets as fixed, so they say "
        f"nothing of data that are not among them; with fewer than 20 {units} of each they are too narrow "
        "(docs/statistics.md), and without width where one side always wins.",
        "A verdict errs at the level of --alpha on each data set; of several data sets one errs more often than that.",
    ]


def _scores(ablation: Ablation) -> dict[str, Mapping[Any, float | None]]:
    return dict(ablation.scores(ablation.score))
