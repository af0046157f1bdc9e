"""What a variant is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import ConfigError
from runner.record.folder import RunFolder
from runner.run.assembly import load_data
from runner.run.trained import TrainedNetwork, find, network_in
from runner.run.unchanged import Unchanged

if TYPE_CHECKING:
    from runner.engine.data import Data


@dataclass(frozen=True)
class Parent:
    """A trained network, its checkpoint and its data.

    Attributes:
        place: its run folder.
        path: of the checkpoint.
        saved: the content of the checkpoint.
        network: on the CPU, in evaluation mode.
        overrides: where the data are now: ``data.path=FILE``.
        tell: hears of what takes long.
        hear: hears which part of the data a variant of it is judged on, how many examples are done, and of how many.
    """

    place: RunFolder
    path: Path
    saved: dict[str, Any]
    network: TrainedNetwork
    overrides: Sequence[str] = ()
    tell: Callable[[str], None] = lambda text: None
    hear: Callable[[str, int, int], None] = lambda what, done, of: None

    @classmethod
    def open(
        cls,
        folder: str | Path,
        checkpoint: str = "best",
        trusted: list[str] | None = None,
        overrides: Sequence[str] = (),
        tell: Callable[[str], None] = lambda text: None,
        hear: Callable[[str, int, int], None] = lambda what, done, of: None,
    ) -> Parent:
        """The trained network of a run.

        Args:
            folder: the run folder.
            checkpoint: ``best``, ``last``, another one of the run, or the path of a file.
            trusted: modules of the user's own that the run's config names.
            overrides: where the data are now.
            tell: hears of what takes long.
            hear: see `Parent`.

        Raises:
            ConfigError: there is no such network, or it is an ensemble or an exported file.
            RunFailed: it is damaged.
        """
        import torch

        from runner.engine import checkpoint as files

        place = RunFolder.existing(folder)
        path = find(place, checkpoint)
        saved = files.load(path)
        if "members" in saved:
            raise ConfigError(f"{folder}: is an ensemble. Name one of its members.")
        if "exported" in saved:
            raise ConfigError(
                f"{folder}: is an exported file, of which nothing else can be made. Name the run that it was made of, "
                "which stands in its manifest.json as parent."
            )
        network = network_in(saved, path, torch.device("cpu"), trusted)
        return cls(place, path, saved, network, overrides, tell, hear)

    @cached_property
    def data(self) -> Data:
        """The data of its training, loaded.

        Raises:
            ConfigError: they have changed, or are not where they were.
        """
        data = load_data(self.network.recipe_at(self.overrides), self.tell)
        Unchanged().check(data, self.network.fingerprint, self.network.sizes, self.network.spec)
        return data

    @property
    def described(self) -> dict[str, Any]:
        """What the manifest of a variant says of it."""
        sha256 = hashlib.sha256(self.path.read_bytes()).hexdigest()
        path = self.place.path
        path = path.resolve() if path.name in ("", "..") else path  # of `.` nobody knows later what it was
        return {"path": str(path), "checkpoint": self.path.name, "sha256": sha256}
