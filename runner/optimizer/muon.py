"""Muon for the matrices of a network, AdamW for everything else."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor
from torch.optim import Optimizer

from runner.engine.torch_overhead import bare_step
from runner.optimizer.base import Parameters

Beta = Annotated[float, Ge(0), Lt(1)]


class Muon(Optimizer):
    """``torch.optim.Muon`` (orthogonalized momentum) on hidden matrices, ``torch.optim.AdamW`` on all other parameters.

    Biases, norms, convolutions, embeddings and the output layer go to AdamW. With ``adjust_lr_fn=match_rms_adamw`` an
    update of a matrix is as large as AdamW's usually is, so that one learning rate and one decay serve both.

    Args:
        params: parameters or groups of them; groups may carry ``param_names`` for the patterns in `adamw`.
        lr: learning rate of both, at least 0.
        weight_decay: decoupled decay of both, at least 0.
        momentum: of Muon, in [0, 1).
        nesterov: whether Muon's momentum looks ahead.
        ns_coefficients: of the polynomial that is iterated to orthogonalize.
        eps: keeps Muon's normalization finite, above 0.
        ns_steps: iterations, fewer than 100.
        adjust_lr_fn: how the rate of a matrix ``(A, B)`` is adjusted: ``original`` √max(1, A/B), ``match_rms_adamw``
            0.2 √max(A, B), ``spectral_unclamped`` √(A/B).
        adamw: matrices whose names match one of these patterns go to AdamW too.
        adamw_betas: of AdamW, in [0, 1).
        adamw_eps: of AdamW, above 0.

    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; Liu et al. 2025, "Muon is
    Scalable for LLM Training", section 2.2, for the rate that matches AdamW's.
    """

    not_saved: ClassVar[tuple[str, ...]] = ("parts",)  # whose groups and state are those of the whole

    def __init__(
        self,
        params: Parameters,
        lr: Annotated[float, Ge(0)] = 1e-3,
        weight_decay: Annotated[float, Ge(0)] = 0.1,
        momentum: Annotated[float, Ge(0), Lt(1)] = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: Annotated[float, Gt(0)] = 1e-7,
        ns_steps: Annotated[int, Ge(1), Lt(100)] = 5,
        adjust_lr_fn: Literal["original", "match_rms_adamw", "spectral_unclamped"] = "match_rms_adamw",
        adamw: tuple[str, ...] = ("*embed*", "output.*", "head*", "fc.*"),
        adamw_betas: tuple[Beta, Beta] = (0.9, 0.999),
        adamw_eps: Annotated[float, Gt(0)] = 1e-8,
    ) -> None:
        def nothing() -> list[Tensor]:  # the parts get their groups in `_share`
            return [torch.zeros(1, 1)]

        self.parts: dict[str, Optimizer] = {
            "muon": torch.optim.Muon(
                nothing(), lr, weight_decay, momentum, nesterov, ns_coefficients, eps, ns_steps, adjust_lr_fn
            ),
            "adamw": torch.optim.AdamW(nothing(), lr, adamw_betas, adamw_eps, weight_decay),
        }
        given = [group if isinstance(group, dict) else {"params": [group]} for group in params]
        groups = [
            {**self.parts[part].defaults, **chosen, "part": part}
            for part in self.parts  # Muon's first: a schedule that cycles momentum looks there
            for group in given
            if (chosen := _of_part(group, part, adamw))["params"]
        ]
        super().__init__(groups, {"lr": lr})
        self.updates = [bare_step(optimizer) for optimizer in self.parts.values()]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take more parameters; where it is not said whose they are, they are AdamW's."""
        if "part" not in param_group:
            param_group = {**self.parts["adamw"].defaults, **param_group, "part": "adamw"}
        super().add_param_group(param_group)
        self._share()

    def _share(self) -> None:
        """Give both parts their groups and all of the state: the very same objects, so that nothing is kept twice."""
        for name, optimizer in self.parts.items():
            optimizer.param_groups = [group for group in self.param_groups if group["part"] == name]
            optimizer.state = self.state

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update all weights."""
        for update in self.updates:
            update()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        super().load_state_dict(state_dict)
        self._share()


def _of_part(group: dict[str, Any], part: str, patterns: tuple[str, ...]) -> dict[str, Any]:
    params = list(group["params"])
    names = list(group.get("param_names", [""] * len(params)))
    chosen = [
        (name, p)
        for name, p in zip(names, params, strict=True)
        if (part == "muon") == (p.ndim == 2 and not any(fnmatchcase(name, pattern) for pattern in patterns))
    ]
    kept = {"param_names": [name for name, _ in chosen]} if "param_names" in group else {}
    return {**group, "params": [p for _, p in chosen], **kept}
