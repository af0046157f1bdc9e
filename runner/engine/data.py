"""A data option once it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.engine.spec import Spec
    from runner.engine.split import Split
    from runner.engine.transform import Transform


@dataclass(frozen=True)
class Data:
    """A data option, loaded.

    Attributes:
        spec: what models, losses and metrics must know of it.
        parts: the examples by name: ``train`` to learn from, ``val`` to choose by, ``test`` (where there is one) to be
            looked at once, at the end, and any further ones.
        fingerprint: hash of the raw content.
        transform: from raw examples to the inputs above, fitted on the training part; None where there is nothing raw.
        notes: what the user should hear about the data, in words ("12 rows without a target left out").
    """

    spec: Spec
    parts: Mapping[str, Split]
    fingerprint: str
    transform: Transform | None = None
    notes: tuple[str, ...] = ()

    @property
    def train(self) -> Split:
        """Examples to learn from."""
        return self.parts["train"]

    @property
    def val(self) -> Split:
        """Examples to choose by."""
        return self.parts["val"]

    @property
    def test(self) -> Split | None:
        """Examples that are looked at once, at the end; None when there are none."""
        return self.parts.get("test")

    @property
    def sizes(self) -> dict[str, int]:
        """Examples in each part."""
        return {name: len(part) for name, part in self.parts.items()}
