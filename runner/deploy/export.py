"""A trained network as a file that runs without the code that made it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runner.deploy.formats import OPSET, WRITERS
from runner.deploy.graph import graph
from runner.deploy.standalone import standalone
from runner.deploy.variant import Variant, write
from runner.deploy.with_past import FILE, with_past
from runner.errors import ConfigError
from runner.model.changes.half import Half
from runner.model.exported import Exported
from runner.model.exported.network import Format, Provider

if TYPE_CHECKING:
    from runner.deploy.judged import Judged
    from runner.deploy.parent import Parent

Precision = Literal["fp32", "fp16", "int8"]

# How far an output may lie from the network's own, as a share of the largest output. Of int8 the scores tell.
TOLERANCE: dict[Precision, float] = {"fp32": 1e-4, "fp16": 1e-2, "int8": math.inf}


def export(
    parent: Parent,
    format: Format,
    precision: Precision = "fp32",
    dynamic_batch: bool = False,
    tolerance: float | None = None,
    provider: Provider = "cpu",
) -> tuple[Path, dict[str, Any]]:
    """Write the network of `parent` as a file, run that on its validation and test examples, and keep it as a variant.

    Args:
        parent: what is exported.
        format: a name of `WRITERS`.
        precision: of weights and arithmetic; inputs and outputs are float32. ``int8`` is what ``quantize --method
            static`` makes, as ONNX. A network of float16 stays so.
        dynamic_batch: take any number of examples at once; otherwise one.
        tolerance: how far an output may lie from the network's own, as a share of the largest output; None: that of the
            precision in `TOLERANCE`.
        provider: what ONNX Runtime computes with.

    Returns:
        See `runner.deploy.variant.write`.

    Raises:
        ConfigError: this network can't be exported, with the reason.
    """
    writer, file = WRITERS[format]
    if provider != "cpu":
        from runner.model.exported.onnx import check_provider

        check_provider(provider)
    changes = parent.network.changes
    if Half("bf16") in changes and format == "onnx":
        raise ConfigError(
            f"{parent.place.path}: is of bf16, in which ONNX Runtime does not compute on processors. Take --format "
            "program, or export the run that it was made of with --precision fp16."
        )
    if precision == "fp32" and Half("fp16") in changes:
        precision = "fp16"
    parent.data  # noqa: B018  loaded, and found to be those of the training, before anything takes long
    parent.hear(f"writing {file}", 0, 1)
    further = b""
    if precision == "int8":
        content = _int8(parent, format, dynamic_batch)
        names: tuple[str, ...] = ("inputs", *parent.data.val.sample(1, 0).more)
    else:
        exported = graph(parent, dynamic_batch, half=precision == "fp16")
        content, names = writer(exported), exported.names
        if format == "onnx" and (going_on := with_past(parent, exported)):
            parent.hear(f"writing {FILE}", 0, 1)
            further = writer(going_on)
    about = Exported(
        format,
        file,
        hashlib.sha256(content).hexdigest(),
        names,
        precision,
        None if dynamic_batch else 1,
        provider,
        parent.network.context,
        *((FILE, hashlib.sha256(further).hexdigest()) if further else ()),
    )
    allowed = TOLERANCE[precision] if tolerance is None else tolerance
    settings: dict[str, Any] = {"format": format, "precision": precision, "dynamic_batch": dynamic_batch}
    settings |= {"onnx": {"opset": OPSET, "provider": provider}} if format == "onnx" else {}
    kept = {"model": {}, "changes": [], "exported": about.plain()}
    beside = {FILE: further} if further else {}
    beside |= standalone(parent, about) if format == "onnx" else {}
    return write(parent, Variant("export", settings, kept, {file: content}, beside, beyond(allowed)))


def onnx(parent: Parent, dynamic_batch: bool) -> bytes:
    """The network as an ONNX file in float32, of opset `OPSET`: what is quantized."""
    return WRITERS["onnx"][0](graph(parent, dynamic_batch))


def _int8(parent: Parent, format: Format, dynamic_batch: bool) -> bytes:
    if format != "onnx":
        raise ConfigError(f"--precision int8: is for --format onnx, whose runtime computes in it; got {format}.")
    from runner.deploy.quantize import refuse_quantized, static  # which exports itself

    refuse_quantized(parent)
    return static(parent, dynamic_batch)


def beyond(tolerance: float) -> Callable[[Judged], str | None]:
    """What is said of outputs that lie further from the network's own than `tolerance`, a share of the largest one."""

    def refused(judged: Judged) -> str | None:
        for largest, outputs in ((judged.largest, "outputs"), (judged.in_pieces, "outputs for a text in pieces")):
            if largest is None:
                continue
            share = largest / judged.unit
            if not math.isfinite(share):  # no number is neither less nor more than another
                return (
                    f"its {outputs} are not finite where the network's own are, or no numbers, as perhaps the "
                    "network's own"
                )
            if share > tolerance:
                return (
                    f"its {outputs} lie up to {largest:.3g} from the network's own, which are as large as "
                    f"{judged.scale:.3g}: more than the {tolerance:g} of that which are allowed"
                )
        return None

    return refused
