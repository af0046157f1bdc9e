"""Dilated causal convolutions: against torch's own weight norm, causal at every step, blind to padding."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from runner.engine.spec import Field, Spec
from runner.errors import ConfigError
from runner.init.auto import Auto
from runner.model.tcn import TCN, CausalConv

SERIES = Spec.classification((20, 3), 4)
TEXT = Spec("classification", Field("tokens", (None,), 11), Field("class", (), 4), num_outputs=4)
LANGUAGE = Spec("tokens", Field("tokens", (20,), 11), Field("tokens", (20,), 11), num_outputs=11)


def test_a_convolution_is_that_of_torch_moved_to_the_past():
    torch.manual_seed(0)
    ours = CausalConv(3, 5, 4, 3, weight_norm=True)
    theirs = nn.Conv1d(3, 5, 4, dilation=3)
    theirs.load_state_dict({"weight": ours.weight, "bias": ours.bias})
    weight_norm(theirs)
    with torch.no_grad():
        theirs.parametrizations.weight.original0.copy_(ours.gain)
    x = torch.randn(2, 3, 30)
    torch.testing.assert_close(ours(x)[..., 9:], theirs(x))
    torch.testing.assert_close(ours(x)[..., :9], theirs(F.pad(x, (9, 0)))[..., :9])
    plain = CausalConv(3, 5, 4, 3, weight_norm=False)
    torch.testing.assert_close(plain(x)[..., 9:], F.conv1d(x, plain.weight, plain.bias, dilation=3))


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize(("features", "channels"), [(3, 6), (6, 6)])
def test_as_many_parameters_as_the_formula_says(norm, features, channels):
    k, layers, outputs = 4, 3, 5
    net = TCN(Spec.classification((20, features), outputs), channels, layers, k, weight_norm=norm)
    c, f = channels, features
    first = (k * c * f + c) + (k * c * c + c) + (0 if f == c else c * f + c)
    formula = first + (layers - 1) * 2 * (k * c * c + c) + (2 * c * layers if norm else 0) + c * outputs + outputs
    assert sum(p.numel() for p in net.parameters()) == formula


@pytest.mark.parametrize(("kernel_size", "layers"), [(2, 1), (2, 3), (3, 2), (5, 2)])
def test_a_step_sees_the_receptive_field_and_nothing_that_comes_later(kernel_size, layers):
    torch.manual_seed(0)
    net = TCN(LANGUAGE, 8, layers, kernel_size, embedding=4)
    Auto()(net)
    heard = {}
    net.embedding.register_forward_hook(lambda _, __, out: heard.update(x=out.requires_grad_()))
    net(torch.randint(11, (16, 60)))[:, 45].square().sum().backward(inputs=[heard["x"]])
    seen = heard["x"].grad.abs().sum((0, 2)).nonzero().flatten()
    assert net.receptive_field == 1 + 2 * (kernel_size - 1) * (2**layers - 1)
    assert (int(seen.min()), int(seen.max())) == (45 - net.receptive_field + 1, 45)


@pytest.mark.parametrize("spec", [SERIES, TEXT, LANGUAGE], ids=["series", "text", "language"])
@pytest.mark.parametrize("pooling", ["last", "mean", "attention", "auto"])
def test_padding_changes_nothing(spec, pooling):
    if spec is LANGUAGE and pooling != "auto":
        with pytest.raises(ConfigError, match="want one at every step"):
            TCN(spec, pooling=pooling)
        return
    torch.manual_seed(0)
    net = TCN(spec, 8, 2, dropout=0.3, pooling=pooling, embedding=5).eval()
    x = torch.randn(5, 20, 3) if spec is SERIES else torch.randint(11, (5, 20))
    lengths = torch.tensor([20, 1, 7, 13, 2])
    together = net(x, lengths)
    behind = torch.arange(20) >= lengths[:, None]
    other = x.clone()
    other[behind] = 9
    torch.testing.assert_close(net(other, lengths), together)
    for row, length, outputs in zip(x, lengths.tolist(), together, strict=True):
        alone = net(row[None, :length])[0]
        torch.testing.assert_close(outputs[:length] if spec is LANGUAGE else outputs, alone)
    torch.testing.assert_close(net(x, torch.full((5,), 20)), net(x))


def test_the_lengths_of_weights_are_learnt_whatever_draws_them():
    net = TCN(SERIES, 256, 1)
    Auto()(net)
    conv = net.block1.conv2
    assert conv.weight.flatten(1).norm(dim=1).mean().item() == pytest.approx(conv.gain.mean().item(), rel=0.02)
    net(torch.randn(4, 20, 3)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_what_it_does_not_see_is_told():
    assert not TCN(SERIES).notes
    assert "sees the last 13 of 20 steps" in TCN(SERIES, layers=2, kernel_size=3).notes[0]
    assert not TCN(SERIES, layers=2, pooling="mean").notes


@pytest.mark.parametrize(
    "data",
    [
        ("data=digits",),
        ("data=python_source", "trainer.limit_batches=3", "monitor=val/perplexity"),
        ("data=membrane", "data.fraction=0.1", "trainer.precision=bf16"),
    ],
)
def test_through_the_command_line(go, data):
    result = go(*data, "model=tcn", "model.channels=8", "model.layers=3", "trainer.max_epochs=1", "trainer.images=0")
    assert result["status"] == "completed" and result["test"]["loss"] < 10
