"""Runs and sweeps as objects, for notebooks: ``runner.open(FOLDER)``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from runner.analysis.folders import find_runs, read
from runner.analysis.rows import columns_of, read_rows
from runner.analysis.run import Run
from runner.analysis.settings import shown
from runner.config.recipe import FAST
from runner.errors import ConfigError, did_you_mean_beside

if TYPE_CHECKING:
    import polars as pl
    from torch import nn

    from runner.run.trained import TrainedNetwork


def open(folder: str | Path, trusted_targets: Sequence[str] = ()) -> OpenedRun | OpenedRuns:
    """A run, or the runs of a sweep or of any other folder.

    Args:
        folder: of a run, of a sweep, or with runs below it.
        trusted_targets: modules of your own from which networks may be built.

    Raises:
        ConfigError: no run lies there.
    """
    place = Path(folder)
    found = find_runs(place)
    if not found:
        what = "no run lies there" if place.exists() else f"there is no such folder.{did_you_mean_beside(place)}"
        raise ConfigError(f"{folder}: {what}")
    trusted = tuple(trusted_targets)
    return OpenedRun(place, trusted) if found == [place] else OpenedRuns(place, tuple(found), trusted)


@dataclass(frozen=True)
class OpenedRun:
    """A run.

    Attributes:
        folder: where it lies.
        trusted_targets: as of `open`.
    """

    folder: Path
    trusted_targets: tuple[str, ...] = ()

    @cached_property
    def _run(self) -> Run:
        return Run.read(self.folder)

    @property
    def status(self) -> str:
        """Completed, pruned, failed, interrupted, running or paused."""
        return self._run.status

    @cached_property
    def config(self) -> dict[str, Any]:
        """Its configuration, as ``config.yaml`` has it; what comes from the environment stays a reference.

        Raises:
            ConfigError: it can't be read.
        """
        try:
            content = yaml.load(read(self.folder / "config.yaml"), FAST)
        except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
            raise ConfigError(f"{self.folder / 'config.yaml'}: can't be read ({type(error).__name__}).") from None
        return dict(content) if isinstance(content, dict) else {}

    @property
    def scores(self) -> dict[str, float]:
        """The scores of its best epoch by name (``val/accuracy``), those on the test split, and what it cost."""
        return dict(self._run.scores)

    def metrics(self) -> pl.DataFrame:
        """A row for each epoch: ``epoch``, ``step``, ``time`` (seconds), scores and ``lr``."""
        return _frame(self._run.metrics)

    @cached_property
    def network(self) -> TrainedNetwork:
        """Its trained network with all that is needed to use it: the best weights, on the CPU.

        Raises:
            ConfigError, RunFailed: as of `runner.run.load`.
        """
        from runner.run import load

        return load(self.folder, trusted_targets=list(self.trusted_targets))

    @property
    def model(self) -> nn.Module:
        """The network alone, in evaluation mode."""
        return self.network.model

    def predict(self, raw: Any) -> list[dict[str, Any]]:
        """Predictions for raw examples; see `runner.run.trained.TrainedNetwork.predict`."""
        return self.network.predict(raw)


@dataclass(frozen=True)
class OpenedRuns:
    """Many runs: of a sweep, or below any folder. It is a sequence of `OpenedRun`.

    Attributes:
        folder: where they lie.
        folders: that of each run.
        trusted_targets: as of `open`.
    """

    folder: Path
    folders: tuple[Path, ...]
    trusted_targets: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.folders)

    def __getitem__(self, place: int) -> OpenedRun:
        return OpenedRun(self.folders[place], self.trusted_targets)

    def __iter__(self) -> Iterator[OpenedRun]:
        return (OpenedRun(folder, self.trusted_targets) for folder in self.folders)

    def frame(self) -> pl.DataFrame:
        """A row for each run in the order of their start: ``name``, ``status``, ..., every score, every setting."""
        rows = read_rows(self.folders, self.folder)
        columns = columns_of(rows)
        return _frame([{name: row[name] for name in columns} for row in rows])


def _frame(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows as a frame; a column that holds numbers and texts becomes one of texts."""
    import polars as pl

    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values if value is not None}
        if not (kinds <= {int, float} or len(kinds) == 1) or kinds & {list, dict}:
            values = [None if value is None else shown(value) for value in values]
        columns[name] = pl.Series(name, values, strict=False)
    return pl.DataFrame(columns)
