"""A variant of a trained network, in a run folder of its own."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from runner.deploy.judged import Judged, judged
from runner.engine import checkpoint
from runner.engine.monitor import canonical
from runner.record.files import write_bytes, write_json
from runner.record.folder import RunFolder, claim, kept_when_started
from runner.record.manifest import gather
from runner.run.trained import network_in

if TYPE_CHECKING:
    from runner.deploy.parent import Parent
    from runner.run.trained import TrainedNetwork

VARIANTS = Path("outputs/variants")

# What a checkpoint has of its parent's, besides weights.
KEPT = ("config", "spec", "transform", "data")


@dataclass(frozen=True)
class Variant:
    """What a variant consists of.

    Attributes:
        verb: that made it.
        settings: what was chosen: ``{"method": "dynamic"}``.
        content: of its checkpoint, besides what it has from its parent: ``model`` and ``changes``, or ``exported``.
        files: that stand in its folder beside, by name: the network.
        beside: further ones, which are not counted among its bytes.
        refused: why it is not to be used, from how it compares with its parent; None where it may be.
        told: what else stands in ``result.json``.
    """

    verb: str
    settings: Mapping[str, Any]
    content: dict[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)
    beside: Mapping[str, bytes] = field(default_factory=dict)
    refused: Callable[[Judged], str | None] = lambda judged: None
    told: Mapping[str, Any] = field(default_factory=dict)


def write(parent: Parent, variant: Variant) -> tuple[Path, dict[str, Any]]:
    """Write a variant, open it again, and judge it beside its parent on validation and test examples.

    Where that ends early, by Ctrl-C too, its folder is gone. Only a process that is killed leaves one, which counts as
    interrupted.

    Returns:
        Its folder, which is called ``...-refused`` where it is not to be used, and what stands in ``result.json``:
        scores as of any run; those of the ``parent``; the ``difference`` of their outputs, on the test part where there
        is one; the ``bytes`` of both.

    Raises:
        ConfigError: the data are not there any more, or have changed.
        RunFailed: what was written can't be opened or run.
    """
    begin = time.perf_counter()
    parent.data  # noqa: B018  loaded before anything is written
    chosen = _in_names("-".join(str(v) for v in variant.settings.values() if type(v) in (str, int, float)))
    with kept_when_started(VARIANTS) as made:
        folder = claim(VARIANTS, f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{_name(parent)}-{variant.verb}-{chosen}")
        made.append(folder)
        place = RunFolder(folder)
        try:
            place.lock.take()
            result = _write(place, parent, variant)
            result["seconds"] = round(time.perf_counter() - begin, 3)
            write_json(place.result, result)
            if result["cause"]:
                folder = folder.rename(claim(VARIANTS, f"{folder.name}-refused"))
        except BaseException:  # Ctrl-C too
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            place.lock.release()
    return folder, result


def _write(place: RunFolder, parent: Parent, variant: Variant) -> dict[str, Any]:
    """Fill the folder of a variant but for its ``result.json``, whose content is the result."""
    config = {**parent.saved["config"], "variant": {"verb": variant.verb, **variant.settings}}
    config["trainer"] = {**config["trainer"], "precision": "fp32"}
    place.create(yaml.safe_dump(json.loads(json.dumps(config, default=str)), sort_keys=False))
    place.update_manifest(**gather([]), parent=parent.described)
    for name, content in {**variant.files, **variant.beside}.items():
        write_bytes(place.path / name, content)
    kept = {name: parent.saved[name] for name in KEPT} | {"config": config}
    kept |= {"changes": parent.saved.get("changes", [])}
    path = place.checkpoints / "best.pt"
    checkpoint.save(path, {**kept, **variant.content})
    trusted = [*parent.network.recipe.trusted, *variant.files]  # which were just written here
    network = network_in(checkpoint.load(path), path, parent.network.device, trusted)
    compared = {part: _judged(parent, network, part) for part in ("val", "test") if part in parent.data.parts}
    last = compared.get("test") or compared["val"]
    cause = variant.refused(last)
    monitor = canonical(network.recipe.values["monitor"])
    result = {
        "status": "failed" if cause else "completed",
        "cause": cause,
        "monitor": monitor,
        "best_value": compared["val"].variant.get(monitor.removeprefix("val/")),
        "train": None,
        **{part: compared[part].variant if part in compared else None for part in ("val", "test")},
        "parent": {part: compared[part].parent for part in compared}
        | {"parameters": parameters(parent.network.model), "bytes": parent.path.stat().st_size},
        "difference": {
            "largest": last.largest,
            "mean": last.mean,
            "relative": last.relative,
            "in_pieces": last.in_pieces,
        },
        "parameters": parameters((parent.network if "exported" in variant.content else network).model),
        "bytes": sum(len(content) for content in variant.files.values()) or path.stat().st_size,
        **variant.told,
    }
    place.update_manifest(
        status=result["status"],
        task=network.spec.task,
        parameters=result["parameters"],
        data={"fingerprint": network.fingerprint, **network.sizes},
    )
    return result


def _judged(parent: Parent, network: TrainedNetwork, part: str) -> Judged:
    split = parent.data.parts[part]
    number = len(split) if split.listed else 0
    return judged(parent.network, network, split, lambda done: parent.hear(f"judging on {part}", done, number))


def parameters(model: Any) -> int:
    """Numbers in a network's weights, whatever their format."""
    return sum(p.numel() for p in model.parameters())


def _name(parent: Parent) -> str:
    """The name of a run without its time."""
    return _in_names(re.sub(r"^[\d-]+_[\d-]+_", "", parent.place.path.resolve().name)) or "run"


def _in_names(text: str) -> str:
    """What of a text may stand in the name of a folder: a setting may be the path of a file."""
    return re.sub(r"[^\w.-]", "_", text).strip("-_.")[:80]
