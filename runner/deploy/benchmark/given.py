"""The networks that a benchmark was given."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import ConfigError, RunnerError
from runner.record.folder import RunFolder

if TYPE_CHECKING:
    from runner.config.recipe import Recipe
    from runner.engine.data import Data
    from runner.engine.spec import Spec


@dataclass(frozen=True)
class Given:
    """A network as its file tells it, which is not built here: it may be damaged, or too large.

    Attributes:
        name: in the table.
        path: of a checkpoint, or of an ONNX file of which nothing else is known.
        file: what is deployed: the exported file, or the checkpoint.
        format: of the exported file; None of a network of torch's.
        batch: examples that the file takes at once; None: any number.
        recipe: how it was trained; None where nothing is known.
        spec: of the data that it was trained with.
        fingerprint: of those data.
        sizes: examples in each part of them.
        sha256: of its checkpoint.
        parent: checkpoint of the network that it was made of, where that still lies.
    """

    name: str
    path: Path
    file: Path
    format: str | None = None
    batch: int | None = None
    recipe: Recipe | None = None
    spec: Spec | None = None
    fingerprint: str = ""
    sizes: dict[str, int] | None = None
    sha256: str = ""
    parent: Path | None = None

    @property
    def bytes(self) -> int:
        """What it takes on the disk."""
        beside = self.file.with_name(f"{self.file.name}.data")  # weights of an ONNX file beyond 2 GB
        return self.file.stat().st_size + (beside.stat().st_size if beside.is_file() else 0)


def opened(name: str, path: Path, trusted: list[str] | None = None) -> Given:
    """What is known of a network.

    Args:
        name: in the table.
        path: of a checkpoint, or of an ONNX file beside none.
        trusted: modules of the user's own that its config names.

    Raises:
        RunFailed: the file is damaged.
    """
    from runner.config.trained_network import recipe_in
    from runner.engine import checkpoint
    from runner.engine.spec import Spec
    from runner.model.exported import exported_in
    from runner.run.trained import refuse_damaged

    if path.suffix == ".onnx":
        return Given(name, path, path, "onnx")
    saved = checkpoint.load(path)
    own = saved["members"][0] if saved.get("members") else saved
    refuse_damaged(own, path)
    folder = path.absolute().parent.parent
    exported = exported_in(saved["exported"], folder) if saved.get("exported") else None
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Given(
        name,
        path,
        folder / exported.file if exported else path,
        exported.format if exported else None,
        exported.batch if exported else None,
        recipe_in(own, trusted or ()),
        Spec.from_plain(own["spec"]),
        own["data"]["fingerprint"],
        own["data"]["sizes"],
        sha256,
        _parent(folder),
    )


def _parent(folder: Path) -> Path | None:
    """The checkpoint that a variant was made of; None where it is gone or another one now."""
    try:
        said = RunFolder(folder).read_json(folder / "manifest.json").get("parent")
    except RunnerError:
        return None
    if not isinstance(said, dict) or not {"path", "checkpoint", "sha256"} <= said.keys():
        return None
    path = Path(str(said["path"])) / "checkpoints" / Path(str(said["checkpoint"])).name
    same = path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == said["sha256"]
    return path if same else None


def check_together(given: Sequence[Given]) -> None:
    """Refuse networks of different tasks or data, whose scores say nothing about each other.

    Raises:
        ConfigError: with the first two that differ.
    """
    known = [one for one in given if one.spec is not None]
    for one in known[1:]:
        first = known[0]
        assert one.spec is not None and first.spec is not None
        if one.spec.task != first.spec.task:
            what = f"tasks ({first.spec.task} and {one.spec.task})"
        elif one.fingerprint != first.fingerprint:
            what = "data"
        else:
            continue
        raise ConfigError(
            f"benchmark: {first.path} and {one.path} are of different {what}: their scores can't be compared. "
            "Name those of one run (the folder of a variant holds its name), or add --speed-only, which leaves scores "
            "out and times each on examples of its own data."
        )


class Parts:
    """The data of networks, loaded once where they are the same.

    Args:
        overrides: where the data are now: ``data.path=FILE``.
    """

    def __init__(self, overrides: Sequence[str]) -> None:
        self.overrides = overrides
        self._known: dict[str, Data] = {}

    def of(self, one: Given) -> Data:
        """The data that a network was trained with, prepared as for its training.

        Raises:
            ConfigError: they have changed, or are not where they were.
        """
        from runner.run.assembly import load_data
        from runner.run.trained import recipe_at
        from runner.run.unchanged import Unchanged

        assert one.recipe is not None and one.spec is not None and one.sizes is not None
        recipe = recipe_at(one.recipe, self.overrides)
        chosen = {name: recipe.values.get(name) for name in ("data", "cleaning", "features")}
        key = repr(chosen)
        if key not in self._known:
            data = load_data(recipe)
            Unchanged().check(data, one.fingerprint, one.sizes, one.spec)
            self._known[key] = data
        return self._known[key]
