"""What a tracker is."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Status = Literal["finished", "failed", "killed"]


@dataclass
class TrackedRun:
    """A run as trackers see it.

    Attributes:
        folder: its folder.
        sweep: the folder of its sweep; None for a run by itself.
        settings: its hyperparameters, flat; secrets are references to the environment.
        began: when the run began, seconds since 1970.
        id: what the tracker knows the run by; None where it knows nothing of it yet.
    """

    folder: Path
    sweep: Path | None
    settings: dict[str, Any]
    began: float
    id: str | None = None

    @property
    def name(self) -> str:
        """A short name."""
        return self.folder.name

    @property
    def tags(self) -> dict[str, str]:
        """Where the run is found again."""
        sweep = {"sweep": self.sweep.name} if self.sweep else {}
        return {"folder": str(self.folder), **sweep}


class Tracker:
    """Tells somebody of a run: begins or continues it, sends its scores, ends it.

    Lives in a process of its own, which calls one method at a time. A method that raises is called again later, so that
    what could not be sent once is sent when it can be. It prints into a file.
    """

    def begin(self, run: TrackedRun) -> str | None:
        """Begin a run, or continue the one that has `run.id`.

        Returns:
            The id by which it is continued later; None where the folder says it all.
        """
        raise NotImplementedError

    def scores(self, rows: list[dict[str, Any]]) -> None:
        """Send lines of ``metrics.jsonl`` that were not sent yet; scores that are not finite are None."""
        raise NotImplementedError

    def end(self, status: Status, result: dict[str, Any]) -> None:
        """End the run.

        Args:
            status: how.
            result: what stands in ``result.json``; empty where the run was killed.
        """
        raise NotImplementedError


def require(package: str) -> None:
    """See that an optional package is there.

    Raises:
        ValueError: it is not.
    """
    if importlib.util.find_spec(package) is None:
        raise ValueError(f"{package} is not installed. `pip install 'runner[{package}]'` brings it.")


def plain_names(files: Sequence[str]) -> tuple[str, ...]:
    """Names of files in the run folder.

    Raises:
        ValueError: one leads elsewhere.
    """
    for name in files:
        if name in ("", ".", "..") or set(name) & set("/\\*?["):
            raise ValueError(f"files: {name!r} is no file of the run folder. Expected names such as config.yaml.")
    return tuple(files)


def files_of(folder: Path, names: Sequence[str]) -> list[Path]:
    """Those of the named files that are there; links lead elsewhere."""
    paths = [folder / name for name in names]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def final_scores(result: dict[str, Any]) -> dict[str, float]:
    """Test scores and the best value, from ``result.json``."""
    scores = {f"test/{name}": value for name, value in (result.get("test") or {}).items()}
    if result.get("monitor"):
        scores[f"best/{result['monitor']}"] = result.get("best_value")
    return {name: value for name, value in scores.items() if isinstance(value, (int, float))}


def numbers(row: dict[str, Any]) -> dict[str, float]:
    """The scores in a line of ``metrics.jsonl``."""
    left_out = ("step", "time")
    return {name: value for name, value in row.items() if name not in left_out and isinstance(value, (int, float))}
