"""Pruned networks against those whose removed channels count for nothing."""

import copy
import json
import random

import pytest
import torch

from runner.deploy.parent import Parent
from runner.deploy.structured import structured
from runner.deploy.structured.cut import muted
from runner.deploy.structured.prune import without_channels
from runner.engine.batch import Batch
from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.model.changes import changes_in
from runner.model.cnn import CNN
from runner.model.layers.block import BlockParts
from runner.model.layers.transformer import Transformer
from runner.model.lstm import LSTM
from runner.model.mlp import MLP
from runner.model.resnet import ResNet
from runner.model.tcn import TCN
from runner.model.unet import UNet
from runner.model.vit import ViT
from runner.run import compose, run

SPEC = Spec.classification((3, 12, 12), 5)


def drawn(model):
    """`model` in evaluation mode, with statistics and biases as training leaves them."""
    for p in model.parameters():
        if p.ndim < 2:
            p.data.add_(0.1 * torch.randn_like(p))
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2.0)
    return model.eval()


def batch_of(*shape):
    return Batch(torch.randn(4, *shape), torch.zeros(4, dtype=torch.long))


def pruned(make, batch, amount=0.5):
    """Prune a network, and look whether it is what it should be."""
    torch.manual_seed(0)
    model = drawn(make())
    before = copy.deepcopy(model.state_dict())
    found = without_channels(model, batch, amount)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in before.items())
    with torch.no_grad():
        outputs = found.model(batch.inputs)
        for number in (1, 3):
            torch.testing.assert_close(found.model(batch.inputs[:number]), outputs[:number], rtol=1e-4, atol=1e-5)
        if not found.mixed:
            quiet = copy.deepcopy(model)
            muted(quiet, found.kept)
            torch.testing.assert_close(outputs, quiet(batch.inputs), rtol=1e-4, atol=1e-5)
            assert not torch.allclose(outputs, model(batch.inputs), rtol=1e-3, atol=1e-3)
    content = {"changes": [json.loads(json.dumps(found.change.plain()), object_hook=_numbers)]}
    (change,) = changes_in(content, "test")
    fresh = make()
    change.apply(fresh)
    fresh.load_state_dict(found.model.state_dict())
    with torch.no_grad():
        assert torch.equal(fresh.eval()(batch.inputs), outputs)
    fresh.train()(batch.inputs).square().mean().backward()
    assert all(p.grad is None or p.grad.shape == p.shape for p in fresh.parameters())
    return found


def _numbers(entry):
    """Keys that JSON made words of."""
    return {int(key) if key.isdigit() else key: value for key, value in entry.items()}


@pytest.mark.parametrize("seed", range(12))
def test_any_cnn(seed):
    draw = random.Random(seed)
    skip = draw.random() < 0.4
    settings = {
        "channels": [draw.randint(2, 40) for _ in range(draw.randint(1, 3))],
        "kernel_size": draw.choice([1, 3, 5] if skip else [1, 2, 3, 5]),
        "stride": draw.choice([1, 1, 2]),
        "pool": draw.choice(["max", "avg", "none"]),
        "pool_size": draw.choice([1, 2]),
        "head": [draw.randint(2, 30) for _ in range(draw.randint(0, 2))],
        "attention": draw.choice(["none", "se", "cbam", "self"]),
        "skip": skip,
        "activation": draw.choice(["relu", "gelu", "sigmoid"]),
        "norm": draw.choice(["batch", "group", "rms", "layer", "none"]),
    }
    spec = Spec.classification((3, 20, 16), 5)
    found = pruned(lambda: CNN(spec, **settings), batch_of(3, 20, 16), draw.choice([0.3, 0.5, 0.9]))
    assert found.groups


@pytest.mark.parametrize(
    "settings",
    [
        {"depth": 20, "width": 0.5},
        {"depth": 20, "block": "pre", "attention": "se", "norm": "group", "width": 2.0},
        {"depth": 50, "width": 0.125},
        {"depth": 50, "block": "pre", "width": 0.125, "norm": "instance"},
    ],
)
def test_any_resnet(settings):
    pruned(lambda: ResNet(SPEC, **settings), batch_of(3, 12, 12))


