"""An ablation from wherever its folder says it stands to its end."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import cache

from runner.analysis import run
from runner.analysis.ablation import Ablation
from runner.analysis.statistics.procedure import Job, Made, Procedure, Tuning, conduct
from runner.cli.ablate.asked import Asked
from runner.cli.ablate.design import Design
from runner.cli.ablate.display import Display
from runner.cli.ablate.sweeps import Sweeps
from runner.cli.ablate.told import tell_interim
from runner.engine.metric import Direction
from runner.errors import ConfigError
from runner.record.folder import make
from runner.record.links import refuse_links
from runner.record.lock import Lock
from runner.record.reading import read
from runner.sweep.folder import shown


class Ablating:
    """Conducts an ablation with real runs.

    Args:
        asked: what was typed.
        design: what is run.
        score: what is compared, without the part of the data.
        direction: in which it improves.

    Attributes:
        procedure: how it goes.
    """

    def __init__(self, asked: Asked, design: Design, score: str, direction: Direction) -> None:
        self.asked, self.design, self.score = asked, design, score
        tuning = Tuning(cache(design.points), asked.seeds) if asked.tune else None
        self.procedure = Procedure(tuple(design.arms), direction, asked.plan, tuning)
        self.display = Display(shown(asked.folder.absolute()), f"val/{score}", asked.workers, design)
        self.sweeps = Sweeps(asked, design, self.display)
        self._wanted: list[Job] = []

    def run(self) -> Ablation:
        """Make all runs that are not there, with a table after each round.

        Raises:
            ConfigError: another process is at work on this ablation, or its folder is a run's.
        """
        if os.path.lexists(self.asked.folder / "manifest.json"):
            raise ConfigError(f"{self.asked.folder}: holds a run. Give the ablation a folder of its own: --output DIR.")
        make(self.asked.folder)
        refuse_links(self.asked.folder)
        lock = Lock(self.asked.folder / "ablation.lock")  # also between its sweeps
        if holder := lock.take():
            raise ConfigError(f"{self.asked.folder}: {holder} is at work on this ablation.")
        try:
            conduct(self.procedure, self._make)
            if not self.procedure.looks_once:  # all looks were at the validation split
                self.sweeps.make([job for job in self._wanted if not job.search], test="all")
            return self._so_far()
        finally:
            lock.release()

    def units_before(self) -> int:
        """Runs (or studies) of each arm of which a verdict was given in an earlier start; 0 where there was none."""
        try:
            record = json.loads(read(self.asked.folder / "ablation.json"))
            found = record["studies"] or {arm: entry["runs"] for arm, entry in record["arms"].items()}
            return max(map(len, found.values()))
        except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
            return 0

    def _make(self, jobs: list[Job]) -> Made:
        search, once = jobs[0].search, self.procedure.looks_once
        if self._wanted:
            so_far = self._so_far()
            so_far.write()
            tell_interim(so_far)
        self._wanted += [job for job in jobs if job not in self._wanted]
        what = "searching" if search else "fresh seeds" if self.asked.tune else "running"
        self.sweeps.read(search)  # of an earlier start
        so_far = self._so_far()
        left = self.procedure.at_most(so_far.made(so_far.score))
        self.display.begin(what, len(so_far.runs), left, at_most=not once)
        self.sweeps.make(jobs, test="none" if search or not once else "all")
        so_far = self._so_far()
        return so_far.made(so_far.score)

    def _so_far(self) -> Ablation:
        asked, sweeps = self.asked, self.sweeps
        runs = {job: sweeps.runs[job] for job in self._wanted if job in sweeps.runs}
        part = "test" if sweeps.tested and self.procedure.looks_once and asked.varied != "data.fold" else "val"
        read = list(runs.values()) if asked.varied != "seed" else list(runs.values())[:1]  # seeds have the same data
        folders = [run.Run.read(asked.folder / found.folder) for found in read]
        overlapping = max((folder.part_to_train(part) for folder in folders), default=0.0)
        return Ablation(
            asked.folder,
            replace(self.procedure, test_to_train=0.0 if asked.varied == "seed" else overlapping),
            runs,
            asked.fixed(),
            asked.varied,
            f"{part}/{self.score}",
            asked.tune,
            folders[0].examples(part) if folders else None,
            ["python", "-m", "runner", "ablate", *asked.typed],
        )
