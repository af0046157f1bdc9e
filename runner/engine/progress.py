"""What a run tells the outside while it goes on. The command line draws it; nothing below prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.engine.fit import Fit


class Progress:
    """Hears of a run's progress; every method does nothing until overridden. None may change the run."""

    def started(self, fit: Fit) -> None:
        """Everything is built; the first update comes next."""

    def step(self, fit: Fit) -> None:
        """Steps are being made; called about twice a second. ``fit.state`` says where the run is."""

    def interval(self, fit: Fit, scores: dict[str, float]) -> None:
        """Losses were read, at a log interval: ``{"train/loss": .., "lr": .., "samples_per_second": ..}``."""

    def epoch(self, fit: Fit, row: dict[str, float]) -> None:
        """An epoch ended; `row` is its line of ``metrics.jsonl``."""

    def message(self, text: str) -> None:
        """Something that the user should hear, in one sentence."""
