"""What a network is made of: numbers, zeros among them, floating-point operations."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from pathlib import Path

    from runner.engine.batch import Batch


def parameters(model: nn.Module) -> tuple[int, int]:
    """Numbers in the weights of a network, and how many of them are zero."""
    number = zeros = 0
    for weight in model.parameters():
        number += weight.numel()
        zeros += int((weight.detach() == 0).sum())
    return number, zeros


def is_plain(model: nn.Module) -> bool:
    """Whether its weights are numbers that torch calculates with itself, and none that were packed."""
    packed = (torch.int8, torch.uint8)
    return all(type(p) is nn.Parameter and p.dtype not in packed for p in model.parameters()) and not any(
        type(b) is not torch.Tensor or (b.dtype in packed and b.numel() > 1) for b in model.buffers()
    )


def flops(model: nn.Module, batch: Batch) -> int | None:
    """Floating-point operations for a batch, as `torch.utils.flop_counter` counts them.

    Two for each multiplication that is added to something, in products of matrices, convolutions and attention; nothing
    else counts. Zeros are multiplied like any other number. None where there is nothing of that kind.
    """
    from torch.utils.flop_counter import FlopCounterMode

    # What oneDNN and the fast path of attention do in one step is not counted; without them it is done in several.
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # oneDNN's, of GPUs that are not asked for
            with torch.backends.mkldnn.flags(enabled=False), torch.no_grad(), FlopCounterMode(display=False) as counter:
                model(batch.inputs, **batch.more)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return counter.get_total_flops() or None


def in_onnx(path: Path) -> tuple[int | None, int | None]:
    """Numbers that an ONNX file holds, and how many are zero; None where nothing is installed that reads it."""
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError:
        return None, None
    held = [numpy_helper.to_array(entry) for entry in onnx.load(path).graph.initializer]
    return sum(entry.size for entry in held), sum(int((entry == 0).sum()) for entry in held)
