"""The base of options that leave examples out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import torch

from runner.engine.split.rows import RowsSplit
from runner.errors import ConfigError, RunFailed, counted

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.data import Data
    from runner.engine.spec import Kind


@dataclass(frozen=True)
class Found:
    """Examples that a cleaning would leave out.

    Attributes:
        rows: of each part their numbers, ascending, int64.
        note: what they are, in words, after their number: "there twice".
    """

    rows: Mapping[str, Tensor]
    note: str


class Cleaning:
    """Leaves examples out, before anything is trained; a subclass implements `find`.

    Attributes:
        takes: kinds of inputs that it can look at; None: any.
        tasks: those that it is for; None: any.
    """

    takes: ClassVar[tuple[Kind, ...] | None] = None
    tasks: ClassVar[tuple[str, ...] | None] = None

    def find(self, data: Data, seed: int) -> Found:
        """The examples to be left out.

        Args:
            data: loaded, and cleaned by those options before it.
            seed: for what is drawn; of the split, so that all runs of a sweep leave out the same.
        """
        raise NotImplementedError

    def __call__(self, data: Data, seed: int) -> Data:
        """The data without what was found, and a note that says how much that was.

        Raises:
            ConfigError: a part is a stream.
            RunFailed: nothing would be left of a part.
        """
        if not all(part.listed for part in data.parts.values()):
            raise ConfigError(
                f"cleaning: {type(self).__name__} needs all examples at once, and these come as a stream. Leave it out."
            )
        found, parts, notes = self.find(data, seed), dict(data.parts), []
        for name, rows in found.rows.items():
            if not len(rows):
                continue
            kept = torch.ones(len(parts[name]), dtype=torch.bool)
            kept[rows] = False
            if not kept.any():
                raise RunFailed(
                    f"{type(self).__name__}: would leave nothing of {name}: all {len(kept)} are {found.note}. "
                    "Leave it out of cleaning; `python -m runner inspect-data` shows them beside what they are like."
                )
            parts[name] = RowsSplit(parts[name], kept.nonzero()[:, 0])
            notes.append(f"{counted(len(rows), 'example')} of {name} left out: {found.note}")
        if not notes:
            notes.append(f"no example left out: {found.note}")
        spec = data.spec.with_counts(parts["train"].classes()) if data.spec.class_counts else data.spec
        return replace(data, parts=parts, spec=spec, notes=(*data.notes, *notes))
