"""A network without some of its channels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from runner.deploy.structured.network import Channels
from runner.model.ft_transformer import Attention as ColumnAttention
from runner.model.layers.multihead import Attention
from runner.model.layers.recurrent import Recurrent
from runner.model.layers.residual import Subsample

Kept = dict[str, dict[int, list[int]]]


def kept_of(channels: Channels, gone: NDArray[np.bool_]) -> Kept:
    """Of each parameter and buffer that becomes smaller, by name and dimension, the indices that stay.

    Args:
        channels: of the network.
        gone: whether each label is removed.
    """
    kept: Kept = {}
    for (name, dim), labels in channels.of.items():
        if gone[labels].any():
            kept.setdefault(name, {})[dim] = np.flatnonzero(~gone[labels]).tolist()
    return kept


@torch.no_grad()
def cut(model: nn.Module, kept: Kept, channels: Channels, gone: NDArray[np.bool_]) -> None:
    """Remove channels from `model`, in place."""
    for tensor, dims in ((t, kept[n]) for n, t in [*model.named_parameters(), *model.named_buffers()] if n in kept):
        for dim, indices in dims.items():
            tensor.data = tensor.data.index_select(dim, torch.tensor(indices))
    for name, module in model.named_modules():
        if isinstance(module, nn.MultiheadAttention):
            _scale(module)
        if isinstance(module, Subsample) and name in channels.maps:
            inputs, outputs = (int((~gone[labels]).sum()) for labels in channels.maps[name])
            module.extra = outputs - inputs
        _fit(module)


@torch.no_grad()
def muted(model: nn.Module, kept: Kept) -> None:
    """In place of removing channels, make all that they are multiplied with next to nothing.

    Not zero: the direction of a weight (weight norm) must be defined.
    """
    for name, p in model.named_parameters():
        for dim, indices in kept.get(name, {}).items():
            factor = torch.full((p.shape[dim],), 1e-12)
            factor[indices] = 1.0
            p.mul_(factor.view([-1 if d == dim else 1 for d in range(p.ndim)]))


def _scale(module: nn.MultiheadAttention) -> None:
    """Of a single head the products of queries and keys are divided by the root of its width, which has changed."""
    width = module.out_proj.weight.shape[1]
    if module.num_heads == 1 and width != module.embed_dim:
        for own in (module.in_proj_weight, module.in_proj_bias):
            if own is not None:
                own[:width] *= math.sqrt(width / module.embed_dim)


def _fit(module: nn.Module) -> None:
    """Set what a module says of its sizes."""
    own: Any = module
    weight = getattr(module, "weight", None)
    shape = weight.shape if isinstance(weight, Tensor) else torch.Size()
    if isinstance(module, nn.Linear):
        own.out_features, own.in_features = shape
    elif isinstance(module, nn.modules.conv._ConvNd):
        rows, columns = (module.out_channels, module.in_channels)[:: -1 if module.transposed else 1], shape[1]
        own.groups = module.groups if module.groups == 1 else module.groups * shape[0] // rows[0]
        first, second = shape[0], columns * own.groups
        own.out_channels, own.in_channels = (second, first) if module.transposed else (first, second)
    elif isinstance(module, nn.modules.batchnorm._NormBase):
        kept = weight if weight is not None else module.running_mean
        own.num_features = module.num_features if kept is None else len(kept)
    elif isinstance(module, nn.LayerNorm | nn.RMSNorm) and weight is not None:
        own.normalized_shape = tuple(shape)
    elif isinstance(module, nn.GroupNorm) and weight is not None and len(weight) != module.num_channels:
        if module.num_groups > 1:
            own.num_groups = module.num_groups * len(weight) // module.num_channels
        own.num_channels = len(weight)
    elif isinstance(module, nn.Embedding):
        own.num_embeddings, own.embedding_dim = shape
    elif isinstance(module, nn.RNNBase):
        own.hidden_size, own.input_size = module.weight_hh_l0.shape[1], module.weight_ih_l0.shape[1]
    elif isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
        width = module.in_proj_weight.shape[1]
        if module.num_heads > 1:
            own.num_heads = width // module.head_dim
        own.embed_dim = own.kdim = own.vdim = width
        own.head_dim = width // own.num_heads
    elif isinstance(module, Attention):
        query = module.output.weight.shape[1]
        shared = (module.inner.weight.shape[0] - (0 if module.query is not None else query)) // 2
        own.sizes = (query, shared, shared)
    elif isinstance(module, ColumnAttention):
        own.heads = module.heads * module.output.weight.shape[1] // module.output.in_features
    elif isinstance(module, Recurrent):
        last = [part for part in module.children() if isinstance(part, nn.RNNBase)][-1]
        own.forwards = last.weight_hh_l0.shape[1]
    elif hasattr(module, "hidden_dim") and isinstance(
        getattr(module, "conv_proj", None), nn.Conv2d
    ):  # torchvision's vit
        own.hidden_dim = own.conv_proj.weight.shape[0]
