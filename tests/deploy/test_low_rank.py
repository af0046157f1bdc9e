"""Wide layers as two thin ones, against the theorem of Eckart and Young."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from runner.cli.verbs import answer
from runner.deploy.low_rank import divided_state, ranks_for, wide
from runner.errors import ConfigError
from runner.model.changes.low_rank import LowRank, divided, factors
from runner.run import load

WEIGHTS = {
    "square": torch.randn(12, 12, generator=torch.Generator().manual_seed(0)),
    "tall": torch.randn(30, 7, generator=torch.Generator().manual_seed(1)),
    "kernel": torch.randn(16, 5, 3, 3, generator=torch.Generator().manual_seed(2)),
}


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("rank", [1, 4, 7])
def test_what_is_lost_is_the_root_of_the_squares_of_the_singular_values_left_out(name, rank):
    weight = WEIGHTS[name]
    first, second = factors(weight, rank)
    assert first.shape == (rank, *weight.shape[1:])
    product = second.flatten(1) @ first.flatten(1)
    lost = torch.linalg.svdvals(weight.flatten(1))[rank:].square().sum().sqrt()
    torch.testing.assert_close((weight.flatten(1) - product).norm(), lost, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(first.norm(), second.norm())  # alike, as training likes them


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(9, 7), (5, 9)),
        (nn.Linear(9, 7, bias=False), (5, 3, 9)),
        (nn.Conv1d(4, 6, 5, stride=2, padding=2, padding_mode="circular"), (2, 4, 11)),
        (nn.Conv2d(4, 6, (3, 5), stride=(2, 1), padding="valid", dilation=2), (2, 4, 13, 13)),
        (nn.Conv2d(8, 6, 1, bias=False), (2, 8, 3, 3)),
        (nn.Conv3d(3, 5, 3, padding=1), (2, 3, 4, 4, 4)),
    ],
    ids=str,
)
def test_two_layers_of_full_rank_are_the_one(layer, shape):
    full = min(len(layer.weight), layer.weight[0].numel())
    change = LowRank({"0": full})
    net = nn.Sequential(layer)
    x = torch.randn(shape)
    expected = net(x)
    state = divided_state(net.state_dict(), change)
    change.apply(net)
    net.load_state_dict(state)
    torch.testing.assert_close(net(x), expected, rtol=1e-4, atol=1e-5)
    assert divided(nn.Linear(4, 4).double(), 2)[0].weight.dtype == torch.float64


@pytest.mark.parametrize("amount", [0.05, 0.3, 0.6, 0.85])
def test_so_much_is_saved_and_no_more_than_needed(amount):
    ranks = ranks_for(WEIGHTS, amount)

    def left(chosen):
        sizes = {n: (chosen[n] * (len(w) + w[0].numel()) if n in chosen else w.numel()) for n, w in WEIGHTS.items()}
        assert all(sizes[n] < WEIGHTS[n].numel() for n in chosen)
        return sum(sizes.values()) / sum(w.numel() for w in WEIGHTS.values())

    assert left(ranks) <= 1 - amount
    least = min(0.999, (1 - left(ranks)) * 0.999)
    assert left(ranks_for(WEIGHTS, least)) >= left(ranks)
    # of the layers that are divided, no value that is left out is worth more than one that is kept
    worth = {}
    for name, rank in ranks.items():
        squares = torch.linalg.svdvals(WEIGHTS[name].double().flatten(1)).square()
        cost = len(WEIGHTS[name]) + WEIGHTS[name][0].numel()
        worth[name] = (squares / squares.sum() / cost).split([rank, len(squares) - rank])
    kept = [values[0][-1] for name, values in worth.items() if ranks[name] > 1]
    assert not kept or min(kept) >= max(values[1].max() for values in worth.values() if len(values[1]))


def test_a_matrix_of_low_rank_loses_nothing():
    weight = torch.randn(40, 3) @ torch.randn(3, 40)
    assert ranks_for({"w": weight}, 0.8) == {"w": 3}
    # of the other a rank of 2 takes as many weights as it has
    assert ranks_for({"w": weight, "even": torch.tensor([1.0, 1, 1e-9, 1e-9]).diag()}, 0.8) == {"w": 3}


def test_layers_whose_weights_others_read_are_left_alone():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.tied = nn.Embedding(9, 8), nn.Linear(8, 9)
            self.tied.weight = self.table.weight
            self.block, self.groups = nn.TransformerEncoderLayer(8, 2), nn.Conv2d(4, 4, 3, groups=2)
            self.dense, self.lstm = nn.Linear(8, 8), nn.LSTM(8, 8)

    assert wide(Net()).keys() == {"dense"}


def test_another_network_than_it_was_made_for_is_refused():
    with pytest.raises(ConfigError, match="no dense layer or convolution 'head'"):
        LowRank({"head": 2}).apply(nn.Sequential(nn.Linear(3, 3)))


@pytest.mark.parametrize(
    "model",
    [
        ["data=digits", "model=cnn", "model.channels=[8,16]"],
        ["data=wine", "model=ft_transformer"],
        ["data=digits", "model=resnet", "model.width=0.25"],
    ],
    ids=str,
)
def test_from_the_command_line_it_is_smaller_and_can_be_opened_anywhere(model, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    parent = trained(*model, "trainer.max_epochs=1", "trainer.limit_batches=5")
    assert answer(["prune", str(parent), "--method", "low_rank", "--amount", "0.5"]) == 0
    assert "ranks: " in capsys.readouterr().out
    (folder,) = Path("outputs/variants").iterdir()
    result = json.loads((folder / "result.json").read_text())
    assert result["parameters"] < 0.75 * result["parent"]["parameters"]
    moved = folder.rename(tmp_path / "moved")
    monkeypatch.chdir("/")
    network = load(moved)
    assert sum(p.numel() for p in network.model.parameters()) == result["parameters"]
    monkeypatch.chdir(tmp_path)
    assert answer(["prune", str(moved), "--method", "global", "--amount", "0.5"]) == 0  # zeros in thin layers
    capsys.readouterr()
