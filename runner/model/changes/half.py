"""Weights and arithmetic of sixteen bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from runner.model.changes.change import Change


@dataclass(frozen=True)
class Half(Change):
    """Floating-point weights become those of sixteen bits, as does what the network is given; outputs are float32.

    Who makes the weights float32 again, as explanations do, has a network that computes in float32.

    Attributes:
        format: ``fp16`` (5 bits of exponent, 10 of fraction) or ``bf16`` (8 and 7).
    """

    trainable: ClassVar[bool] = False
    format: Literal["fp16", "bf16"]

    def apply(self, model: nn.Module) -> None:
        """See `Change.apply`."""

        def narrow(
            module: nn.Module, inputs: tuple[Any, ...], more: dict[str, Any]
        ) -> tuple[tuple[Any, ...], dict[str, Any]]:
            dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
            return tuple(_to(x, dtype) for x in inputs), {name: _to(x, dtype) for name, x in more.items()}

        def widen(_: nn.Module, __: Any, outputs: Any) -> Any:
            return _to(outputs, torch.float32)

        model.to({"fp16": torch.float16, "bf16": torch.bfloat16}[self.format])
        model.register_forward_pre_hook(narrow, with_kwargs=True)
        model.register_forward_hook(widen)


def _to(value: Any, dtype: torch.dtype) -> Any:
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value
