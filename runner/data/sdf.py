"""Molecules of one's own in an SDF file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runner.data.base import DataOption, TargetScaling
from runner.engine.data import Data
from runner.engine.spec import Field, Kind, Spec
from runner.errors import ConfigError, RunFailed, counted, no_file

if TYPE_CHECKING:
    from runner.data.graphs.molecules import Atoms
    from runner.data.graphs.sdf import Molecule
    from runner.data.table.targets import Predicted


@dataclass(kw_only=True)
class Sdf(DataOption):
    """Each molecule is a graph: atoms are nodes, bonds are edges in both directions, whose weight is their order.

    Read are molfiles of version V2000, with what `runner.data.graphs.molecules.Atoms` makes of them. What is told are
    values that stand beside a molecule (``> <NAME>``). A molecule without one of them is left out, and told of.

    Attributes:
        path: the file.
        target: the name of the value to predict, or several.
        task: ``auto``: classification when the target is text or at most 20 different whole numbers; regression when
            there are several. ``multilabel`` takes labels that hold or don't: 0 or 1, no or yes.
        test_path: a file like `path` that is the test part; the first two shares of `split` then divide `path`.
        target_scaling: ``standard`` divides regression targets by mean and standard deviation of the training part.
    """

    path: str
    target: str | tuple[str, ...]
    task: Literal["auto", "classification", "regression", "multilabel"] = "auto"
    test_path: str | None = None
    target_scaling: TargetScaling = "standard"

    @property
    def targets(self) -> tuple[str, ...]:
        """The values to predict."""
        return (self.target,) if isinstance(self.target, str) else tuple(self.target)

    def probe(self) -> Spec:
        """Looks whether the files are there."""
        for key, path in self._files().items():
            if not path.is_file():
                raise ConfigError(f"data.{key}={getattr(self, key)}: {no_file(path)} Expected an SDF file.")
        if not self.targets or (self.task == "classification" and len(self.targets) > 1):
            raise ConfigError(
                f"data.target=[{','.join(self.targets)}]: expected the name of a value"
                + (", as data.task=classification predicts one." if self.targets else ", or several.")
            )
        if self.task == "auto":
            return Spec(None, Field("graph"))
        kinds: dict[str, Kind] = {"classification": "class", "regression": "values", "multilabel": "labels"}
        return Spec(self.task, Field("graph"), Field(kinds[self.task]))

    def _files(self) -> dict[str, Path]:
        given = {"path": self.path, "test_path": self.test_path}
        return {key: Path(os.path.expanduser(path)) for key, path in given.items() if path is not None}

    def transform(self) -> Atoms:
        """See `DataOption.transform`."""
        from runner.data.graphs.molecules import Atoms

        return Atoms(self.scaling)

    def load(self) -> Data:
        """Read the files, decide on the task and divide the molecules; see `DataOption.load`."""
        import numpy as np
        import polars as pl

        from runner.data.graphs.beside import beside, typed
        from runner.data.graphs.molecules import graphs
        from runner.data.graphs.sdf import all_of
        from runner.data.parts.assemble import divide, divide_official
        from runner.data.source.fingerprint import combine, sha256_of_file
        from runner.data.table.targets import choose_task, read_targets

        self.probe()
        places: list[str] = []
        molecules: list[Molecule] = []
        columns: list[pl.DataFrame] = []
        notes: list[str] = []
        files = self._files()
        for path in files.values():
            with path.open("rb") as file:
                records = all_of(file, str(path))
            found = beside([record.molecule for record in records], self.targets, path)
            whole = np.flatnonzero(found.select(pl.all_horizontal(pl.all().is_not_null())).to_series().to_numpy())
            if len(whole) < len(records):
                notes.append(f"{path}: {counted(len(records) - len(whole), 'molecule')} without a target left out")
            places += [f"{path}, line {records[row].line}" for row in whole]
            molecules += [records[row].molecule for row in whole]
            columns.append(found[whole])
        if not molecules:
            raise RunFailed(f"{self.path}: no molecule has {' and '.join(map(repr, self.targets))} beside it.")
        read = typed(pl.concat(columns), self.task, places)
        task: Predicted = choose_task(read) if self.task == "auto" else self.task
        if self.task == "auto":
            notes.append(f"{task} of {', '.join(map(repr, self.targets))} (data.task decides otherwise)")
        targets = read_targets(read, task, self.path)
        labels = targets.values if task == "classification" else np.zeros(len(molecules), np.int64)
        if self.test_path is None:
            parts = divide(self, len(molecules), labels)
        else:
            parts, told = divide_official(self, labels, len(columns[1]))
            notes += told
        return graphs(
            self.transform(),
            molecules,
            targets,
            parts,
            self.target_scaling,
            fingerprint=combine(sha256_of_file(path) for path in files.values()),
            notes=(f"{counted(len(molecules), 'molecule')}", *notes),
        )
