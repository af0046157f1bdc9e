"""Truncated normal initialization of a fixed width."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor, nn

from runner.init.base import Init
from runner.model.base import declared

# Layers that end a residual branch, in torch's own blocks; others declare theirs.
RESIDUAL_ENDS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.TransformerEncoderLayer: ("self_attn.out_proj", "linear2"),
    nn.TransformerDecoderLayer: ("self_attn.out_proj", "multihead_attn.out_proj", "linear2"),
}


def residual_ends(model: nn.Module) -> list[nn.Module]:
    """The last weighted layer of every residual branch, in order."""
    found = []
    for module in model.modules():
        names = declared(module).residual_ends or RESIDUAL_ENDS.get(type(module), ())
        found += [module.get_submodule(name) for name in names]
    return found


class TruncatedNormal(Init):
    """Weights from N(0, σ²), drawn anew where they are beyond `cut` σ. Biases zero.

    σ is `std`, a little more than that of the weights: the cut takes some of the variance. The custom in transformers,
    where what residual branches add up is kept in bounds by the number of branches. Packed projections of attention and
    embeddings are drawn as well.

    Args:
        std: σ, above 0.
        cut: bound in units of σ, above 0.
        scale_residual: whether the last layer of each of the network's n residual branches (two per transformer layer)
            is drawn with σ/√n.

    Source: Devlin et al. 2019, "BERT", for 0.02; Radford et al. 2019, "Language Models are Unsupervised Multitask
        Learners", section 2.3, for the residual branches.
    """

    def __init__(
        self, std: Annotated[float, Gt(0)] = 0.02, cut: Annotated[float, Gt(0)] = 2.0, scale_residual: bool = True
    ) -> None:
        self.std, self.cut, self.scale_residual = std, cut, scale_residual

    def __call__(self, model: nn.Module) -> None:
        """Initialize `model`."""
        super().__call__(model)
        with torch.no_grad():
            for module in model.modules():
                if isinstance(module, nn.Embedding):
                    self.fill(module.weight, 1.0)
                    if module.padding_idx is not None:
                        module.weight[module.padding_idx].zero_()
                elif isinstance(module, nn.MultiheadAttention):
                    apart = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
                    for weight in apart if module.in_proj_weight is None else (module.in_proj_weight,):
                        self.fill(weight, 1.0)
                    if module.in_proj_bias is not None:
                        module.in_proj_bias.zero_()
            ends = residual_ends(model) if self.scale_residual else []
            for layer in ends:
                layer.weight.div_(math.sqrt(len(ends)))  # type: ignore[operator]

    def fill(self, weight: Tensor, gain: float) -> None:
        """Draw one weight in place."""
        nn.init.trunc_normal_(weight, 0.0, self.std, -self.cut * self.std, self.cut * self.std)
