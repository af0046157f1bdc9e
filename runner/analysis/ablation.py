"""An ablation: several runs of each arm, and what they say of each against the first one, the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from runner.analysis.groups import covered
from runner.analysis.statistics.comparison import Comparison
from runner.analysis.statistics.evidence import Scores
from runner.analysis.statistics.procedure import STRIDE, Job, Made, Procedure
from runner.analysis.statistics.selection import Confirmation, confirm
from runner.analysis.statistics.sequential import Progress
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

    def score(self, name: str) -> float | None:
        """A score; None where the run failed or has none of that name."""
        return self.scores.get(name) if self.status == "completed" else None


@dataclass(frozen=True)
class Study:
    """A search of an arm, and its winner on fresh seeds.

    Attributes:
        trials: of the search; none where the arm has nothing to search.
        failed: how many of them failed.
        settings: of the winner; None where all failed.
        found: its score in the search; None without one.
        confirmation: what its fresh runs say of that score; None where there was no search.
        score: what is compared: the mean over the fresh runs, None where one of them failed.
    """

    trials: int
    failed: int
    settings: Mapping[str, str] | None
    found: float | None
    confirmation: Confirmation | None
    score: float | None


@dataclass(frozen=True)
class Ablation:
    """What was asked, and the runs.

    Attributes:
        folder: where it lies.
        procedure: how it goes.
        runs: those that it asked for so far.
        fixed: what all arms have in common, as it was typed.
        varied: the key that tells the runs of an arm apart.
        score: that is compared: ``test/accuracy``.
        tuned: what is searched, as it was typed; none where arms are not tuned.
        examples: on how many the score is measured; None where that is not known.
        command: that goes on with it, or makes it again; empty where it is not known.
    """

    folder: Path
    procedure: Procedure
    runs: Mapping[Job, Run]
    fixed: Sequence[str]
    varied: str
    score: str
    tuned: Sequence[str] = ()
    examples: float | None = None
    command: Sequence[str] = ()

    @property
    def validation(self) -> str:
        """The score by which winners are chosen."""
        return f"val/{self.score.partition('/')[2]}"

    def made(self, name: str) -> Made:
        """What came of all runs, by a score; of searches by the one that chooses."""
        return {job: run.score(self.validation if job.search else name) for job, run in self.runs.items()}

    @cached_property
    def arms(self) -> dict[str, dict[Job, Run]]:
        """The runs of each arm that count, the baseline first."""
        return {
            arm: {job: run for job, run in self.runs.items() if job.arm == arm and not job.search}
            for arm in self.procedure.arms
        }

    def scores(self, name: str) -> dict[str, Scores]:
        """A score of each arm by seed, or where arms are tuned by study."""
        return self.procedure.scores(self.made(name))

    @cached_property
    def progress(self) -> Progress:
        """Where it stands: which arms need more runs."""
        return self.procedure.progress(self.made(self.score))

    @property
    def comparisons(self) -> dict[str, Comparison]:
        """Each arm against the baseline; none before the first look."""
        return self.progress.comparisons

    @property
    def completed(self) -> bool:
        """Whether any run that counts came to its end."""
        return any(run.status == "completed" for runs in self.arms.values() for run in runs.values())

    def cost(self, arm: str) -> float | None:
        """Mean seconds of the completed runs of an arm; searches don't count."""
        times = [run.seconds for run in self.arms[arm].values() if run.status == "completed"]
        return sum(times) / len(times) if times else None

    @cached_property
    def studies(self) -> dict[str, dict[int, Study]]:
        """The studies of each arm whose search is done; none where arms are not tuned."""
        if not self.tuned:
            return {}
        done = {arm: sorted({job.study for job in runs}) for arm, runs in self.arms.items()}
        none_won = {(job.arm, job.study) for job in self.runs if job.search}
        return {
            arm: {study: self._study(arm, study) for study in sorted({*studies, *(s for a, s in none_won if a == arm)})}
            for arm, studies in done.items()
        }

    def _study(self, arm: str, study: int) -> Study:
        own = [job for job in self.runs if (job.arm, job.study) == (arm, study)]
        validation = self.made(self.validation)
        trials = {job: validation[job] for job in own if job.search}
        settings = self.procedure.winner(arm, study, validation)
        found = next((score for job, score in trials.items() if job.settings == settings), None)
        fresh: Scores = {job.seed: validation[job] for job in own if not job.search}
        direction = self.procedure.direction
        return Study(
            trials=len(trials),
            failed=sum(score is None for score in trials.values()),
            settings=None if settings is None else dict(settings),
            found=found,
            confirmation=None if found is None else confirm(found, {j.seed for j in trials}, fresh, direction),
            score=self.scores(self.score)[arm].get(study),
        )

    def record(self) -> dict[str, Any]:
        """All of it in plain containers: what ``ablation.json`` holds."""
        names = dict.fromkeys(name for runs in self.arms.values() for run in runs.values() for name in run.scores)
        tables = {name: self.scores(name) for name in names if "/" in name}
        judged, procedure = self.comparisons, self.procedure
        plan = procedure.plan
        return {
            "command": list(self.command),
            "score": self.score,
            "examples": self.examples,
            "direction": procedure.direction,
            "varied": self.varied,
            "covers": self.covers(),
            "alpha": plan.alpha,
            "margin": plan.margin,
            "test_to_train": procedure.test_to_train,
            "looks": None if procedure.looks_once else list(plan.looks),
            "fixed": list(self.fixed),
            "baseline": next(iter(self.arms), None),
            "arms": {
                arm: {
                    "scores": {name: asdict(Spread.of(table[arm].values())) for name, table in tables.items()},
                    "seconds": self.cost(arm),
                    "comparison": asdict(judged[arm]) if arm in judged else None,
                    "runs": {self._key(job): asdict(run) for job, run in runs.items()},
                }
                for arm, runs in self.arms.items()
            },
            "interim": [
                {"units": units, "arms": {arm: _brief(found) for arm, found in look.items()}}
                for units, look in zip(plan.looks, self.progress.looked, strict=False)
            ],
            "search": self._search(),
            "studies": {
                arm: {str(study): asdict(found) for study, found in studies.items()}
                for arm, studies in self.studies.items()
            },
        }

    def covers(self) -> str:
        """Which sources of variance the verdicts cover: the end of a sentence."""
        return f"{'study (what a search finds) and ' if self.tuned else ''}{covered([self.varied])}"

    def write(self) -> None:
        """Write ``ablation.json``."""
        write_json(self.folder / "ablation.json", finite(self.record()))

    def _key(self, job: Job) -> str:
        return f"{job.study}/{job.seed % STRIDE - 1}" if self.tuned else str(job.seed)

    def _search(self) -> dict[str, Any] | None:
        if not self.tuned:
            return None
        assert self.procedure.tuning is not None
        points = max(len(self.procedure.tuning.points(arm, 0)) for arm in self.arms)
        return {
            "tuned": list(self.tuned),
            "score": self.validation,
            "trials": points,
            "seeds": self.procedure.tuning.seeds,
            "runs": sum(job.search for job in self.runs),
        }


def _brief(found: Comparison) -> dict[str, Any]:
    """What an interim table says of an arm."""
    names = ("n", "difference", "low", "high", "p_holm", "verdict")
    return {name: getattr(found, name) for name in names}
