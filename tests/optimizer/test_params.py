from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from runner.errors import ConfigError
from runner.optimizer.params import Params, layers

CONF = Path(__file__).parents[2] / "conf"
OPTIMIZERS = sorted(path.stem for path in (CONF / "optimizer").glob("*.yaml"))


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.PReLU(), nn.Flatten(), nn.Linear(8, 4), nn.LayerNorm(4)
    )


@given(frozen=st.sets(st.integers(0, 8)), decay_norm_bias=st.booleans())
@settings(max_examples=50, deadline=None)
def test_every_trainable_parameter_is_in_exactly_one_group(frozen, decay_norm_bias):
    model = network()
    for index, parameter in enumerate(model.parameters()):
        parameter.requires_grad_(index not in frozen)
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not trainable:
        with pytest.raises(ConfigError, match="no trainable parameters"):
            Params(decay_norm_bias)(model)
        return
    groups = Params(decay_norm_bias)(model)
    held = [p for group in groups for p in group["params"]]
    assert len(held) == len(trainable)
    assert {id(p) for p in held} == {id(p) for p in trainable.values()}
    assert all(group["params"] for group in groups)
    for group in groups:
        assert all(trainable[name] is p for name, p in zip(group["param_names"], group["params"], strict=True))


def test_norms_and_biases_are_not_decayed():
    model = network()
    optimizer = torch.optim.AdamW(Params(decay_norm_bias=False)(model), lr=0.1, weight_decay=0.5)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for name, p in model.named_parameters():
        torch.testing.assert_close(p.detach(), before[name] * (0.95 if name in ("0.weight", "4.weight") else 1.0))


def test_one_group_decays_everything():
    model = network()
    (group,) = Params()(model)
    assert "weight_decay" not in group


def test_shared_parameters_count_once():
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    assert sum(len(g["params"]) for g in Params(False)(nn.Sequential(first, second))) == 3


def test_groups_survive_the_optimizers_state():
    model = network()
    optimizer = torch.optim.AdamW(Params(False)(model), fused=True)
    state = optimizer.state_dict()
    assert state["param_groups"][0]["param_names"] == ["0.weight", "4.weight"]
    other = torch.optim.AdamW(Params(False)(network()), fused=True)
    other.load_state_dict(state)
    assert other.param_groups[1]["weight_decay"] == 0.0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_option_has_the_nested_group(composed, name):
    config = composed(f"+optimizer={name}", "optimizer.params.decay_norm_bias=false")
    params = config.pop("params")
    assert params == {
        "_target_": "runner.optimizer.params.Params",
        "decay_norm_bias": False,
        "layer_decay": 1.0,
        "patterns": None,
    }
    groups = instantiate(params)(network())
    assert isinstance(instantiate(config, params=groups, _convert_="all"), torch.optim.Optimizer)


def test_an_option_of_the_users_own_needs_no_nested_group(tmp_path):
    (tmp_path / "optimizer").mkdir()
    (tmp_path / "optimizer" / "mine.yaml").write_text("_target_: torch.optim.Adamax\nlr: 0.2\n")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(overrides=[f"hydra.searchpath=[file://{tmp_path}]", "+optimizer=mine"])
    assert config.optimizer == {"_target_": "torch.optim.Adamax", "lr": 0.2}


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.first, self.second = nn.LayerNorm(4), nn.Linear(4, 8), nn.Linear(8, 4)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.norm = nn.LayerNorm(4)


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 4))
        self.embed = nn.Linear(3, 4)
        self.encoder = Encoder()
        self.head = nn.Linear(4, 2)


def test_layers_are_blocks_norms_join_the_one_before():
    found = layers(Transformer())
    assert [names[0] for names in found] == [
        "token", "encoder.blocks.0.norm.weight", "encoder.blocks.1.norm.weight", "head.weight",
    ]  # fmt: skip
    assert "embed.weight" in found[0]
    assert found[2][-2:] == ["encoder.norm.weight", "encoder.norm.bias"]
    assert [len(names) for names in layers(network())] == [5, 4]
    assert sorted(name for names in found for name in names) == sorted(
        name for name, _ in Transformer().named_parameters()
    )


def test_layers_of_a_published_network():
    torchvision = pytest.importorskip("torchvision")
    model = torchvision.models.resnet18(num_classes=10)
    assert len(layers(model)) == 1 + 8 + 1  # the stem, eight blocks, the head
    assert len(layers(torchvision.models.vit_b_16())) == 1 + 12 + 1


