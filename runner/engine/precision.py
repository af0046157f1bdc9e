"""Number formats of a run: full, bfloat16, or float16 with loss scaling (Micikevicius et al. 2018)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from torch import Tensor

from runner.errors import ConfigError

PrecisionName = Literal["auto", "fp32", "bf16", "fp16"]


class Precision:
    """Autocast and loss scaling behind one name.

    Args:
        name: ``auto`` is bf16 on CUDA devices that compute in it and fp32 elsewhere: on CPUs bf16 pays for
            convolutions on processors with AVX512-BF16 or AMX and costs on small networks, so it is a choice there.
        device: where the run is.
    """

    def __init__(self, name: PrecisionName, device: torch.device) -> None:
        if name == "auto":
            name = "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported(False) else "fp32"
        if name == "fp16" and device.type == "mps":
            raise ConfigError("trainer.precision=fp16: loss scaling is not available on mps. Choose bf16 or fp32.")
        self.name = name
        self.device = device
        self.dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(name)
        self.scaler = torch.amp.GradScaler(device.type) if name == "fp16" else None

    def autocast(self) -> AbstractContextManager[None]:
        """The context of a forward pass. Ask only when `dtype` is not None: entering it costs 10 µs."""
        return torch.autocast(self.device.type, self.dtype)

    def scaled(self, loss: Tensor) -> Tensor:
        """The loss to take gradients of: scaled where the format needs it."""
        return loss if self.scaler is None else self.scaler.scale(loss)

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Take the scale out of the gradients, before anything looks at them."""
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)

    def scaled_step(self, optimizer: torch.optim.Optimizer) -> bool:
        """Update the weights under loss scaling; False when scaled gradients overflowed and the step was left out."""
        assert self.scaler is not None
        before = self.scaler.get_scale()
        self.scaler.step(optimizer)
        self.scaler.update()
        return self.scaler.get_scale() >= before

    def leave_out(self) -> None:
        """Close an update that is not to be made; the scale falls where it was the gradients that overflowed."""
        if self.scaler is not None:
            self.scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """State of the loss scale."""
        return self.scaler.state_dict() if self.scaler is not None else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave; a run resumed without scaling ignores it."""
        if self.scaler is not None and state:
            self.scaler.load_state_dict(state)
