"""The files beside an exported network."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from runner.deploy.standalone.kinds import raw_form
from runner.deploy.standalone.prepare import prepare
from runner.deploy.standalone.reason import NotWritten
from runner.deploy.standalone.script_of import script_of

if TYPE_CHECKING:
    from runner.deploy.parent import Parent
    from runner.engine.task import Task
    from runner.model.exported import Exported
    from runner.run.trained import TrainedNetwork

TASKS = ("classification", "multilabel", "regression", "forecasting", "tagging")
_BESIDE = ("categories", "lengths")  # inputs that a script gives beside the first


def standalone(parent: Parent, exported: Exported) -> dict[str, bytes]:
    """What `written` gives; nothing where no script can be written, which is told with the reason."""
    try:
        return written(parent.network, exported)
    except NotWritten as reason:
        parent.tell(f"predict.py, which would predict raw files without runner, is not written: {reason}.")
        return {}


def written(network: TrainedNetwork, exported: Exported) -> dict[str, bytes]:
    """What predicts raw files with an ONNX file, by names: ``predict.py``, ``preprocessing.json``, ``prepare.onnx``.

    Args:
        network: what was exported.
        exported: the file.

    Raises:
        NotWritten: there is no such script for these data or this task, with the reason.
    """
    task, transform = network.task, network.transform
    if transform is None:
        raise NotWritten("these data have no raw form that files could hold")
    if task.name not in TASKS or not type(task).__module__.startswith("runner.task."):
        raise NotWritten(f"it is there for {', '.join(TASKS)}, and the task is {task.name}")
    if others := [name for name in exported.inputs[1:] if name not in _BESIDE]:
        raise NotWritten(f"the network is given {', '.join(others)} beside its inputs")
    form = raw_form(transform)
    about: dict[str, Any] = {
        "network": exported.file,
        "sha256": {exported.file: exported.sha256},
        "prepare": None,
        "batch": exported.batch,
        "inputs": list(exported.inputs),
        "padded": "lengths" in network.spec.more,
    }
    files = {}
    if form.raw is not None:
        module = transform.module()
        assert module is not None
        files["prepare.onnx"] = prepare(module, form.raw, form.any_length)
        about["prepare"] = "prepare.onnx"
        about["sha256"]["prepare.onnx"] = hashlib.sha256(files["prepare.onnx"]).hexdigest()
    about |= {**form.about, **_answers(task)}
    files["preprocessing.json"] = (json.dumps(about, ensure_ascii=False, indent=1) + "\n").encode()
    files["predict.py"] = script_of((*form.parts, f"answer/{task.name}", "main"), form.besides).encode()
    return files


def _answers(task: Task) -> dict[str, Any]:
    """How outputs become answers."""
    targets = task.spec.targets
    assert targets is not None
    return {
        "task": task.name,
        "link": task.link,
        "classes": list(task.class_names),
        "threshold": getattr(task, "threshold", None),
        "target_names": list(targets.names),
        "target_series": (targets.shape or (1,))[-1] or 1,
        "mean": list(targets.mean),
        "std": list(targets.std),
        "levels": list(targets.levels),
    }
