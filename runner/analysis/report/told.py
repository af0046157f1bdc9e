"""What ``ablation.json`` says, whoever wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from runner.analysis.report.reading import names, text
from runner.analysis.run import Run
from runner.errors import ConfigError
from runner.record.reading import read_json

FILE = "ablation.json"


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

    @cached_property
    def key(self) -> str:
        """The one key whose values the arms are; empty where they differ in more."""
        words = [arm.partition("=") for arm in self.arms]
        keys = {key for key, _, _ in words}
        alone = all(equals and " " not in value for _, equals, value in words)
        return keys.pop() if len(keys) == 1 and alone else ""

    def named(self, arm: str) -> str:
        """An arm by what tells it from the others: ``mixup``, where all of them are values of one key."""
        return arm.removeprefix(f"{self.key}=") if self.key else arm

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

    @property
    def search(self) -> dict[str, Any]:
        """How arms were tuned; empty where they were not."""
        return names(self.record.get("search"))

    @property
    def units(self) -> str:
        """What is counted: runs with the same seed, or where arms are tuned studies."""
        return "studies" if self.search else "pairs"

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
