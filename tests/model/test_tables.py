"""Networks for tables: sizes by formula, columns in any order, categories."""

import math

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, Interrupted
from runner.model.ft_transformer import Attention, FTTransformer
from runner.model.layers.categories import CategoryEmbedding, CategoryTokens, width_of
from runner.model.mlp import MLP
from runner.model.resnet_mlp import ResNetMLP
from runner.run import compose, load, resume, run
from runner.run.assembly import load_data
from tests.faults.kill_resume import content, same
from tests.test_run import StopAt

SIZES = (4, 7)


def spec_of(features=5, sizes=(), outputs=3):
    more = {"categories": Field("categories", (len(sizes),), sizes=sizes)} if sizes else {}
    spec = Spec.classification((features,), outputs)
    return Spec(spec.task, spec.inputs, spec.targets, more, outputs)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("sizes", [(), SIZES])
@pytest.mark.parametrize("blocks", [1, 3])
def test_parameters_are_as_many_as_the_papers_layers_have(sizes, blocks):
    features, width, outputs = 5, 16, 3
    embedded = sum(size * width_of(size) for size in sizes)
    units = 32
    block = 2 * width + (width + 1) * units + (units + 1) * width
    first = (features + sum(map(width_of, sizes)) + 1) * width
    expected = embedded + first + blocks * block + 2 * width + (width + 1) * outputs
    assert count(ResNetMLP(spec_of(features, sizes), width, blocks)) == expected
    units = int(width * 4 / 3)
    tokens = (features + features + len(sizes) + sum(sizes)) * width
    attention, perceptron = 4 * (width + 1) * width, (width + 1) * 2 * units + (units + 1) * width
    norms = (2 * blocks - 1) * 2 * width
    expected = tokens + width + blocks * (attention + perceptron) + norms + 2 * width + (width + 1) * outputs
    assert count(FTTransformer(spec_of(features, sizes), width, blocks, heads=4)) == expected


def test_vectors_grow_with_the_categories_up_to_a_bound():
    assert [width_of(size) for size in (2, 3, 8, 10_000)] == [1, 2, 4, 50]


def test_attention_is_torchs():
    torch.manual_seed(0)
    ours, theirs = Attention(12, 3, 0.0), nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.inner.weight)
        theirs.in_proj_bias.copy_(ours.inner.bias)
        theirs.out_proj.load_state_dict(ours.output.state_dict())
    x = torch.randn(4, 6, 12)
    torch.testing.assert_close(ours(x), theirs(x, x, x, need_weights=False)[0])


@pytest.mark.parametrize("model", ["mlp", "resnet_mlp", "ft_transformer"])
def test_columns_in_another_order_with_their_weights_give_the_same(model):
    torch.manual_seed(0)
    build = {"mlp": MLP, "resnet_mlp": ResNetMLP, "ft_transformer": lambda s: FTTransformer(s, 16, 2, 4)}[model]
    network = build(spec_of(5, SIZES)).eval()
    inputs = torch.randn(9, 5)
    categories = torch.stack([torch.randint(size, (9,)) for size in SIZES], 1)
    before = network(inputs, categories)
    turn = torch.tensor([3, 1, 4, 0, 2])
    assert not torch.allclose(network(inputs[:, turn], categories), before, atol=1e-4)
    with torch.no_grad():
        if model == "ft_transformer":
            network.tokens.weight.copy_(network.tokens.weight[turn].clone())
            network.tokens.bias[:5] = network.tokens.bias[turn].clone()
        else:
            first = network.first if model == "resnet_mlp" else network.linear1
            first.weight[:, :5] = first.weight[:, turn].clone()
    torch.testing.assert_close(network(inputs[:, turn], categories), before)


@pytest.mark.parametrize("build", [MLP, ResNetMLP, lambda s: FTTransformer(s, 16, 2, 4)])
@pytest.mark.parametrize("features", [0, 5])
def test_every_parameter_is_trained_also_by_categories_alone(build, features):
    torch.manual_seed(0)
    network = build(spec_of(features, SIZES))
    categories = torch.stack([torch.arange(60) % (size - 1) for size in SIZES], 1)
    outputs = network(torch.randn(60, features), categories)
    assert outputs.shape == (60, 3)
    F.cross_entropy(outputs, torch.arange(60) % 3).backward()
    for name, parameter in network.named_parameters():
        if parameter.numel():
            assert parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, name


def test_an_unseen_category_is_a_vector_of_zeros_that_stays():
    for layer, give in (
        (CategoryEmbedding(SIZES), lambda layer, rows: layer(torch.zeros(len(rows), 0), rows)),
        (CategoryTokens(SIZES, 6), lambda layer, rows: layer(rows)),
    ):
        unseen, seen = torch.tensor([[3, 6]]), torch.tensor([[0, 5], [2, 0]])
        assert torch.all(give(layer, unseen) == 0)
        assert torch.all(give(layer, seen).flatten(1).any(1))
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.1, weight_decay=0.1)
        give(layer, seen).sum().backward()
        optimizer.step()
        assert torch.all(give(layer, unseen) == 0)


def test_width_is_divided_among_heads():
    with pytest.raises(ConfigError, match=r"model.width=10: expected a multiple of model.heads=4"):
        FTTransformer(spec_of(), width=10, heads=4)


@pytest.mark.parametrize("build", [ResNetMLP, lambda s: FTTransformer(s, 32, 2, 4, attention_dropout=0.0, dropout=0.0)])
def test_an_interaction_of_a_number_and_a_category_is_learnt(build):
    """The class is the sign of a number, turned round by a category: neither tells anything alone."""
    torch.manual_seed(0)
    network = build(spec_of(2, (3,), 2))
    inputs, categories = torch.randn(512, 2), torch.randint(2, (512, 1))
    targets = ((inputs[:, 0] > 0).long() + categories[:, 0]) % 2
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(inputs, categories), targets)
        loss.backward()
        optimizer.step()
    accuracy = (network.eval()(inputs, categories).argmax(1) == targets).float().mean()
    assert accuracy > 0.95


@pytest.mark.parametrize("model", ["resnet_mlp", "ft_transformer"])
def test_resumes_exactly_predicts_and_explains(model, tmp_path, monkeypatch, capsys):
    from runner.cli.verbs import answer

    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"x": draw.normal(size=60), "c": draw.choice(["a", "b", "c"], 60), "y": draw.choice(["no", "yes"], 60)}
    )
    frame.write_csv("table.csv")
    words = ["data=csv", "data.path=table.csv", "data.target=y", "data.encoding=embedding", f"model={model}"]
    words += ["model.width=8", "model.blocks=1", "trainer.max_epochs=4", "trainer.device=cpu", "trainer.threads=1"]
    run(compose(words), tmp_path / "whole", None, words)
    with pytest.raises(Interrupted):
        run(compose(words), tmp_path / "cut", StopAt(2), words)
    resume(tmp_path / "cut")
    assert same(content(tmp_path / "whole"), content(tmp_path / "cut")) == []
    network = load("whole")
    rows = network.predict(frame.drop("y"))
    assert len(rows) == 60 and all(math.isfinite(v) for v in rows[0].values() if isinstance(v, float))
    data = load_data(network.recipe)
    assert data.val.read(torch.arange(3)).more["categories"].shape == (3, 1)
    assert answer(["explain", "whole", "--examples", "2"]) == 0, capsys.readouterr().err
