"""Layers of torch that are followed as a whole: recurrent ones and attention, which compute in kernels of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from runner.deploy.structured.flow import Flow, Layers


@dataclass(frozen=True)
class Tie:
    """Two kinds of channels of which as many must be kept: ``factor`` of `many` for each of `few`.

    Attributes:
        many: a label each.
        few: likewise.
        factor: how many of `many` go with one of `few`.
    """

    many: Tensor
    few: Tensor
    factor: int


def followed_as_a_whole(model: nn.Module, flow: Flow) -> list[Tie]:
    """Change in place how recurrent layers and attention of `model` are called, so that `flow` follows them.

    Returns:
        What is found when the model is called.
    """
    ties: list[Tie] = []
    for module in model.modules():
        if isinstance(module, nn.RNNBase):
            module.forward = _recurrent(flow, module)  # type: ignore[method-assign]
        elif isinstance(module, nn.MultiheadAttention):
            module.forward = _attention(flow, module, ties)  # type: ignore[method-assign]
    return ties


def _recurrent(flow: Flow, module: nn.RNNBase) -> Callable[..., Any]:
    """Hidden unit i of all its layers and directions is one channel, with all its gates."""
    call, labels = module.forward, flow.labels
    gates = {"LSTM": 4, "GRU": 3}.get(module.mode, 1)

    def forward(x: Any, state: Any = None) -> Any:
        flow.paused = True
        try:
            outputs, last = call(x, state)
        finally:
            flow.paused = False
        before = [t for t in (state if isinstance(state, tuple) else (state,)) if isinstance(t, Tensor)]
        after = last if isinstance(last, tuple) else (last,)
        if not isinstance(x, Tensor) or module.proj_size or module.hidden_size == 1:  # packed, or of two widths
            flow.fix([*module.parameters(), *before, *([x] if isinstance(x, Tensor) else [])])
            return outputs, last
        units = flow.layers(module.weight_hh_l0)[1][0]
        below: Layers = [layer[(0,) * (x.ndim - 1)] for layer in _of_last(flow, x)]
        ways = 2 if module.bidirectional else 1
        for level in range(module.num_layers):
            for end in (f"l{level}", f"l{level}_reverse")[:ways]:
                inputs, hidden = getattr(module, f"weight_ih_{end}"), getattr(module, f"weight_hh_{end}")
                rows = [flow.layers(hidden)[0][:, 0], *(row[:, 0] for row in flow.layers(inputs) if row.stride(0))]
                if module.bias:
                    rows += [flow.layers(getattr(module, f"bias_{side}_{end}"))[0] for side in ("ih", "hh")]
                for unit in (*(part for row in rows for part in row.view(gates, -1)), flow.layers(hidden)[1][0]):
                    units = labels.unite(units, unit)
                columns = [layer[0] for layer in flow.layers(inputs) if layer.stride(1)]
                width = [inputs.shape[1]]
                flow.united([(width, columns), (width, below)])
            below = [units.repeat(ways)]
        for tensor in before:
            if not flow.is_free(tensor):
                own = list(tensor.shape), flow.layers(tensor)
                flow.united([own, ([1] * (tensor.ndim - 1) + [len(units)], [units.expand(tensor.shape)])])
        for tensor in after:
            flow.put(tensor, [units.expand(tensor.shape)])
        flow.put(outputs, [below[0].expand(outputs.shape)])
        return outputs, last

    return forward


def _attention(flow: Flow, module: nn.MultiheadAttention, ties: list[Tie]) -> Callable[..., Any]:
    """Whole heads, with as many of the numbers of a token; of a single head, its numbers."""
    call, labels = module.forward, flow.labels
    width, heads, size = module.embed_dim, module.num_heads, module.head_dim

    def forward(query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> Any:
        flow.paused = True
        try:
            outputs, weights = call(query, key, value, *args, **kwargs)
        finally:
            flow.paused = False
        given = (query, key, value)
        own = list(module.parameters())
        if module.in_proj_weight is None or module.bias_k is not None or query.ndim != 3:
            flow.fix([*own, *given])
            return outputs, weights
        whole = [labels.same_along(layer, {0, 1}) for t in given for layer in flow.layers(t)]
        tokens = [layer[0, 0] for layer in whole if layer is not None]
        columns = [layer[0] for layer in flow.layers(module.in_proj_weight) if layer.stride(1)]
        if len(tokens) < len(given):
            flow.fix([*own, *given])
            return outputs, weights
        for one in (*tokens[1:], *columns):
            labels.unite(tokens[0], one)
        rows = [layer[:, 0] for layer in flow.layers(module.in_proj_weight) if layer.stride(0)]
        rows += flow.layers(module.in_proj_bias) if module.in_proj_bias is not None else []
        inner = [part for row in rows for part in row.view(3, width)]
        out = flow.layers(module.out_proj.weight)
        taken = [layer[0] for layer in out if layer.stride(1)]
        made = [layer[:, 0] for layer in out if layer.stride(0)]
        if module.out_proj.bias is not None:
            made = [labels.unite(made[0], flow.layers(module.out_proj.bias)[0])]
        if heads > 1:
            one = inner[0].view(heads, size)
            for part in (*inner[1:], *taken):
                one = labels.unite(one, part.view(heads, size))
            same = labels.same_along(one, {1})
            assert same is not None
            few = [same[:, 0]]
        else:  # queries with keys, values with what is taken from them
            queries, values = inner[0], inner[2]
            for start in range(0, len(inner), 3):
                queries = labels.unite(labels.unite(queries, inner[start]), inner[start + 1])
                values = labels.unite(values, inner[start + 2])
            few = [queries, labels.unite(values, taken[0])]
        for part in few:
            ties.append(Tie(tokens[0], part, size if heads > 1 else 1))
        ties.append(Tie(made[0], few[0], size if heads > 1 else 1))
        flow.put(outputs, [made[0].expand(outputs.shape)])
        return outputs, weights

    return forward


def _of_last(flow: Flow, x: Tensor) -> Layers:
    """Layers of ``(..., F)`` along its last dimension."""
    left = [flow.labels.same_along(layer, range(x.ndim - 1)) for layer in flow.layers(x)]
    return [layer for layer in left if layer is not None]
