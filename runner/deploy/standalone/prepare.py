"""The fitted preprocessing as a graph: from raw numbers to what the network takes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch
from torch import nn

from runner.deploy.formats import OPSET
from runner.deploy.graph import silent
from runner.deploy.standalone.reason import NotWritten

_TOLERANCE = 1e-5


def prepare(module: nn.Module, raw: torch.Tensor, any_length: bool = False) -> bytes:
    """A module as an ONNX file that takes any number of examples, compared with the module on these.

    Args:
        module: from raw numbers to inputs, one tensor or several.
        raw: some raw examples ``(N, ...)``, at least two.
        any_length: whether the second dimension may have any length too.

    Raises:
        NotWritten: it can't be one, or gives something else.
    """
    import onnxruntime

    free: dict[int, Any] = {0: torch.export.Dim("batch")}
    if any_length:
        free[1] = torch.export.Dim("steps")
    buffer = io.BytesIO()
    try:
        with silent():
            program = torch.export.export(module, (raw,), dynamic_shapes=(free,), strict=False)
            made = torch.onnx.export(program, dynamo=True, opset_version=OPSET, external_data=False, verbose=False)
        assert made is not None
        buffer.write(made.model_proto.SerializeToString())
        session = onnxruntime.InferenceSession(buffer.getvalue(), providers=["CPUExecutionProvider"])
        found = session.run(None, {session.get_inputs()[0].name: raw.numpy()})
    except Exception as error:  # the exporter and the runtime raise nearly anything
        raise NotWritten(f"what is fitted on the data can't be an ONNX graph ({type(error).__name__})") from error
    expected = module(raw)
    for one, other in zip(expected if isinstance(expected, tuple) else (expected,), found, strict=True):
        if not np.allclose(one.numpy(), other, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
            raise NotWritten("ONNX Runtime makes other inputs of raw numbers than what was fitted on the data")
    return buffer.getvalue()
