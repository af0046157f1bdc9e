"""Small layers beside those of a network: the formula, what is trained and what stays, and the merged network."""

import pytest
import torch
from torch import nn

from runner.adapter.base import merge
from runner.adapter.ia3 import IA3
from runner.adapter.lora import LoRA, low_rank
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, Interrupted
from runner.model.decoder import Decoder
from runner.model.encoder import Encoder
from runner.model.mlp import MLP
from runner.run import resume
from runner.run.trained import load
from tests.faults.kill_resume import content, same
from tests.test_run import StopAt

TINY = ("model.hidden=[12,8]", "trainer.max_epochs=2", "trainer.limit_batches=4", "trainer.images=0")
ADAPTERS = {"lora": (), "dora": ("adapter.dora=true",), "ia3": ()}


def network():
    torch.manual_seed(0)
    return MLP(Spec.classification((6,), 3), (12, 8), norm="none", dropout=0.0)


def test_low_rank_is_the_formula_and_nothing_at_first():
    model, x = network(), torch.randn(5, 6)
    before, weight = model(x), model.state_dict()
    LoRA(rank=2, alpha=6.0)(model)
    assert torch.equal(model(x), before)
    changed = {name: p for name, p in model.named_parameters() if "lora_" in name}
    with torch.no_grad():
        for parameter in changed.values():
            parameter.normal_()
    plain = network()
    for name in ("linear1", "linear2"):
        a, b = (changed[f"{name}.lora_{part}.default.weight"] for part in "AB")
        layer = plain.get_submodule(name)
        assert torch.equal(layer.weight, weight[f"{name}.weight"]) and a.shape[0] == 2
        layer.weight = nn.Parameter(low_rank(layer.weight, a, b, 6.0))
    torch.testing.assert_close(model(x), plain(x))
    merge(model)
    assert list(model.state_dict()) == list(plain.state_dict())
    torch.testing.assert_close(model(x), plain(x))


@pytest.mark.parametrize("alpha", [1.0, 6.0])
def test_dora_learns_the_length_of_each_row_apart_from_its_direction(alpha):
    """Equation 5 of Liu et al. 2024: each output has the length that was learned, whatever A and B are."""
    model, x = network(), torch.randn(5, 6)
    before, weight = model(x), model.get_submodule("linear1").weight
    LoRA(rank=2, alpha=alpha, dora=True)(model)
    torch.testing.assert_close(model(x), before)
    changed = {name: p for name, p in model.named_parameters() if "linear1.lora_" in name}
    with torch.no_grad():
        for parameter in changed.values():
            parameter.normal_()
    a, b = (changed[f"linear1.lora_{part}.default.weight"] for part in "AB")
    (length,) = (p for name, p in changed.items() if "magnitude" in name)
    direction = low_rank(weight, a, b, alpha)
    expected = length[:, None] * direction / direction.norm(dim=1, keepdim=True)
    layer = model.get_submodule("linear1")
    torch.testing.assert_close(layer(x), x @ expected.T + layer.bias, rtol=1e-4, atol=1e-5)


def test_dropout_is_of_what_goes_through_a_and_in_training_only():
    model, x = network(), torch.ones(4000, 6)
    LoRA(rank=6, alpha=6.0, dropout=0.25, layers=("linear1",))(model)
    layer = model.get_submodule("linear1")
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.eye(*parameter.shape))
    plain = layer.base_layer(x)
    added = (layer.train()(x) - plain)[:, :6]
    assert (added < 0.5).float().mean() == pytest.approx(0.25, abs=0.02)
    torch.testing.assert_close(added[added > 0.5], torch.full_like(added[added > 0.5], 1 / 0.75), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close((layer.eval()(x) - plain)[:, :6], torch.ones(4000, 6))


def test_ia3_scales_what_a_layer_gives():
    model, x = network(), torch.randn(5, 6)
    before = model(x)
    IA3(layers=("linear1",))(model)
    torch.testing.assert_close(model(x), before)
    (factor,) = (p for name, p in model.named_parameters() if "ia3" in name)
    with torch.no_grad():
        factor.uniform_(0.5, 2)
    torch.testing.assert_close(
        model.get_submodule("linear1")(x), (network().linear1(x)) * factor.flatten(), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("adapter", [LoRA, IA3])
def test_only_adapters_and_the_last_layer_are_trained(adapter):
    model = network()
    adapter()(model)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert {"output.weight", "output.bias"} < trained
    assert all(name.startswith("output.") or "lora_" in name or "ia3" in name for name in trained)


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_run_is_resumed_exactly(name, go, tmp_path):
    chosen = [f"adapter={name.replace('dora', 'lora')}", *ADAPTERS[name], *TINY]
    go(*chosen, folder="whole")
    with pytest.raises(Interrupted):
        go(*chosen, folder="cut", progress=StopAt(1))
    resume(tmp_path / "cut")
    assert same(content(tmp_path / "whole"), content(tmp_path / "cut")) == []


def test_the_merged_network_is_an_ordinary_one_that_answers_alike(go, tmp_path):
    go("adapter=lora", "adapter.merge=true", *TINY, "optimizer.lr=0.1")
    adapted, merged = load(tmp_path / "run"), load(tmp_path / "run", "merged")
    names = list(merged.model.state_dict())
    assert not any("lora" in name for name in names) and any("lora" in name for name in adapted.model.state_dict())
    assert not merged.recipe.values["adapter"]
    x = torch.rand(7, 1, 8, 8)
    torch.testing.assert_close(adapted.model(x), merged.model(x), rtol=1e-4, atol=1e-5)
    started = go("trainer.max_steps=1", *TINY, folder="plain")
    assert sum(p.numel() for p in merged.model.parameters()) == started["parameters"]


def test_the_weights_beside_which_it_stands_do_not_move(go, tmp_path):
    go("adapter=lora", *TINY, "optimizer.lr=0.1")
    go("adapter=lora", *TINY, "optimizer.lr=0", folder="still")
    moved, still = (
        torch.load(tmp_path / name / "checkpoints/last.pt", weights_only=True)["model"] for name in ("run", "still")
    )
    equal = {name for name, tensor in moved.items() if torch.equal(tensor, still[name])}
    assert equal == {name for name in moved if ".base_layer." in name}


def test_refusals(go):
    with pytest.raises(ConfigError, match=r"'linea1' matches no layer.*Did you mean 'linear1'"):
        go("adapter=lora", "adapter.layers=[linea1]", *TINY)
    with pytest.raises(ConfigError, match="adapter=lora can't be combined with freeze"):
        go("adapter=lora", "regularization=[freeze]", *TINY)
    with pytest.raises(ConfigError, match="no dense layer but the last"):
        LoRA()(MLP(Spec.classification((6,), 3), ()))


@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_transformers_of_ours_take_it_and_are_merged(kind):
    torch.manual_seed(0)
    field = Field("tokens", (None,), 12)
    if kind == "decoder":
        model = Decoder(Spec("tokens", field, field, num_outputs=12), hidden=8, layers=2, heads=2).eval()
    else:
        targets = Field("class", (), 3)
        model = Encoder(Spec("classification", field, targets, num_outputs=3), hidden=8, layers=2, heads=2).eval()
    names, tokens = list(model.state_dict()), torch.randint(4, 12, (2, 5))
    before = model(tokens)
    LoRA(rank=2)(model)
    assert torch.equal(model(tokens), before)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    changed = model(tokens)
    assert not torch.allclose(changed, before)
    merge(model)
    torch.testing.assert_close(model(tokens), changed, rtol=1e-4, atol=1e-5)
    assert list(model.state_dict()) == names
