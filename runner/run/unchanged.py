"""Whether the data are still those that a run was started with, and those of the runs it is compared with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import ConfigError
from runner.record.files import write_json
from runner.record.reading import read_json

if TYPE_CHECKING:
    from runner.config.recipe import Recipe
    from runner.engine.data import Data
    from runner.engine.spec import Field, Spec


@dataclass(frozen=True)
class Unchanged:
    """Compares fingerprints of data.

    Attributes:
        allowed: go on with changed data; what differs is noted in the manifest. None: no, and nobody can say so.
        shared: a file in which runs that belong together (trials of a sweep, folds) keep the fingerprint of their
            data: the first one writes it, the others must see the same. None where a run stands for itself.
    """

    allowed: bool | None = None
    shared: Path | None = None

    def check(self, data: Data, fingerprint: str, sizes: dict[str, int], spec: Spec) -> str | None:
        """Compare loaded data with what was seen before.

        Args:
            data: as loaded now.
            fingerprint: of the data before.
            sizes: examples in each part before.
            spec: of the data before.

        Returns:
            What differs, where that is allowed; None where nothing does.

        Raises:
            ConfigError: they differ, or so much that the network does not fit them.
        """
        if data.fingerprint == fingerprint:
            return None
        fields, fits = _fields(spec, data.spec)
        note = _difference(data, fingerprint, sizes, fields)
        if self.allowed and not fits:
            raise ConfigError(
                f"The data have changed since this run was started: {note}. Its network does not fit these, whatever "
                "is allowed. Put the old data back, or start a new run."
            )
        if not self.allowed:
            others = "or start a new run."
            if self.allowed is not None:
                others = "start a new run, or add --allow-changed-data to go on with these."
            raise ConfigError(
                f"The data have changed since this run was started: {note}. Statistics, split and scores would be of "
                f"other data. Put the old data back, {others}"
            )
        return note

    def check_shared(self, recipe: Recipe, data: Data) -> None:
        """Compare with the runs that this one belongs to.

        Raises:
            ConfigError: they saw other data from the same source.
        """
        if self.shared is None:
            return
        try:
            known = read_json(self.shared)
        except ValueError as error:
            raise ConfigError(
                f"{self.shared}: damaged, so that nothing tells whether all runs see the same data ({error}). Where "
                "you know that they do, remove it: the next run writes it."
            ) from error
        source = _source(recipe)
        before = known.get(source)
        if before is None:
            write_json(self.shared, {**known, source: {"fingerprint": data.fingerprint, "sizes": data.sizes}})
        elif before["fingerprint"] != data.fingerprint and not self.allowed:
            raise ConfigError(
                f"The data have changed since the first run of this sweep: {_difference(data, **before)}. Runs on "
                "different data can't be compared. Put the old data back, or start a new sweep."
            )


def _difference(data: Data, fingerprint: str, sizes: dict[str, int], fields: Sequence[str] = ()) -> str:
    """How data differ from those that had this fingerprint and these sizes, in words."""
    now = data.sizes
    parts = [
        f"{name} had {sizes.get(name, 0):,} examples and has {now.get(name, 0):,}"
        for name in {**sizes, **now}
        if sizes.get(name, 0) != now.get(name, 0)
    ]
    said = "; ".join([*parts, *fields]) or "as many examples as before, with other content"
    return f"{said} (fingerprint {fingerprint[:12]} before, {data.fingerprint[:12]} now)"


def _fields(before: Spec, now: Spec) -> tuple[list[str], bool]:
    """How inputs and targets differ, in words, and whether a network for the ones takes the others."""
    if before.task != now.task:
        return [f"the task was {before.task} and is {now.task}"], False
    said, fits = [], True
    for what, one, other in (("inputs", before.inputs, now.inputs), ("targets", before.targets, now.targets)):
        if one is None or other is None:
            continue
        if (one.kind, one.shape, one.size) != (other.kind, other.shape, other.size):
            fits = False
            said.append(f"the {what} were {_in_words(one)} and are {_in_words(other)}")
        if gone := [name for name in one.names if name not in other.names]:
            said.append(f"no {_some(gone)} among the {what}")
        if new := [name for name in other.names if name not in one.names]:
            said.append(f"{_some(new)} new among the {what}")
        if not gone and not new and one.names != other.names:
            said.append(f"the {what} in another order")
    return said, fits


def _in_words(entry: Field) -> str:
    if entry.size is not None:
        return f"{entry.kind} of {entry.size}"
    return f"{entry.kind} of shape {entry.shape}"


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, names[:3])) + (", ..." if len(names) > 3 else "")


def _source(recipe: Recipe) -> str:
    """A name for where the data come from: the option and those of its settings that not every option has."""
    from runner.data.base import DataOption

    common = {field.name for field in fields(DataOption)}
    values: dict[str, Any] = {k: v for k, v in recipe["data"].values.items() if k not in common}
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]
