"""rnn, lstm and gru, against torch's modules with the same weights and against formulas."""

import pytest
import torch
from torch import nn

from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.model.gru import GRU
from runner.model.lstm import LSTM
from runner.model.recurrent import AttentionPool, StepBatchNorm
from runner.model.rnn import RNN

CELLS = {RNN: (nn.RNN, 1), LSTM: (nn.LSTM, 4), GRU: (nn.GRU, 3)}
N, T, F, H = 5, 7, 3, 6


def spec(shape=(T, F), outputs=4):
    return Spec.classification(shape, outputs)


def reference(ours, layers, bidirectional, **cell):
    """torch's stacked module with the weights of our single layers."""
    theirs = CELLS[type(ours)][0](F, H, layers, batch_first=True, bidirectional=bidirectional, **cell)
    weights = {}
    for i in range(layers):
        for name, tensor in getattr(ours, f"rnn{i + 1}").state_dict().items():
            weights[name.replace("_l0", f"_l{i}")] = tensor
    theirs.load_state_dict(weights)
    return theirs


@pytest.mark.parametrize("build", CELLS)
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_outputs_equal_torchs_with_copied_weights(build, layers, bidirectional, pooling):
    torch.manual_seed(0)
    ours = build(spec(), H, layers, bidirectional, pooling=pooling)
    theirs = reference(ours, layers, bidirectional)
    x = torch.randn(N, T, F)
    sequence, state = theirs(x)
    state = state[0] if build is LSTM else state
    last = torch.cat([state[-2], state[-1]], 1) if bidirectional else state[-1]
    expected = ours.output(last if pooling == "last" else sequence.mean(1))
    torch.testing.assert_close(ours(x), expected)


def test_relu_states_equal_torchs():
    ours = RNN(spec(), H, 2, activation="relu")
    sequence, _ = reference(ours, 2, False, nonlinearity="relu")(x := torch.randn(N, T, F))
    torch.testing.assert_close(ours(x), ours.output(sequence[:, -1]))
    assert ours.activation == "relu"


@pytest.mark.parametrize("build", CELLS)
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, True)])
def test_parameters_by_formula(build, layers, bidirectional):
    gates, ways = CELLS[build][1], 1 + bidirectional
    net = build(spec(), H, layers, bidirectional)
    inputs = [F] + [ways * H] * (layers - 1)
    cells = sum(ways * gates * (H * width + H * H + 2 * H) for width in inputs)
    assert sum(p.numel() for p in net.parameters()) == cells + ways * H * 4 + 4


@pytest.mark.parametrize("build", CELLS)
def test_an_image_is_read_row_by_row(build):
    net = build(spec((2, T, 5)), H)
    images = torch.randn(N, 2, T, 5)
    rows = torch.cat([images[:, 0], images[:, 1]], 2)  # a step holds the row of each channel
    torch.testing.assert_close(net(images), net(rows))
    torch.testing.assert_close(net(images.to(memory_format=torch.channels_last)), net(rows))


def test_attention_by_hand():
    pool, x = AttentionPool(F), torch.randn(N, T, F)
    expected = []
    for series in x:
        hidden = [torch.tanh(pool.hidden.weight @ h + pool.hidden.bias) for h in series]
        scores = torch.stack([pool.score.weight[0] @ h for h in hidden])
        weights = scores.exp() / scores.exp().sum()
        expected.append(sum(a * h for a, h in zip(weights, series)))
    torch.testing.assert_close(pool(x), torch.stack(expected))


def test_batch_norm_takes_each_step_by_itself():
    norm = StepBatchNorm(T, F)
    with torch.no_grad():
        norm.weight[:], norm.bias[:] = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 1.0, -1.0])
    x = torch.randn(64, T, F) * torch.linspace(0.1, 10, T)[:, None] + torch.arange(T)[:, None]
    y = norm(x)
    for t in range(T):
        step = nn.functional.batch_norm(x[:, t], None, None, norm.weight, norm.bias, training=True)
        torch.testing.assert_close(y[:, t], step)
    assert sum(p.numel() for p in norm.parameters()) == 2 * F  # one scale and shift for all steps
    norm.eval()
    assert not torch.equal(norm(x), y)
    for t in range(T):
        theirs = nn.BatchNorm1d(F)
        theirs.weight, theirs.bias = norm.weight, norm.bias
        theirs(x[:, t])
        torch.testing.assert_close(norm(x)[:, t], theirs.eval()(x[:, t]))
    torch.testing.assert_close(norm(x[:3]), norm(x)[:3])


@pytest.mark.parametrize("build", CELLS)
@pytest.mark.parametrize(
    "parts",
    [
        {"norm": "batch"},
        {"norm": "layer", "pooling": "attention"},
        {"norm": "rms", "pooling": "mean"},
        {"dropout": 0.5, "dropout_between": 0.3, "dropout_input": 0.2},
        {"bidirectional": True, "pooling": "attention"},
    ],
)
def test_every_part_trains_every_parameter_and_evaluates_alone(build, parts):
    torch.manual_seed(0)
    net = build(spec(), H, 2, **parts)
    x = torch.randn(16, T, F)
    nn.functional.cross_entropy(net(x), torch.arange(16) % 4).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    net.eval()
    with torch.no_grad():
        torch.testing.assert_close(torch.cat([net(x[:2]), net(x[2:])]), net(x))


@pytest.mark.parametrize("part", ["dropout", "dropout_between", "dropout_input"])
def test_dropout_acts_in_training_where_it_says(part):
    net = GRU(spec(), H, 2, **{part: 0.5})
    x = torch.randn(N, T, F)
    assert not torch.equal(net(x), net(x))
    zeros = []
    name = {"dropout": "dropout", "dropout_between": "dropout1", "dropout_input": "dropout_input"}[part]
    getattr(net, name).register_forward_hook(lambda module, inputs, output: zeros.append((output == 0).float().mean()))
    for _ in range(40):
        net(x)
    assert float(torch.stack(zeros).mean()) == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("build", CELLS)
def test_overfits_32_random_series(build):
    torch.manual_seed(0)
    net, x, y = build(spec(outputs=10), 64), torch.randn(32, T, F), torch.randint(10, (32,))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.02


def test_dropout_between_needs_two_layers():
    with pytest.raises(ConfigError, match=r"dropout_between=0.3 acts between recurrent layers, and model.layers=1"):
        LSTM(spec(), dropout_between=0.3)


@pytest.mark.parametrize("model", ["rnn", "lstm", "gru"])
def test_in_a_run_images_and_their_rows_are_the_same(go, model):
    common = [f"model={model}", "model.hidden=16", "trainer.max_epochs=1", "trainer.limit_batches=5"]
    images = go(*common, folder="images")
    rows = go(*common, "data.as_sequence=true", folder="rows")
    assert images["val"] == rows["val"]
    assert go(*common, "augmentation=[crop]", "regularization=[dropout]", folder="more")["status"] == "completed"
    with pytest.raises(ConfigError, match="augmentation=crop"):
        go(*common, "augmentation=[crop]", "data.as_sequence=true", folder="refused")


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_in_half_precision(go, precision):
    common = ["model=lstm", "model.hidden=16", "trainer.max_epochs=1", "trainer.limit_batches=5"]
    assert go(*common, f"trainer.precision={precision}")["status"] == "completed"
