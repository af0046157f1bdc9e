"""What holds for every network, with every part that can be chosen by name."""

from typing import get_args

import pytest
import torch
from torch.nn import functional as F

from runner.engine.spec import Spec
from runner.model.cnn import CNN
from runner.model.layers.activation import Activation
from runner.model.layers.normalization import DenseNorm, Norm
from runner.model.mlp import MLP
from runner.model.resnet import ResNet

MODELS = {
    "mlp": lambda spec, **parts: MLP(spec, (16, 12), **parts),
    "cnn": lambda spec, **parts: CNN(spec, (4, 6), head=(8,), **parts),
    "resnet": lambda spec, **parts: ResNet(spec, 20, width=0.25, **parts),
}
PARTS = [
    (model, key, value)
    for model in MODELS
    for key, values in (
        ("activation", get_args(Activation)),
        ("norm", get_args(DenseNorm if model == "mlp" else Norm)),
        ("dropout", (0.5,)),
    )
    for value in values
]
PARTS += [
    ("cnn", "attention", "se"),
    ("cnn", "attention", "cbam"),
    ("cnn", "attention", "self"),
    *(("resnet", "attention", attention) for attention in ("se", "cbam", "self")),
    ("cnn", "skip", True),
    ("cnn", "spatial_dropout", 0.3),
]
PARTS += [("resnet", "block", "pre"), ("resnet", "stochastic_depth", 0.3)]


def spec_of(shape, outputs=7):
    return Spec.classification(shape, outputs)


@pytest.mark.parametrize(("model", "key", "value"), PARTS)
def test_every_part_trains_every_parameter(model, key, value):
    torch.manual_seed(0)
    net = MODELS[model](spec_of((1, 8, 8)), **{key: value})
    outputs = net(torch.randn(16, 1, 8, 8))
    assert outputs.shape == (16, 7)
    F.cross_entropy(outputs, torch.arange(16) % 7).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(
    ("model", "shape"),
    [("mlp", (64,)), *((m, s) for m in MODELS for s in [(1, 8, 8), (3, 32, 32), (2, 20, 9)])],
)
def test_evaluation_is_deterministic_and_batch_independent(model, shape):
    net = MODELS[model](spec_of(shape), dropout=0.5)
    x = torch.randn(6, *shape)
    net(x)
    net.eval()
    with torch.no_grad():
        together = net(x)
        assert torch.equal(together, net(x))
        torch.testing.assert_close(torch.cat([net(x[:2]), net(x[2:])]), together)


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("cnn", {"spatial_dropout": 0.5, "skip": True, "attention": "se"}),
        ("cnn", {"attention": "self"}),
        ("resnet", {"stochastic_depth": 0.5, "block": "pre"}),
    ],
)
def test_evaluation_is_deterministic_with_every_part(model, parts):
    net = MODELS[model](spec_of((1, 8, 8)), **parts)
    x = torch.randn(6, 1, 8, 8)
    assert parts == {"attention": "self"} or not torch.equal(net(x), net(x))
    net.eval()
    with torch.no_grad():
        together = net(x)
        torch.testing.assert_close(torch.cat([net(x[:2]), net(x[2:])]), together)


@pytest.mark.parametrize("model", MODELS)
def test_dropout_acts_in_training(model):
    net = MODELS[model](spec_of((1, 8, 8)), dropout=0.5, norm="none")
    x = torch.randn(4, 1, 8, 8)
    assert not torch.equal(net(x), net(x))


@pytest.mark.parametrize(("build", "steps"), [(MLP, 60), (CNN, 30), (ResNet, 40)])
def test_overfits_32_random_examples(build, steps):
    torch.manual_seed(0)
    net = build(spec_of((1, 8, 8), 10))
    x, y = torch.randn(32, 1, 8, 8), torch.randint(10, (32,))
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.02


@pytest.mark.parametrize("model", MODELS)
def test_the_activation_is_known_to_initializers(model):
    assert MODELS[model](spec_of((1, 8, 8)), activation="selu").activation == "selu"
