"""The weights of a network that may be cut."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

_CUT = (nn.Linear, nn.Bilinear, _ConvNd, nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention)


def prunable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights of dense, convolutional, recurrent and attention layers, by name; the last layer is one of them.

    Left alone are biases and normalizations, which are few and weigh much, places and tables of embeddings, of which
    each row is a token's own, and whatever shares its weights with such a table.
    """
    tables = {id(m.weight) for m in model.modules() if isinstance(m, (nn.Embedding, nn.EmbeddingBag))}
    found: dict[str, nn.Parameter] = {}
    for layer, module in model.named_modules():
        if isinstance(module, _CUT):
            for name, p in module.named_parameters(layer, recurse=False):
                if p.ndim >= 2 and "weight" in name.rpartition(".")[2] and id(p) not in tables:
                    tables.add(id(p))  # a layer that stands in two places is cut once
                    found[name] = p
    return found


def zeros(weights: Mapping[str, Tensor]) -> dict[str, float]:
    """The share of each that is zero."""
    return {name: float((w == 0).sum()) / w.numel() for name, w in weights.items()}
