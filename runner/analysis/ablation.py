"""An ablation: several runs of each arm, and what they say of each against the first one, the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from runner.analysis.groups import covered
from runner.analysis.statistics.comparison import Comparison, compare
from runner.analysis.statistics.evidence import Direction, Scores
from runner.analysis.statistics.sequential import Plan, Progress, sequential
from runner.analysis.statistics.spread import Spread
from runner.record.files import finite, write_json


@dataclass(frozen=True)
class Run:
    """One run of an arm.

    Attributes:
        folder: where it lies, seen from the ablation's folder.
        status: as of a trial of a sweep.
        cause: why it failed.
        seconds: that it took.
        scores: by name: ``val/accuracy``, and ``test/accuracy`` once that was looked at.
    """

    folder: str
    status: str
    cause: str | None
    seconds: float
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Ablation:
    """What was asked, and the runs.

    Attributes:
        folder: where it lies.
        arms: the runs of each by what tells them apart, the baseline first.
        fixed: what all arms have in common, as it was typed.
        varied: the key that tells the runs of an arm apart.
        score: that is compared: ``test/accuracy``.
        direction: in which it improves.
        alpha: how often any arm may be called better or worse though none is.
        margin: differences below it do not matter; None where nobody said so.
        plan: when verdicts are asked for, where seeds are added until they are clear; None: once, at the end.
        test_to_train: how large what is scored is beside what is trained on, where the runs have other data: their
            training data overlap, and so their scores vary less than those of new data would (Nadeau and Bengio 2003).
    """

    folder: Path
    arms: Mapping[str, Mapping[int, Run]]
    fixed: Sequence[str]
    varied: str
    score: str
    direction: Direction
    alpha: float = 0.05
    margin: float | None = None
    plan: Plan | None = None
    test_to_train: float = 0.0

    def scores(self, name: str) -> dict[str, Scores]:
        """A score of every run; None where the run failed."""
        return {
            arm: {key: run.scores.get(name) if run.status == "completed" else None for key, run in runs.items()}
            for arm, runs in self.arms.items()
        }

    @cached_property
    def progress(self) -> Progress:
        """Where it stands, with a plan: which arms need more seeds."""
        assert self.plan is not None
        return sequential(self.scores(self.score), self.plan, self.direction)

    @cached_property
    def comparisons(self) -> dict[str, Comparison]:
        """Each arm against the baseline."""
        if self.plan is not None:
            return self.progress.comparisons
        return compare(
            self.scores(self.score), self.direction, self.alpha, self.margin, test_to_train=self.test_to_train
        )

    def cost(self, arm: str) -> float | None:
        """Mean seconds of the completed runs of an arm."""
        times = [run.seconds for run in self.arms[arm].values() if run.status == "completed"]
        return sum(times) / len(times) if times else None

    def record(self) -> dict[str, Any]:
        """All of it in plain containers: what ``ablation.json`` holds."""
        names = dict.fromkeys(name for runs in self.arms.values() for run in runs.values() for name in run.scores)
        tables = {name: self.scores(name) for name in names if "/" in name}
        judged = self.comparisons
        return {
            "score": self.score,
            "direction": self.direction,
            "varied": self.varied,
            "covers": covered([self.varied]),
            "alpha": self.alpha,
            "margin": self.margin,
            "test_to_train": self.test_to_train,
            "looks": list(self.plan.looks) if self.plan else None,
            "fixed": list(self.fixed),
            "baseline": next(iter(self.arms), None),
            "arms": {
                arm: {
                    "scores": {name: asdict(Spread.of(table[arm].values())) for name, table in tables.items()},
                    "seconds": self.cost(arm),
                    "comparison": asdict(judged[arm]) if arm in judged else None,
                    "runs": {str(key): asdict(run) for key, run in runs.items()},
                }
                for arm, runs in self.arms.items()
            },
        }

    def write(self) -> None:
        """Write ``ablation.json``."""
        write_json(self.folder / "ablation.json", finite(self.record()))
