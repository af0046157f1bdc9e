"""Runs, sweeps and ablations as objects, for notebooks: ``runner.open(FOLDER)``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from runner.analysis.folders import find_runs
from runner.analysis.rows import columns_of, read_rows
from runner.analysis.run import Run
from runner.analysis.settings import shown
from runner.config.recipe import FAST
from runner.errors import ConfigError, did_you_mean, did_you_mean_beside
from runner.record.reading import read_json, read_yaml

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure
    from torch import nn

    from runner.run.trained import TrainedNetwork


def open(folder: str | Path, trusted_targets: Sequence[str] = ()) -> OpenedRun | OpenedRuns | OpenedAblation:
    """A run, the runs of a sweep or of any other folder, or an ablation.

    Args:
        folder: of a run, of a sweep, of an ablation, or with runs below it.
        trusted_targets: modules of your own from which networks may be built.

    Raises:
        ConfigError: no run lies there, or its ``ablation.json`` is damaged.
    """
    place = Path(folder)
    found = find_runs(place)
    if not found:
        what = "no run lies there" if place.exists() else f"there is no such folder.{did_you_mean_beside(place)}"
        raise ConfigError(f"{folder}: {what}")
    trusted = tuple(trusted_targets)
    if found == [place]:
        return OpenedRun(place, trusted)
    if (place / "ablation.json").is_file():
        return OpenedAblation(place, tuple(found), trusted)
    return OpenedRuns(place, tuple(found), trusted)


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
            content = yaml.load(read_yaml(self.folder / "config.yaml"), FAST)
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

    def figure(self) -> Figure:
        """Its learning curves.

        Raises:
            ConfigError: it has no epoch.
        """
        from runner.analysis.figures.learning_curves import learning_curves

        return _shown(learning_curves({self.folder.name: [self._run]}), self.folder)

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
    folders: tuple[Path, ...] = field(repr=False)
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

    def figure(self, kind: str | None = None) -> Figure:
        """What came of them.

        Args:
            kind: ``means`` of configurations with their intervals, or their ``learning_curves``; of a sweep also
                ``history`` (value by trial) and ``importance`` (which keys mattered), of an ablation ``paired_dots``
                (runs by arm, differences with their intervals). None: the dots, else the history, else the means.

        Raises:
            ConfigError: no such kind, nothing to draw, or runs that can't be compared.
        """
        drawing = self._figures()
        kind = kind or next(iter(drawing))
        if kind not in drawing:
            raise ConfigError(f"{kind}: no such figure.{did_you_mean(kind, drawing)} There are {', '.join(drawing)}.")
        return _shown(drawing[kind](), self.folder)

    def _figures(self) -> dict[str, Callable[[], Figure | None]]:
        """What can be drawn; the first is what is wanted where nobody says which."""
        from runner.analysis.figures.sweep import history, importance

        of_a_sweep = {"history": partial(history, self.folder), "importance": partial(importance, self.folder)}
        is_sweep = (self.folder / "sweep.yaml").is_file()
        return {**(of_a_sweep if is_sweep else {}), "means": self._means, "learning_curves": self._learning_curves}

    def _means(self) -> Figure | None:
        from runner.analysis.compared import compared
        from runner.analysis.figures.groups import means
        from runner.analysis.groups import group

        groups = group([Run.read(folder) for folder in self.folders])
        return means(compared(groups), groups.scores[0], groups.directions[0])

    def _learning_curves(self) -> Figure | None:
        from runner.analysis.compared import compared
        from runner.analysis.figures.learning_curves import learning_curves
        from runner.analysis.groups import group

        found = compared(group([Run.read(folder) for folder in self.folders]))
        lines = sorted(found.lines, key=lambda line: line.name != found.baseline)
        return learning_curves({line.name: line.group.all for line in lines})


@dataclass(frozen=True)
class OpenedAblation(OpenedRuns):
    """An ablation: several runs of each arm, and what they say of each against the baseline."""

    @cached_property
    def record(self) -> dict[str, Any]:
        """The content of its ``ablation.json``.

        Raises:
            ConfigError: it is damaged.
        """
        try:
            return read_json(self.folder / "ablation.json")
        except ValueError as error:
            raise ConfigError(f"{self.folder}: {error}. The ablation's command writes it anew.") from None

    @property
    def _arms(self) -> dict[str, dict[str, Any]]:
        arms = self.record.get("arms")
        found = arms if isinstance(arms, dict) else {}
        return {name: arm for name, arm in found.items() if isinstance(arm, dict)}

    @property
    def comparisons(self) -> dict[str, dict[str, Any]]:
        """Each arm against the baseline; see `runner.analysis.statistics.comparison.Comparison`."""
        found = {name: arm.get("comparison") for name, arm in self._arms.items()}
        return {name: comparison for name, comparison in found.items() if isinstance(comparison, dict)}

    @property
    def verdicts(self) -> dict[str, str]:
        """Better, worse, equivalent, no difference shown or too few runs; of each arm but the baseline."""
        return {name: str(comparison.get("verdict")) for name, comparison in self.comparisons.items()}

    def arms(self) -> pl.DataFrame:
        """A row for each arm: verdict, difference from the baseline with interval and p (Holm), its score's spread."""
        rows = []
        for name, arm in self._arms.items():
            judged, scores = self.comparisons.get(name, {}), arm.get("scores")
            spread = scores.get(str(self.record.get("score"))) if isinstance(scores, dict) else None
            row = {"arm": name, "verdict": judged.get("verdict"), "difference": judged.get("difference")}
            row |= {f"difference_{end}": judged.get(end) for end in ("low", "high")} | {"p": judged.get("p_holm")}
            rows.append({**row, **(spread if isinstance(spread, dict) else {}), "seconds": arm.get("seconds")})
        return _frame(rows)

    def _figures(self) -> dict[str, Callable[[], Figure | None]]:
        from runner.analysis.figures.ablation import paired_dots

        return {"paired_dots": partial(paired_dots, self.record), **super()._figures()}


def _shown(figure: Figure | None, folder: Path) -> Figure:
    """A figure that a notebook shows, also where nothing has imported pyplot."""
    from runner.analysis.figures.rendering import png

    if figure is None:
        raise ConfigError(f"{folder}: there is nothing to draw yet.")
    figure._repr_png_ = partial(png, figure, dpi=80)  # type: ignore[attr-defined]  # a notebook keeps it in its file
    return figure


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
