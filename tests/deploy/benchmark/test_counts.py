"""Counts against closed formulas."""

import numpy as np
import pytest
import torch
from torch import nn

from runner.deploy.benchmark.counts import flops, in_onnx, is_plain, parameters
from runner.engine.batch import Batch


def batch(*shape):
    return Batch(torch.randn(*shape), torch.zeros(shape[0]))


def test_operations_of_an_mlp_and_a_convolution():
    mlp = nn.Sequential(nn.Linear(7, 11), nn.ReLU(), nn.Linear(11, 3))
    assert flops(mlp.eval(), batch(5, 7)) == 5 * 2 * (7 * 11 + 11 * 3)
    convolution = nn.Conv2d(3, 8, 5, stride=2, padding=2, groups=1)
    assert flops(convolution.eval(), batch(2, 3, 12, 12)) == 2 * 2 * 8 * 3 * 25 * 6 * 6


def test_operations_of_an_lstm_and_of_attention_whose_fast_paths_are_one_step():
    lstm = nn.LSTM(5, 7, batch_first=True)
    assert flops(lstm.eval(), batch(2, 6, 5)) == 2 * 6 * 2 * 4 * 7 * (5 + 7)
    block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    assert flops(block.eval(), batch(1, 6, 8)) == 6 * 2 * (4 * 8 * 8 + 2 * 8 * 16) + 2 * 2 * 2 * 6 * 6 * 4
    assert torch.backends.mha.get_fastpath_enabled()


def test_what_only_looks_up_has_none():
    assert flops(nn.Flatten(), batch(2, 3, 3)) is None


def test_zeros_are_counted_in_every_format():
    layer = nn.Linear(10, 10)
    with torch.no_grad():
        layer.weight[:3] = 0
        layer.weight[5, 5] = -0.0
        layer.bias.fill_(1)
    assert parameters(layer) == (110, 31)
    assert parameters(layer.half()) == (110, 31)
    assert is_plain(layer)
    layer.register_buffer("packed", torch.zeros(4, dtype=torch.int8))
    assert not is_plain(layer)


def test_numbers_of_an_onnx_file(tmp_path):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed (pip install 'runner[deploy]')")
    held = [onnx.numpy_helper.from_array(np.array([[0, 1], [2, 0]], np.float32), "w")]
    graph = onnx.helper.make_graph([], "g", [], [], held)
    onnx.save(onnx.helper.make_model(graph), tmp_path / "model.onnx")
    assert in_onnx(tmp_path / "model.onnx") == (4, 2)
