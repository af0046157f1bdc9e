"""Weights of eight bits against numpy, torchao, and the networks that they were made of."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from runner.errors import ConfigError
from runner.model.changes.weight_only import WeightOnly, quantized


def changed(model):
    made = copy.deepcopy(model).eval()
    WeightOnly().apply(made)
    return made


def coarse(model):
    """The same network with every weight at the nearest of 255 multiples of its row's 127th part, by numpy."""
    made = copy.deepcopy(model).eval()
    for name, p in made.named_parameters():
        if p.ndim > 1 and "weight" in name:
            w = p.detach().numpy().astype(np.float64)
            step = np.abs(w.reshape(len(w), -1)).max(1).reshape(-1, *[1] * (w.ndim - 1)) / 127
            p.data = torch.from_numpy((np.round(w / step) * step).astype(np.float32))
    return made


def test_rows_are_rounded_by_themselves():
    w = torch.tensor([[0.0, 0.0], [1.27, -0.634], [-254.0, 3.0]])
    int8, scale = quantized(w)
    assert int8.tolist() == [[0, 0], [127, -63], [-127, 2]]
    torch.testing.assert_close(scale, torch.tensor([1.0, 0.01, 2.0]))


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (nn.Linear(13, 7), torch.randn(3, 13)),
        (nn.Linear(1, 5, bias=False), torch.randn(2, 4, 1)),
        (nn.Embedding(11, 6), torch.randint(11, (3, 4))),
        (nn.Conv1d(3, 5, 3), torch.randn(2, 3, 9)),
        (nn.Conv2d(4, 6, 3, padding=1, groups=2, padding_mode="reflect"), torch.randn(2, 4, 5, 5)),
        (nn.Conv3d(1, 2, 2), torch.randn(1, 1, 3, 3, 3)),
        (nn.LSTM(7, 11, 2, batch_first=True, bidirectional=True), torch.randn(2, 5, 7)),
        (nn.LSTM(7, 11, batch_first=True, proj_size=3), torch.randn(2, 5, 7)),
        (nn.GRU(7, 11, bias=False), torch.randn(2, 5, 7)),
        (nn.RNN(7, 3), torch.randn(2, 5, 7)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_layer_gives_what_one_with_coarse_weights_gives(layer, x):
    model = nn.Sequential(layer)
    made = changed(model)
    outputs, expected = made(x), coarse(model)(x)
    for found, wanted in zip(*(y if isinstance(y, tuple) else (y,) for y in (outputs, expected))):
        torch.testing.assert_close(found, wanted)
    named = dict(made.named_parameters())
    assert all(p.dtype == torch.int8 for p in named.values() if p.ndim > 1)
    again = changed(copy.deepcopy(model).apply(lambda module: [nn.init.ones_(p) for p in module.parameters()]))
    again.load_state_dict(made.state_dict())
    torch.testing.assert_close(copy.deepcopy(again).to("cpu")(x), outputs)


@pytest.mark.parametrize("grad", [True, False])
def test_attention_also_on_the_way_that_is_taken_without_gradients(grad):
    attention, x = nn.MultiheadAttention(8, 2, batch_first=True), torch.randn(2, 4, 8)
    model = nn.ModuleDict({"attention": attention})
    made, expected = changed(model), coarse(model)
    with torch.set_grad_enabled(grad):
        found = made["attention"](x, x, x, need_weights=False)[0]
        torch.testing.assert_close(found, expected["attention"](x, x, x, need_weights=False)[0])
    assert made["attention"].in_proj_weight_int8.dtype == torch.int8


def test_what_is_shared_stays_shared_and_gradients_reach_the_inputs(tmp_path):
    model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 9, bias=False))
    model[1].weight = model[0].weight
    made = changed(model)
    assert made[0].weight_int8 is made[1].weight_int8
    torch.save(made.state_dict(), tmp_path / "w.pt")
    found = torch.load(tmp_path / "w.pt", weights_only=True)  # no library must be known
    assert found["0.weight_int8"].data_ptr() == found["1.weight_int8"].data_ptr()
    x = torch.randn(2, 4, requires_grad=True)
    made[1](x).sum().backward()
    torch.testing.assert_close(x.grad, made[1].weight.sum(0).expand(2, 4))


def test_as_near_as_torchao_comes():
    torchao = pytest.importorskip(
        "torchao.quantization", reason="torchao is not installed (pip install 'runner[deploy]')"
    )
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(33, 65), nn.ReLU(), nn.Linear(65, 10)), torch.randn(50, 33)
    theirs = copy.deepcopy(model)
    torchao.quantize_(theirs, torchao.Int8WeightOnlyConfig())
    own, their = (float((m(x) - model(x)).detach().abs().mean()) for m in (changed(model), theirs))
    assert 0 < own < 1.2 * their


def test_layers_that_do_more_with_their_weights_keep_them():
    """Keys and values of other widths than queries, and rows of a table that are cut to a norm."""
    model = nn.ModuleDict({
        "attention": nn.MultiheadAttention(8, 2, kdim=5, vdim=3, batch_first=True),
        "table": nn.Embedding(9, 4, max_norm=0.5),
    })  # fmt: skip
    made, expected = changed(model), copy.deepcopy(model).eval()
    expected["attention"].out_proj = coarse(model["attention"].out_proj)
    query, key, value = (torch.randn(2, 4, width) for width in (8, 5, 3))
    torch.testing.assert_close(made["attention"](query, key, value)[0], expected["attention"](query, key, value)[0])
    torch.testing.assert_close(made["table"](torch.arange(9)), expected["table"](torch.arange(9)))


def test_a_network_without_weights_is_refused():
    with pytest.raises(ConfigError, match="no layer"):
        changed(nn.Sequential(nn.BatchNorm1d(3)))
