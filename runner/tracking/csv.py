"""CSV files in the run folder."""

from __future__ import annotations

from typing import Any

from runner.record.files import as_csv, write_text
from runner.record.folder import RunFolder
from runner.tracking.base import Status, TrackedRun, Tracker, final_scores


class CSV(Tracker):
    """``tracking/scores.csv``, a row per epoch, and ``tracking/run.csv``, names and values: settings, status, tests."""

    def begin(self, run: TrackedRun) -> None:
        """Write the settings."""
        self.run, self.place = run, run.folder / "tracking"
        self._describe("running", {})

    def scores(self, rows: list[dict[str, Any]]) -> None:
        """Write the table anew: a run that goes on from a checkpoint has dropped rows."""
        everything = RunFolder(self.run.folder).read_metrics()
        names = list(dict.fromkeys(name for row in everything for name in row))
        table = [[row.get(name) for name in names] for row in everything]
        write_text(self.place / "scores.csv", as_csv([names, *table]))

    def end(self, status: Status, result: dict[str, Any]) -> None:
        """Write status and test scores, and the rows as they are at the end."""
        self.scores([])
        self._describe(status, final_scores(result))

    def _describe(self, status: str, scores: dict[str, float]) -> None:
        values = {**self.run.tags, "status": status, **scores, **self.run.settings}
        write_text(self.place / "run.csv", as_csv([("name", "value"), *values.items()]))
