"""Rounding while training: the formula against torch's own, and runs that are stopped, averaged and compiled."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from runner.compression.qat import QAT, fake_quantized_input, fake_quantized_weight
from runner.engine import checkpoint
from runner.errors import ConfigError
from runner.run import compose, evaluate_run, load, run
from runner.testing import check_option

SHORT = ["data=digits", "model=cnn", "trainer.threads=1", "trainer.device=cpu", "trainer.evaluation=off"]
SHORT += ["compression=[qat]", "trainer.limit_batches=4"]


def with_gradient(function, x):
    x = x.detach().clone().requires_grad_()
    y = function(x)
    (y * torch.arange(y.numel(), dtype=torch.float32).view_as(y)).sum().backward()
    return y.detach(), x.grad


@pytest.mark.parametrize("shape", [(5, 7), (4, 3, 3, 3), (6, 2, 5)])
def test_weights_are_rounded_as_torch_rounds_them(shape):
    torch.manual_seed(0)
    w = torch.randn(shape) * torch.logspace(-3, 3, shape[0]).view(-1, *(1,) * (len(shape) - 1))
    scale = w.abs().flatten(1).amax(1) / 127

    def expected(w):
        return torch.fake_quantize_per_channel_affine(w, scale, torch.zeros(shape[0], dtype=torch.int32), 0, -127, 127)

    ours, own_gradient = with_gradient(fake_quantized_weight, w)
    theirs, their_gradient = with_gradient(expected, w)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(own_gradient, their_gradient)
    assert not torch.equal(ours, w)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 2.0), (0.5, 3.0), (-4.0, -1.0), (0.0, 6.0)])
def test_inputs_are_rounded_as_torch_rounds_them(low, high):
    torch.manual_seed(0)
    x = torch.randn(64, 9) * 3  # much of it outside of the range
    scale = (max(high, 0) - min(low, 0)) / 255
    zero = round(-min(low, 0) / scale)
    ours, own_gradient = with_gradient(lambda x: fake_quantized_input(x, torch.tensor(low), torch.tensor(high)), x)
    theirs, their_gradient = with_gradient(lambda x: torch.fake_quantize_per_tensor_affine(x, scale, zero, 0, 255), x)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(own_gradient, their_gradient)
    assert (own_gradient == 0).any() and (own_gradient != 0).any()


def test_what_is_zero_stays_zero():
    for function in (fake_quantized_weight, lambda x: fake_quantized_input(x, torch.zeros(()), torch.zeros(()))):
        assert torch.equal(function(torch.zeros(3, 4)), torch.zeros(3, 4))
    x = torch.tensor([[0.0, 1.0, -0.3]])
    assert fake_quantized_input(x, torch.tensor(-0.3), torch.tensor(1.0))[0, 0] == 0


def watched(model, **settings):
    technique = QAT(**settings)
    technique.setup(SimpleNamespace(model=model, plan=SimpleNamespace(epochs=4)))
    return technique


def test_the_range_follows_what_is_seen_in_training_alone():
    model = nn.Sequential(nn.Linear(3, 2))
    technique = watched(model, momentum=0.25)
    model(torch.tensor([[-1.0, 0.0, 2.0]]))
    assert (model[0].low, model[0].high) == (-1, 2)
    model(torch.tensor([[-3.0, 0.0, 1.0]]))
    assert (model[0].low, model[0].high) == (-1.5, 1.75)
    model.eval()(torch.full((1, 3), 100.0))
    assert (model[0].low, model[0].high) == (-1.5, 1.75)
    behind_relu = nn.Sequential(nn.Linear(3, 2))
    watched(behind_relu, momentum=0.25)
    for largest, high in ((2.0, 2.0), (1.0, 1.75)):  # a least of zero was seen too
        behind_relu(torch.tensor([[0.0, 0.5, largest]]))
        assert (behind_relu[0].low, behind_relu[0].high) == (0, high)
    other = nn.Sequential(nn.Linear(3, 2))
    again = watched(other, momentum=0.25)
    again.load_state_dict(technique.state_dict())
    assert (other[0].low, other[0].high) == (-1.5, 1.75)
    assert list(model.state_dict()) == ["0.weight", "0.bias"]


def test_attention_rounds_the_weights_that_it_takes_itself():
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    expected = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    expected.load_state_dict(
        {k: fake_quantized_weight(v) if v.ndim > 1 else v for k, v in attention.state_dict().items()}
    )
    names = list(attention.state_dict())
    model = nn.ModuleDict({"attention": attention})
    watched(model)
    x = torch.randn(3, 5, 8)
    attention.train()(x, x, x)
    rounded = fake_quantized_input(x, x.min(), x.max())
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            outputs = attention.eval()(x, x, x, need_weights=False)[0]
            torch.testing.assert_close(outputs, expected(rounded, rounded, rounded, need_weights=False)[0])
    assert list(attention.state_dict()) == names


def test_batch_norm_is_as_in_evaluation_late_in_training():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    technique = watched(model, batch_norm_until=0.5)
    modes = []
    for epoch in (1, 2, 3, 4):
        model.train()
        technique.on_epoch_start(epoch)
        modes.append(model[1].training)
    assert modes == [True, True, False, False]


def test_a_network_of_embeddings_alone_is_refused():
    with pytest.raises(ConfigError, match="no dense or convolutional layer"):
        watched(nn.Sequential(nn.Embedding(3, 2)))


def test_keeps_to_what_every_option_does(tmp_path):
    check_option("compression", "qat", tmp_path)


@pytest.mark.parametrize(
    "more",
    [
        ("optimizer=momentum", "regularization=[ema]", "trainer.accumulate=2", "trainer.precision=bf16"),
        ("optimizer/wrapper=sam", "compression.qat.batch_norm_until=0.5", "model=resnet"),
        ("trainer.on_nonfinite=skip", "trainer.clip_norm=1"),
    ],
    ids=["averaged", "sam", "skip"],
)
def test_trains_and_keeps_plain_names(more, tmp_path):
    result = run(compose([*SHORT, "trainer.max_epochs=2", *more]), tmp_path / "run")
    assert all(math.isfinite(value) for value in result["test"].values())
    saved = checkpoint.load(tmp_path / "run/checkpoints/best.pt")["model"]
    model = load(tmp_path / "run").model
    assert list(saved) == list(model.state_dict())
    assert not any(hasattr(module, "low") for module in model.modules())


def test_compiled_it_gives_what_it_gives_otherwise():
    torch.manual_seed(0)
    x, outputs = torch.randn(4, 1, 8, 8), []
    for compile in (False, True):
        torch.manual_seed(1)
        model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 2))
        network = torch.compile(model, backend="aot_eager", fullgraph=True) if compile else model
        watched(model)
        network(x).sum().backward()
        model.eval()
        outputs.append([network(2 * x).detach(), model[0].weight.grad, model[3].high])
    torch.testing.assert_close(outputs[0], outputs[1])


def test_scores_are_of_the_rounded_network(tmp_path):
    result = run(compose([*SHORT, "trainer.max_epochs=2"]), tmp_path / "run")
    plain = evaluate_run(tmp_path / "run", device="cpu")
    assert plain["loss"] != result["test"]["loss"]
    assert plain["loss"] == pytest.approx(result["test"]["loss"], rel=0.05)
