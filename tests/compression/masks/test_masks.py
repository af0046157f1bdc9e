"""Which weights are cut, and which of them are kept, against torch's own pruning."""

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from runner.compression.masks.magnitude import in_each_layer, over_all_layers
from runner.compression.masks.weights import prunable, zeros


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(32, 17), nn.Linear(17, 5))


@pytest.mark.parametrize("amount", [0.03, 0.5, 0.8, 0.977])
@pytest.mark.parametrize("ties", [False, True])
def test_masks_are_those_of_torch(amount, ties):
    ours, theirs = network(), network()
    if ties:
        for net in (ours, theirs):
            for p in net.parameters():
                p.data = (p.data * 20).round()
    layers = [m for m in theirs if isinstance(m, (nn.Linear, nn.Conv2d))]
    weights = prunable(ours)
    assert len(weights) == len(layers) == 3
    for layer in layers:
        prune.l1_unstructured(layer, "weight", amount=amount)
    for mask, layer in zip(in_each_layer(weights, amount).values(), layers, strict=True):
        assert torch.equal(mask, layer.weight_mask.bool())
        prune.remove(layer, "weight")
    theirs.load_state_dict(ours.state_dict())
    prune.global_unstructured([(m, "weight") for m in layers], prune.L1Unstructured, amount=amount)
    for mask, layer in zip(over_all_layers(weights, amount).values(), layers, strict=True):
        assert torch.equal(mask, layer.weight_mask.bool())


def test_what_is_cut_and_what_is_left_alone():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.tied = nn.Embedding(7, 4), nn.Linear(4, 7)
            self.tied.weight = self.table.weight
            self.attention, self.lstm = nn.MultiheadAttention(4, 2, add_bias_kv=True), nn.LSTM(4, 3, proj_size=2)
            self.cell, self.norm, self.place = nn.GRUCell(4, 3), nn.LayerNorm((4, 4)), nn.Parameter(torch.ones(2, 3))
            self.dense = nn.Linear(4, 4)
            self.again = self.dense

    assert {*prunable(Net())} == {
        "attention.in_proj_weight",
        "attention.out_proj.weight",
        *(f"lstm.weight_{kind}_l0" for kind in ("ih", "hh", "hr")),
        "cell.weight_ih",
        "cell.weight_hh",
        "dense.weight",
    }


def test_shares_of_zeros():
    assert zeros({"a": torch.tensor([0.0, -0.0, 1, 2]), "b": torch.ones(3)}) == {"a": 0.5, "b": 0.0}
