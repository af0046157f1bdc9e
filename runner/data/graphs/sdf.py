"""Molecules from SDF files: atoms, bonds and the values beside them, of molfiles of version V2000.

Source: Dalby et al. 1992, "Description of Several Chemical Structure File Formats Used by Computer Programs Developed
at Molecular Design Limited"; BIOVIA 2020, "CTfile Formats".
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runner.errors import RunFailed

END = "$$$$"
# Charges of the atom block's codes; 4 is a radical.
_CHARGES = {1: 3, 2: 2, 3: 1, 5: -1, 6: -2, 7: -3}
_ORDERS = {1: 1.0, 2: 2.0, 3: 3.0, 4: 1.5}  # 4: aromatic


class Molecule(NamedTuple):
    """A molecule, its hydrogens mostly left out by whoever wrote it.

    Attributes:
        name: the first line.
        elements: symbols of the atoms.
        charges: of the atoms.
        bonds: pairs of atoms ``(2, B)`` int64, each once.
        orders: of the bonds ``(B,)`` float32; an aromatic one has 1.5.
        values: what stands beside it, by name.
    """

    name: str
    elements: list[str]
    charges: list[int]
    bonds: NDArray[np.int64]
    orders: NDArray[np.float32]
    values: dict[str, str]


class Record(NamedTuple):
    """A molecule that stands between two ``$$$$``.

    Attributes:
        line: number of its first line, from 1.
        molecule: what stands there.
    """

    line: int
    molecule: Molecule


class NoMolecule(NamedTuple):
    """What stands between two ``$$$$`` and is no molecule.

    Attributes:
        line: number of its first line, from 1.
        reason: why it is none, in a sentence.
    """

    line: int
    reason: str


def all_of(file: IO[bytes], name: str) -> list[Record]:
    """The molecules of a whole file.

    Raises:
        RunFailed: one of its records is none.
    """
    found = []
    for number, record in enumerate(records(file), 1):
        if isinstance(record, NoMolecule):
            raise RunFailed(f"{name}, line {record.line} (record {number}): {record.reason}")
        found.append(record)
    return found


def records(file: IO[bytes]) -> Iterator[Record | NoMolecule]:
    """The records of an SDF file, without holding more than one; what can't be read does not end it."""
    lines: list[str] = []
    first = 1
    for number, line in enumerate(io.TextIOWrapper(file, "utf-8-sig", "surrogateescape"), 1):
        if line.rstrip() != END:
            lines.append(line.rstrip("\r\n"))
            continue
        yield _record(first, lines)
        lines, first = [], number + 1
    if any(line.strip() for line in lines):  # a single molfile has no end
        yield _record(first, lines)


def _record(line: int, lines: list[str]) -> Record | NoMolecule:
    for number, text in enumerate(lines, line):
        if not text.isascii() and any("\udc80" <= sign <= "\udcff" for sign in text):
            return NoMolecule(line, f"no molecule: line {number} is not UTF-8.")
    try:
        return Record(line, molecule_of(lines))
    except ValueError as error:
        return NoMolecule(line, f"no molecule: {error}.")


def molecule_of(lines: list[str]) -> Molecule:
    """The molecule of a record.

    Raises:
        ValueError: it is none; says why.
    """
    counts = lines[3] if len(lines) > 3 else ""
    if "V2000" not in counts:
        what = "version V3000, which is not read" if "V3000" in counts else "no fourth line with counts and V2000"
        raise ValueError(what)
    atoms, bonds = _number(counts[:3]), _number(counts[3:6])
    if atoms < 1 or bonds < 0:
        raise ValueError("it has no atom" if atoms < 1 else f"it says that it has {bonds} bonds")
    if len(lines) < 4 + atoms + bonds:
        raise ValueError(f"it ends within its {atoms} atoms and {bonds} bonds")
    elements, charges = [], []
    for line in lines[4 : 4 + atoms]:
        elements.append(line[31:34].strip())
        if not elements[-1]:
            raise ValueError("an atom has no element")
        charges.append(_CHARGES.get(_number(line[36:39] or "0"), 0))
    found: dict[tuple[int, int], float] = {}
    for line in (lines[at] for at in range(4 + atoms, 4 + atoms + bonds)):
        one, other, kind = (_number(line[at : at + 3]) for at in (0, 3, 6))
        if not (1 <= one <= atoms and 1 <= other <= atoms and one != other):
            raise ValueError(f"a bond between the atoms {one} and {other} of {atoms}")
        found[min(one, other) - 1, max(one, other) - 1] = _ORDERS.get(kind, 1.0)
    values: dict[str, str] = {}
    name, said = "", False
    for line in lines[4 + atoms + bonds :]:
        if line.startswith("M  CHG"):
            if not said:  # these lines take the place of what the atoms say
                charges, said = [0] * atoms, True
            entries = [_number(entry) for entry in line[9:].split()]
            if len(entries) % 2:
                raise ValueError("an atom without its charge")
            for atom, charge in zip(entries[::2], entries[1::2], strict=True):
                if not 1 <= atom <= atoms:
                    raise ValueError(f"a charge of atom {atom} of {atoms}")
                charges[atom - 1] = charge
        elif line.startswith(">"):
            name = line[line.find("<") + 1 : line.rfind(">")]
        elif not line.strip():
            name = ""
        elif name:
            values[name] = f"{values[name]}\n{line}" if name in values else line
    pairs = np.array(list(found), dtype=np.int64).reshape(-1, 2).T
    orders = np.array(list(found.values()), dtype=np.float32)
    return Molecule(lines[0].strip(), elements, charges, pairs, orders, values)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text.strip()!r} where a number is expected") from None
