"""CSV files in the run folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runner.record.files import write_text
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
        _write(self.place / "scores.csv", [names, *([row.get(name) for name in names] for row in everything)])

    def end(self, status: Status, result: dict[str, Any]) -> None:
        """Write status and test scores, and the rows as they are at the end."""
        self.scores([])
        self._describe(status, final_scores(result))

    def _describe(self, status: str, scores: dict[str, float]) -> None:
        values = {**self.run.tags, "status": status, **scores, **self.run.settings}
        _write(self.place / "run.csv", [["name", "value"], *([name, value] for name, value in values.items())])


def _write(path: Path, rows: Iterable[list[Any]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(path, text.getvalue())