@pytest.mark.parametrize(
    "settings", [{"hidden": (9,)}, {"hidden": (30, 20, 2), "norm": "batch"}, {"hidden": (64, 64), "norm": "group"}]
)
def test_any_mlp(settings):
    found = pruned(lambda: MLP(SPEC, **settings), batch_of(3, 12, 12))
    assert sum(len(g.members) for g in found.groups) <= sum(settings["hidden"])


@pytest.mark.parametrize(
    "settings", [{}, {"bidirectional": True, "layers": 2, "norm": "layer"}, {"pooling": "attention"}]
)
def test_hidden_units_go_with_all_their_gates(settings):
    found = pruned(lambda: LSTM(SPEC, hidden=10, **settings), batch_of(3, 12, 12))
    assert found.model.rnn1.hidden_size == 5
    assert found.model.rnn1.weight_hh_l0.shape == (20, 5)


def test_networks_with_concatenations_and_learned_directions():
    pruned(lambda: UNet(Spec.classification((3, 12, 12), 5), depth=2, channels=6), batch_of(3, 12, 12))
    pruned(lambda: TCN(SPEC, channels=8, layers=2), batch_of(3, 12, 12))


def test_a_vit_loses_whole_heads():
    found = pruned(lambda: ViT(Spec.classification((3, 8, 8), 5), patch_size=4), batch_of(3, 8, 8))
    attention = next(m for m in found.model.modules() if isinstance(m, torch.nn.MultiheadAttention))
    assert attention.embed_dim == attention.num_heads * attention.head_dim == found.model.hidden_dim


@pytest.mark.parametrize("kv_heads", [None, 2])
def test_heads_that_share_keys_go_together(kv_heads):
    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            parts = BlockParts(16, 4, kv_heads, activation="swiglu", norm="rms")
            self.stack = Transformer(parts, 1, "rotary", 8, causal=True)
            self.output = torch.nn.Linear(16, 3)

        def forward(self, x):
            return self.output(self.stack(x))  # the inputs are the residual stream, which therefore stays

    found = pruned(Network, batch_of(6, 16))
    attention = found.model.stack.blocks[0].attention
    assert attention.sizes == (8, 4 if kv_heads else 8, 4 if kv_heads else 8)
    assert attention.output.weight.shape == (16, 8)
    assert not found.mixed & {"layer normalization"}


def test_the_least_important_go_and_as_many_everywhere():
    model = MLP(Spec.classification((4,), 3), hidden=(6,)).eval()
    with torch.no_grad():
        model.linear1.weight.copy_(torch.tensor([5.0, 1, 4, 2, 6, 3])[:, None].expand(6, 4))
        model.output.weight.fill_(1.0)
    found = without_channels(model, batch_of(4), 0.5)
    assert found.kept["linear1.weight"] == {0: [0, 2, 4]}
    assert found.kept["output.weight"] == {1: [0, 2, 4]}


def test_importance_is_the_mean_of_norms_without_biases():
    """By hand: 3 and 3 are more than 1 and 4.5, though their squares are less."""
    model = MLP(Spec.classification((1,), 3), hidden=(2,)).eval()
    with torch.no_grad():
        model.linear1.weight.copy_(torch.tensor([[3.0], [1.0]]))
        model.linear1.bias.copy_(torch.tensor([0.0, 100.0]))
        model.output.weight.copy_(torch.tensor([[3.0, 4.5], [0, 0], [0, 0]]))
    assert without_channels(model, batch_of(1), 0.5).kept["output.weight"] == {1: [0]}


@pytest.mark.parametrize(("amount", "left"), [(0.29, 71), (0.999, 1), (1 - 1e-12, 1)])
def test_a_share_that_is_a_whole_number_is_that_number_and_one_is_left(amount, left):
    model = MLP(Spec.classification((4,), 3), hidden=(100,)).eval()
    assert without_channels(model, batch_of(4), amount).model.linear1.out_features == left


class Own(torch.nn.Module):
    """Two layers, and something that is done between them."""

    def __init__(self, between):
        super().__init__()
        self.first, self.output, self.between = torch.nn.Linear(6, 8), torch.nn.Linear(8, 3), between

    def forward(self, x):
        return self.output(self.between(self.first(x)))


class Single(torch.nn.Module):
    """Attention of one head."""

    def __init__(self):
        super().__init__()
        self.attention = torch.nn.MultiheadAttention(8, 1, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)[0]


