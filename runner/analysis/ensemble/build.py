"""An ensemble from its members to its folder: weights, scores, gain, out-of-fold predictions."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
import yaml

from runner.analysis.ensemble import agreement
from runner.analysis.ensemble.weights import evidence, log_loss_weights, squared_error_weights
from runner.analysis.folders import runs_of
from runner.config.check import scores_of
from runner.engine.monitor import canonical
from runner.errors import ConfigError
from runner.record.files import write_json, write_text
from runner.record.folder import RunFolder, claim, kept_when_started
from runner.record.manifest import gather
from runner.run.ensemble import Ensemble, load_each, scores_of_ensemble
from runner.run.trained import network_in

if TYPE_CHECKING:
    from runner.engine.data import Data

Weights = Literal["equal", "validation"]

ENSEMBLES = Path("outputs/ensembles")


def checkpoints_of(words: Sequence[str], snapshots: bool) -> list[Path]:
    """The checkpoint files that the words of a command name: files, runs, sweeps for their completed trials, patterns.

    Args:
        words: as typed.
        snapshots: take what ``regularization=[snapshot]`` kept of each run, instead of its best weights.

    Raises:
        ConfigError: nothing lies there.
    """
    found: dict[Path, None] = {}
    for word in words:
        if word.endswith(".pt") and Path(word).is_file():
            found[Path(word)] = None
            continue
        for run in runs_of([word]):
            place = RunFolder(run).checkpoints
            files = sorted(place.glob("snapshot-*.pt")) if snapshots else [place / "best.pt"]
            if not files:
                raise ConfigError(
                    f"{run}: there are no snapshots in it. `regularization=[snapshot]` keeps them; without --snapshots "
                    "its best weights are taken."
                )
            if not files[0].is_file() and run == Path(word):
                raise ConfigError(f"{run}: there is no {files[0]}. Expected a run that was trained.")
            found |= {file: None for file in files if file.is_file()}
    if not found:
        raise ConfigError(f"{', '.join(words)}: no trained network lies there.")
    return list(found)


def build(
    words: Sequence[str],
    weights: Weights = "equal",
    vote: bool = False,
    snapshots: bool = False,
    device: str = "cpu",
    trusted: list[str] | None = None,
    places: Sequence[str] = (),
    tell: Callable[[str], None] = lambda text: None,
) -> tuple[Path, dict[str, Any]]:
    """Make an ensemble, score it beside its members, and keep it in a folder of its own.

    Args:
        words: runs, sweeps, checkpoint files, or patterns of them.
        weights: ``equal``, or fitted on the ``validation`` part.
        vote: take the class that most members tell.
        snapshots: see `checkpoints_of`.
        device: where to compute.
        trusted: modules of the user's own that the runs name.
        places: where the data are now: ``data.path=FILE``.
        tell: hears what is done.

    Returns:
        The folder, and what stands in its ``result.json``.

    Raises:
        ConfigError: the members do not go together, or nothing is there to weigh or vote by.
    """
    from runner.engine import checkpoint
    from runner.engine.device import choose_device

    begin, where = time.perf_counter(), choose_device(device)
    files = checkpoints_of(words, snapshots)
    saved = [checkpoint.load(file, where) for file in files]
    if exported := next((file for file, one in zip(files, saved, strict=True) if "exported" in one), None):
        raise ConfigError(
            f"{exported}: is of an exported file, which can't be a member: an ensemble keeps the weights of its "
            "members in one checkpoint. Name the run that it was made of, which stands in its manifest.json as parent."
        )
    if nested := next((file for file, one in zip(files, saved, strict=True) if "members" in one), None):
        raise ConfigError(f"{nested}: is an ensemble itself. Name its members.")
    members = [network_in(one, file, where, trusted) for file, one in zip(files, saved, strict=True)]
    names = [_name(file) for file in files]
    agreement.check(names, members)
    ensemble = Ensemble.of(members, vote=vote)
    if vote and not ensemble.task.votes:
        raise ConfigError(f"--vote: {ensemble.task.name} tells no class that networks could vote for. Leave it out.")
    if weights == "validation" and ensemble.folds:
        raise ConfigError(
            "--weights validation: each of these members was trained on the validation examples of the others, so that "
            "none is left to weigh all of them by. Take --weights equal."
        )
    tell(f"{len(members)} members; {ensemble.task.name}, {ensemble.fingerprint[:12]}")
    data = load_each(ensemble, list(places))
    if weights == "validation":
        ensemble = Ensemble.of(members, fitted(ensemble, data), vote)
    result = _judged(ensemble, data, names)
    with kept_when_started(ENSEMBLES) as made:
        folder = claim(ENSEMBLES, f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{_title(files[0])}-{len(files)}")
        made.append(folder)
        place = RunFolder(folder)
        chosen = {"members": names, "weights": weights, "vote": vote}
        plain = json.loads(json.dumps(members[0].recipe["data"].values, default=str))
        place.create(yaml.safe_dump({"ensemble": chosen, "data": plain}, sort_keys=False))
        checkpoint.save(place.checkpoints / "best.pt", ensemble.content(saved))
        if ensemble.folds:
            write_text(folder / "out_of_fold.csv", out_of_fold(ensemble, data))
        place.update_manifest(
            **gather([]) | {"status": "completed"},
            members=[
                {"path": str(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "weight": weight}
                for file, weight in zip(files, ensemble.weights, strict=True)
            ],
            data={"fingerprint": ensemble.fingerprint, **ensemble.sizes},
            task=ensemble.spec.task,
            parameters=result["parameters"],
        )
        result["seconds"] = round(time.perf_counter() - begin, 3)
        write_json(place.result, result)
    return folder, result


def fitted(ensemble: Ensemble, data: Sequence[Data]) -> list[float]:
    """Shares of the members that are best on the validation part; see `runner.analysis.ensemble.weights`."""
    seen: list[list[torch.Tensor]] = [[] for _ in ensemble.members]
    with torch.inference_mode():
        for batch, each in ensemble.told(data, "val"):
            for kept, outputs in zip(seen, each, strict=True):
                kept.append(evidence(ensemble.task, outputs, batch.targets).double())
    table = np.stack([torch.cat(kept).numpy() for kept in seen])
    field = ensemble.spec.targets
    values = field is not None and field.kind == "values"
    found = squared_error_weights(table) if values else log_loss_weights(table)
    return [float(share) for share in found]


def _judged(ensemble: Ensemble, data: Sequence[Data], names: Sequence[str]) -> dict[str, Any]:
    """Scores on validation and test, those of the members, and the gain over their best and their mean."""
    directions = scores_of(ensemble.recipe, ensemble.spec.task)
    result: dict[str, Any] = {
        "status": "completed",
        "cause": None,
        "monitor": ensemble.recipe.values["monitor"],
        "train": None,
        "val": None,
        "test": None,
        "gain": {},
        "parameters": sum(p.numel() for member in ensemble.members for p in member.model.parameters()),
        "out_of_fold": bool(ensemble.folds),
    }
    told: list[dict[str, Any]] = [
        {"member": name, "weight": weight} for name, weight in zip(names, ensemble.weights, strict=True)
    ]
    for split in ("val", "test"):
        if any(split not in one.parts for one in data):
            continue
        result[split], members = scores_of_ensemble(ensemble, data, split)
        for entry, own in zip(told, members, strict=False):
            entry[split] = own
        if members:
            result["gain"][split] = gain(
                result[split],
                members,
                {n: directions.get(f"{split}/{n}") or directions.get(f"val/{n}") for n in result[split]},
            )
    score = canonical(result["monitor"])
    result["best_value"] = (result["val"] or {}).get(score.removeprefix("val/"))
    return {**result, "members": told}


def gain(
    own: dict[str, float], members: Sequence[dict[str, float]], directions: dict[str, Any]
) -> dict[str, dict[str, float]]:
    """By how much each score is better than that of the best member, and than their mean; above 0 is better.

    Args:
        own: scores of the ensemble.
        members: those of each member.
        directions: ``min`` or ``max`` of each score.
    """
    found = {}
    for name, value in own.items():
        sign = {"min": -1.0, "max": 1.0}.get(str(directions.get(name)))
        others = [one[name] for one in members if name in one]
        if sign is not None and others:
            best = max(sign * other for other in others)
            found[name] = {"over_best": sign * value - best, "over_mean": sign * (value - sum(others) / len(others))}
    return found


def out_of_fold(ensemble: Ensemble, data: Sequence[Data]) -> str:
    """Predictions for the validation examples of every fold by the members that were not trained on it, as CSV.

    The examples of a fold stand in the order of the data, the folds one after the other.
    """
    text, table = io.StringIO(), None
    place: dict[int, int] = {}
    with torch.inference_mode():
        for fold, (_, each) in ensemble.out_of_fold(data):
            joined = ensemble.together(each, (1 / len(each),) * len(each))
            for row in ensemble.task.rows(joined):
                number = place[fold] = place.get(fold, -1) + 1
                told = {"fold": fold, "example": number, **row}
                if table is None:
                    table = csv.DictWriter(text, list(told), lineterminator="\n")
                    table.writeheader()
                table.writerow({k: json.dumps(v) if isinstance(v, (list, dict)) else v for k, v in told.items()})
    return text.getvalue()


def _name(file: Path) -> str:
    """A checkpoint as a user knows it: the run, for its best weights."""
    best = file.name == "best.pt" and file.parent.name == "checkpoints"
    return str(file.parent.parent) if best else str(file)


def _title(file: Path) -> str:
    """The name of a run without its time, or of the sweep that it is a trial of."""
    run = file.resolve().parent.parent
    name = run.parent.parent.name if run.parent.name == "trials" else run.name
    return re.sub(r"[^\w.-]", "_", re.sub(r"^[\d-]+_[\d-]+_", "", name)).strip("-_.") or "ensemble"
