"""From molecules to graphs: atoms as nodes, bonds as edges."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from runner.data.base import Scaling, TargetScaling
from runner.data.graphs.sdf import Molecule, NoMolecule, records
from runner.data.parts.assemble import in_parts
from runner.data.parts.scaling import Floats, Scale, fit_table
from runner.data.parts.split import Parts
from runner.data.table.targets import Targets, for_a_network
from runner.engine.batch import Batch
from runner.engine.data import Data
from runner.engine.spec import Field
from runner.engine.split.graphs import GraphsSplit
from runner.engine.transform import Bad, Raw, Transform
from runner.errors import ConfigError

# What is known of an atom beside its element: how many bonds are written down, their orders summed, its charge, and
# how many of the bonds are double, triple and aromatic.
NUMBERS = ("bonds", "orders", "charge", "double", "triple", "aromatic")


class Atoms(Transform):
    """An atom's element, as 0/1 features, and `NUMBERS`, scaled; the bonds, whose weights are their orders.

    An element that no training molecule has is zero in all features of elements, and told of.

    Args:
        scaling: of the numbers; see `runner.data.base.DataOption`.
    """

    def __init__(self, scaling: Scaling) -> None:
        super().__init__()
        self.scaling = scaling
        self.elements: list[str] = []

    @property
    def names(self) -> tuple[str, ...]:
        """Of the features."""
        return (*(f"element={element}" for element in self.elements), *NUMBERS)

    def fit(self, raw: Sequence[Molecule]) -> None:
        """Learn the elements, and the scale of the numbers, from the training molecules."""
        self.elements = sorted(Counter(element for molecule in raw for element in molecule.elements))
        self.scale = fit_table(np.concatenate([_numbers(molecule) for molecule in raw]), self.scaling)

    def __call__(self, raw: Sequence[Molecule]) -> Tensor:
        """Features of the atoms of all molecules, one behind the other ``(atoms, F)``."""
        place = {element: number for number, element in enumerate(self.elements)}
        elements = [element for molecule in raw for element in molecule.elements]
        features = np.zeros((len(elements), len(self.names)), np.float32)
        for row, element in enumerate(elements):
            if element in place:
                features[row, place[element]] = 1
            else:
                self.notes[f"the element {element!r} is in no molecule of the training part"] = None
        numbers = np.concatenate([_numbers(molecule) for molecule in raw])
        features[:, len(place) :] = self.scale.table(numbers)
        return torch.from_numpy(features)

    def split(self, raw: Sequence[Molecule], targets: Tensor, rows: Tensor) -> GraphsSplit:
        """Molecules as graphs, each bond an edge in both directions; `rows` are those of a part."""
        both = [np.concatenate((molecule.bonds, molecule.bonds[::-1]), axis=1) for molecule in raw]
        orders = np.concatenate([np.tile(molecule.orders, 2) for molecule in raw])
        return GraphsSplit(
            self(raw),
            torch.tensor([0, *(len(molecule.elements) for molecule in raw)]).cumsum(0),
            torch.from_numpy(np.concatenate(both, axis=1)),
            torch.tensor([0, *(edges.shape[1] for edges in both)]).cumsum(0),
            torch.from_numpy(orders),
            targets,
            rows,
            [molecule.name for molecule in raw],
        )

    def batch(self, raw: Sequence[Molecule]) -> Batch:
        """Molecules as a batch without targets."""
        every = torch.arange(len(raw))
        made = self.split(raw, torch.zeros(len(raw)), every).read(every)
        return Batch(made.inputs, torch.empty(0), made.more, len(raw))

    def read(self, sources: Sequence[str], size: int) -> Iterator[Raw | Bad]:
        """Molecules of SDF files."""
        for source in sources:
            try:
                with sys.stdin.buffer if source == "-" else Path(source).open("rb") as file:
                    yield from _in_turn(file, source, size)
            except OSError as error:
                raise ConfigError(f"{source}: can't be read: {error.strerror}. Expected an SDF file.") from error

    def state_dict(self) -> dict[str, Any]:
        """The elements, shift and spread of the numbers."""
        return {"elements": self.elements, "shift": self.scale.shift.tolist(), "spread": self.scale.spread.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.elements, self.scale = state["elements"], Scale(np.array(state["shift"]), np.array(state["spread"]))


def graphs(
    transform: Atoms,
    molecules: Sequence[Molecule],
    targets: Targets,
    parts: Parts,
    scaling: TargetScaling,
    *,
    fingerprint: str,
    notes: tuple[str, ...] = (),
) -> Data:
    """Molecules in memory, of each of which something is told.

    Args:
        transform: not fitted.
        molecules: all of them.
        targets: what is told of each.
        parts: the split.
        scaling: of targets that are numbers.
        fingerprint: hash of the raw content.
        notes: passed on.
    """
    transform.fit([molecules[row] for row in parts.train])
    inputs = Field("graph", (len(transform.names),), names=transform.names)
    spec, values, about_classes = for_a_network(targets, parts, inputs, scaling)
    every = transform.split(molecules, torch.from_numpy(values), torch.arange(len(molecules)))
    splits = in_parts(parts, lambda rows: replace(every, graphs=torch.from_numpy(rows)))
    notes += (*transform.notes, *about_classes)
    transform.notes.clear()  # what is predicted later is told of anew
    return Data(spec, splits, fingerprint, transform, notes)


def _in_turn(file: IO[bytes], source: str, size: int) -> Iterator[Raw | Bad]:
    molecules: list[Molecule] = []
    places: list[str] = []
    for record in records(file):
        place = f"{source}:{record.line}"
        if isinstance(record, NoMolecule):
            if molecules:
                yield Raw(molecules, places)
                molecules, places = [], []
            yield Bad(place, record.reason)
            continue
        molecules.append(record.molecule)
        places.append(f"{place}:{record.molecule.name}" if record.molecule.name else place)
        if len(molecules) == size:
            yield Raw(molecules, places)
            molecules, places = [], []
    if molecules:
        yield Raw(molecules, places)


def _numbers(molecule: Molecule) -> Floats:
    """`NUMBERS` of each atom ``(atoms, 6)``."""
    columns = np.zeros((len(molecule.elements), len(NUMBERS)))
    columns[:, 2] = molecule.charges
    for ends in molecule.bonds:
        np.add.at(columns[:, 0], ends, 1)
        np.add.at(columns[:, 1], ends, molecule.orders)
        for column, order in ((3, 2.0), (4, 3.0), (5, 1.5)):
            np.add.at(columns[:, column], ends, molecule.orders == order)
    return columns