class Places(torch.nn.Module):
    """Adds numbers that no checkpoint holds."""

    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.arange(8.0), persistent=False)

    def forward(self, x):
        return (x + self.table).relu()


def test_a_single_head_and_numbers_that_no_checkpoint_holds():
    narrow = pruned(lambda: Own(Single()), batch_of(5, 6)).model
    assert narrow.between.attention.embed_dim == 4
    assert len(pruned(lambda: Own(Places()), batch_of(6)).model.between.table) == 4


class Counts(torch.nn.Module):
    """Multiplies by the number of channels."""

    def forward(self, x):
        return x * x.shape[-1]


def test_code_that_counts_channels_is_found_out():
    with pytest.raises(ConfigError, match="gives something else than with zeros"):
        without_channels(drawn(Own(Counts())), batch_of(6), 0.5)


def test_what_is_not_known_stays():
    class Sorted(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.output = (torch.nn.Linear(i, o) for i, o in ((4, 8), (8, 8), (8, 3)))

        def forward(self, x):
            return self.output(self.second(self.first(x).sort(-1).values).relu())

    found = pruned(Sorted, batch_of(4))
    assert (found.model.first.out_features, found.model.second.out_features) == (8, 4)


def test_code_that_says_how_many_channels_there_are_is_refused():
    class Stubborn(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.output = torch.nn.Linear(4, 8), torch.nn.Linear(8, 3)

        def forward(self, x):
            return self.output(self.first(x).reshape(-1, 8))

    with pytest.raises(ConfigError, match="how many channels"):
        without_channels(Stubborn().eval(), batch_of(4), 0.5)


@pytest.mark.parametrize("hidden", [(), (1,)])
def test_nothing_to_remove_is_refused(hidden):
    with pytest.raises(ConfigError, match="no channel of this network can be removed"):
        without_channels(MLP(Spec.classification((4,), 3), hidden=hidden).eval(), batch_of(4), 0.5)


@pytest.mark.parametrize("amount", [0.0, 1.0, -0.5, float("nan"), float("inf")])
def test_an_amount_must_be_a_share(trained, amount):
    parent = Parent.open(trained("data=digits", "model=cnn", "trainer.max_epochs=1"))
    with pytest.raises(ConfigError, match="--amount"):
        structured(parent, amount, lambda text: None)


def test_operations_of_recurrent_layers_are_counted(trained, tmp_path, monkeypatch):
    """In one step of a kernel of their own, which torch's counter does not know."""
    monkeypatch.chdir(tmp_path)
    folder = trained("data=digits", "model=lstm", "trainer.max_epochs=1", "trainer.limit_batches=3")
    _, result = structured(Parent.open(folder), 0.5, lambda text: None)
    for found, hidden in ((result["parent"], 128), (result, 64)):  # rows of 8 pixels, 8 of them, in 10 classes
        assert found["flops"] == 8 * 2 * 4 * hidden * (8 + hidden) + 2 * hidden * 10


def test_a_pruned_run_is_a_run(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = trained("data=digits", "model=cnn", "trainer.max_epochs=1")
    told = []
    made, result = structured(Parent.open(folder), 0.5, told.append)
    assert result["status"] == "completed"
    assert result["parameters"] < 0.3 * result["parent"]["parameters"]
    assert result["flops"] < 0.4 * result["parent"]["flops"]
    assert json.loads((made / "result.json").read_text())["flops"] == result["flops"]
    assert "channels removed" in told[0]
    again, twice = structured(Parent.open(made), 0.5, told.append)
    assert twice["parameters"] < result["parameters"]
    words = ["data=digits", "model=cnn", "init=checkpoint", f"init.path={again}", "trainer.max_epochs=1"]
    tuned = run(compose([*words, "trainer.device=cpu", "regularization=[ema]", "optimizer=adam"]), tmp_path / "tuned")
    network = Parent.open(tmp_path / "tuned").network
    assert sum(p.numel() for p in network.model.parameters()) == twice["parameters"]
    assert tuned["test"]["accuracy"] > 0.3
    with pytest.raises(ConfigError, match="Take the model settings"):
        run(compose([*words, "model.channels=[8,8]", "trainer.device=cpu"]), tmp_path / "other")