def rates(params, model, lr=0.1):
    """The rate and decay of every parameter in an optimizer built as a run builds it."""
    from runner.config.build import build_optimizer
    from runner.config.groups import BY_NAME
    from runner.config.recipe import Node

    node = {"_target_": "torch.optim.AdamW", "lr": lr, "weight_decay": 0.5}
    given = {"_target_": "runner.optimizer.params.Params", **params}
    optimizer = build_optimizer(Node("optimizer", {**node, "params": given}, (), BY_NAME["optimizer"]), model, "cpu")
    found = {
        name: (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for name in group["param_names"]
    }
    assert all(group["initial_lr"] == group["lr"] for group in optimizer.param_groups)
    assert sum(len(g["params"]) for g in optimizer.param_groups) == len(found) == len(list(model.parameters()))
    return found


def test_rates_decay_from_the_last_layer_to_the_first():
    found = rates({"layer_decay": 0.5}, Transformer())
    assert found["head.weight"] == found["head.bias"] == (0.1, 0.5)
    assert found["encoder.blocks.1.first.weight"] == found["encoder.norm.bias"] == (0.05, 0.5)
    assert found["encoder.blocks.0.first.weight"] == (0.025, 0.5)
    assert found["token"] == found["embed.bias"] == (0.0125, 0.5)


def test_patterns_come_first_and_the_first_of_them_counts():
    patterns = {"*.bias": {"weight_decay": 0.0}, "head.*": {"lr_factor": 10}, "*.0.*": {"lr": 0.003, "weight_decay": 1}}
    found = rates({"layer_decay": 0.5, "decay_norm_bias": False, "patterns": patterns}, Transformer())
    assert found["head.weight"] == (1.0, 0.5)
    assert found["head.bias"] == (0.1, 0.0)
    assert found["encoder.blocks.0.first.weight"] == (0.003, 1)
    assert found["encoder.blocks.1.first.weight"] == (0.05, 0.5)
    assert found["encoder.norm.weight"] == (0.05, 0.0)


NAMES = [name for name, _ in Transformer().named_parameters()]


@given(
    frozen=st.sets(st.sampled_from(NAMES), max_size=len(NAMES) - 1),
    decay_norm_bias=st.booleans(),
    layer_decay=st.sampled_from([1.0, 0.7]),
    patterns=st.lists(st.sampled_from(["*", "*.bias", "head.*", "*blocks.1*", "token", "*norm*"]), unique=True),
)
@settings(max_examples=60, deadline=None)
def test_every_parameter_is_in_exactly_one_group_whatever_the_settings(frozen, decay_norm_bias, layer_decay, patterns):
    model = Transformer()
    for name, p in model.named_parameters():
        p.requires_grad_(name not in frozen)
    groups = Params(decay_norm_bias, layer_decay, {p: {"weight_decay": 0.1} for p in patterns})(model)
    held = [name for group in groups for name in group["param_names"]]
    assert sorted(held) == sorted(set(NAMES) - frozen)
    assert all(group["params"] for group in groups)


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ({"output.*": {"lr": 0.1}}, r"'output.\*' matches no parameter of this network.*token"),
        ({"head.*": {"rate": 0.1}}, "has rate=0.1.*Expected lr, lr_factor, weight_decay"),
        ({"head.*": {"lr": -1.0}}, "has lr=-1.0"),
        ({"head.*": {"lr": 1.0, "lr_factor": 2.0}}, "lr or lr_factor"),
        ({"head.*": {}}, "one or more"),
        ({"head.*": 0.1}, "one or more"),
    ],
)
def test_wrong_patterns_are_refused(patterns, message):
    with pytest.raises(ConfigError, match=message):
        Params(patterns=patterns)(Transformer())


def test_patterns_on_the_command_line(go):
    common = ["scheduler=constant", "trainer.max_steps=3", "model.hidden=[8]"]
    result = go("optimizer.params.patterns={output.*:{lr_factor:0}}", *common)
    assert result["status"] == "completed"
    after = torch.load("run/checkpoints/last.pt")["model"]["output.weight"]
    go("optimizer.lr=0", *common, folder="other")
    before = torch.load("other/checkpoints/last.pt")["model"]["output.weight"]
    assert torch.equal(after, before)
