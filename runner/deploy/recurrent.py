"""Recurrent layers in graphs: kept whole, where the exporters of torch would write them step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

_WHOLE = torch._C.DispatchKey.CompositeImplicitAutograd


@contextmanager
def shapes_of_recurrent_layers() -> Iterator[None]:
    """Tell the shapes of what recurrent layers give without running them, so that the number of steps may vary.

    Torch finds the shapes by writing a layer out step by step, which fixes the number of steps to that of the example,
    although the layer itself stays whole in the graph.
    """
    from torch._decomp import global_decomposition_table

    aten: Any = torch.ops.aten
    known: Any = global_decomposition_table["post_autograd"]
    states = {aten.lstm.input: True, aten.gru.input: False, aten.rnn_tanh.input: False, aten.rnn_relu.input: False}
    places = [(op.py_kernels, _WHOLE, op) for op in states] + [(known, op, op) for op in states]
    before = [table.get(key) for table, key, _ in places]
    try:
        for table, key, op in places:
            _put(op, table, key, _shapes(states[op]))
        yield
    finally:
        for (table, key, op), kernel in zip(places, before, strict=True):
            _put(op, table, key, kernel)


def _put(op: Any, table: Any, key: Any, kernel: Any) -> None:
    op._dispatch_cache.clear()
    if kernel is None:
        table.pop(key, None)
    else:
        table[key] = kernel


def _shapes(pair: bool) -> Callable[..., Any]:
    """Empty results of a layer; `pair`: whose state is two tensors."""

    def empty(x: Any, state: Any, *settings: Any) -> Any:
        bidirectional = settings[5]
        states = tuple(state) if pair else (state,)
        width = states[0].shape[-1] * (2 if bidirectional else 1)
        return x.new_empty(*x.shape[:2], width), *(torch.empty_like(part) for part in states)

    return empty


def onnx_layers() -> dict[Any, Callable[..., Any]]:
    """How plain recurrent layers are written in ONNX, as torch has it for LSTM and GRU only."""
    aten = torch.ops.aten
    return {aten.rnn_tanh.input: _onnx("Tanh"), aten.rnn_relu.input: _onnx("Relu")}


def _onnx(activation: str) -> Callable[..., Any]:
    """``h_t = f(W x_t + b_W + R h_(t-1) + b_R)``, layer by layer, as the operator RNN of ONNX."""
    from onnxscript import opset20

    op: Any = opset20

    def rnn(
        x: Any,
        hx: Any,
        params: Any,
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> Any:
        ways, each = (2 if bidirectional else 1), (4 if has_biases else 2)
        steps = op.Transpose(x, perm=[1, 0, 2]) if batch_first else x
        states = []
        for layer in range(num_layers):
            own = [params[(layer * ways + way) * each :][:each] for way in range(ways)]
            weights, recurrent = ([op.Unsqueeze(part[i], [0]) for part in own] for i in (0, 1))
            biases = [op.Unsqueeze(op.Concat(part[2], part[3], axis=0), [0]) for part in own] if has_biases else []
            found, state = op.RNN(
                steps,
                op.Concat(*weights, axis=0),
                op.Concat(*recurrent, axis=0),
                op.Concat(*biases, axis=0) if has_biases else None,
                None,
                op.Slice(hx, [layer * ways], [(layer + 1) * ways], [0]),
                activations=[activation] * ways,
                direction="bidirectional" if bidirectional else "forward",
                hidden_size=own[0][1].shape[1],
            )
            # (steps, ways, N, F) to (steps, N, ways * F)
            steps = op.Reshape(op.Transpose(found, perm=[0, 2, 1, 3]), [0, 0, -1])
            states.append(state)
        outputs = op.Transpose(steps, perm=[1, 0, 2]) if batch_first else steps
        return outputs, op.Concat(*states, axis=0)

    return rnn
