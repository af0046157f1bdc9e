"""A trained network as a file that runs without the code that made it."""

from __future__ import annotations

import hashlib
import inspect
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from runner.deploy.standalone import standalone
from runner.deploy.variant import Variant, write
from runner.errors import ConfigError
from runner.model.exported import Exported
from runner.model.exported.network import Format

if TYPE_CHECKING:
    from runner.deploy.judged import Judged
    from runner.deploy.parent import Parent

OPSET = 20

# How far an output may lie from the network's own, as a share of the largest output.
TOLERANCE = {"fp32": 1e-4, "fp16": 1e-2}


def export(parent: Parent, format: Format, dynamic_batch: bool = False) -> tuple[Path, dict[str, Any]]:
    """Write the network of `parent` as a file, run that on its test examples, and keep it as a variant.

    Args:
        parent: what is exported.
        format: ``onnx``, ``program`` or ``torchscript``.
        dynamic_batch: take any number of examples at once; otherwise one.

    Returns:
        See `runner.deploy.variant.write`.

    Raises:
        ConfigError: this network can't be exported, with the reason.
    """
    if format != "onnx":
        raise ConfigError(f"--format {format}: is not there yet. Expected onnx.")
    content = onnx(parent, dynamic_batch)
    batch = parent.data.val.sample(1, 0)
    about = Exported(
        format,
        "model.onnx",
        hashlib.sha256(content).hexdigest(),
        ("inputs", *batch.more),
        batch=None if dynamic_batch else 1,
    )
    settings = {"format": format, "precision": "fp32"}
    changes = {"model": {}, "changes": [], "exported": about.plain()}
    files, refused = {"model.onnx": content}, _beyond(TOLERANCE["fp32"])
    return write(parent, Variant("export", settings, changes, files, standalone(parent, about), refused))


def onnx(parent: Parent, dynamic_batch: bool) -> bytes:
    """The network as an ONNX file of opset `OPSET`."""
    model = parent.network.model
    batch = parent.data.val.sample(2 if dynamic_batch else 1, 0)
    first = next(iter(inspect.signature(model.forward).parameters))
    shapes: Any = None
    if dynamic_batch:
        free = {0: torch.export.Dim("batch")}
        spec = parent.network.spec
        any_length = spec.inputs is not None and None in (spec.inputs.shape or ())
        shapes = {
            first: free | ({1: torch.export.Dim("steps")} if any_length else {}),
            **dict.fromkeys(batch.more, free),
        }
        if first in ("args", "input") and not batch.more:
            shapes = (free,)
    program = torch.export.export(model, (batch.inputs,), dict(batch.more), dynamic_shapes=shapes, strict=False)
    made = torch.onnx.export(program, dynamo=True, opset_version=OPSET, external_data=False, verbose=False)
    assert made is not None
    buffer = io.BytesIO()
    buffer.write(made.model_proto.SerializeToString())
    return buffer.getvalue()


def _beyond(tolerance: float) -> Any:
    def refused(judged: Judged) -> str | None:
        if judged.relative <= tolerance:
            return None
        return (
            f"its outputs lie up to {judged.largest:.3g} from the network's own, which are as large as "
            f"{judged.scale:.3g}: more than the {tolerance:g} of that which are allowed"
        )

    return refused
