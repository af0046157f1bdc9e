"""A decoder: causal, the same alone as beside others, and able to learn by heart."""

import pytest
import torch
from torch.nn import functional as F

from runner.engine.spec import Field, Spec
from runner.errors import ConfigError
from runner.model.base import Network
from runner.model.decoder import Decoder
from runner.model.gru import GRU
from runner.model.lstm import LSTM
from runner.model.rnn import RNN
from tests.model.test_padding import LENGTHS, TEXTS, documents, language, padded, sequences

SMALL = {"layers": 2, "heads": 2, "hidden": 12}
KINDS = [
    {"positions": "learned"},
    {"positions": "sinusoidal", "norm_order": "post"},
    {"positions": "rotary", "norm": "rms", "activation": "swiglu", "kv_heads": 1},
    {"positions": "none", "tied": False},
]


def decoder(spec=None, **settings):
    torch.manual_seed(0)
    net = Decoder(spec or language(), **(SMALL | settings)).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)  # far from the small weights that it begins with
    return net


@pytest.mark.parametrize("settings", KINDS)
def test_no_token_sees_a_later_one(settings):
    net, text = decoder(**settings), torch.randint(4, 12, (2, 9))
    before = net(text)
    assert before.shape == (2, 9, 12)
    for step in range(1, 9):
        changed = text.clone()
        changed[:, step:] = 4 + (changed[:, step:] - 3) % 8
        assert torch.equal(net(changed)[:, :step], before[:, :step])
        assert not torch.allclose(net(changed)[:, step:], before[:, step:])


@pytest.mark.parametrize("settings", KINDS)
@pytest.mark.parametrize("spec", [language, documents])
def test_a_text_is_told_as_it_is_alone(settings, spec):
    net = decoder(spec(), **settings)
    together = net(padded(), LENGTHS)
    assert torch.equal(net(padded(filler=11), LENGTHS), together)
    for row, text in zip(together, TEXTS):
        alone = net(text[None])[0]
        if alone.ndim == 1:
            torch.testing.assert_close(row, alone)
        else:
            torch.testing.assert_close(row[: len(text)], alone)
            torch.testing.assert_close(row[len(text) :], alone[-1].expand(7 - len(text), -1))


FOLLOWING = [
    *(lambda settings=settings: decoder(**settings) for settings in KINDS),
    lambda: RNN(language(), 6, 2).double(),
    lambda: LSTM(language(), 6, 2, norm="layer").double(),
    lambda: GRU(language(), 6).double(),
]


@pytest.mark.parametrize("build", FOLLOWING)
def test_following_a_text_is_reading_it_whole(build):
    torch.manual_seed(0)
    net, text = build(), torch.randint(4, 12, (2, 9))
    state, told = None, []
    for piece in text.split([4, 1, 1, 3], 1):
        outputs, state = net.follow(piece, state)
        told.append(outputs)
    torch.testing.assert_close(torch.cat(told, 1), net(text), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(Network.follow(net, text[:, 5:], text[:, :5])[0], net(text)[:, 5:])


def test_what_was_read_is_not_read_again(monkeypatch):
    net, seen = decoder(), []
    _, state = net.follow(torch.randint(4, 12, (1, 8)))
    net.embedding.register_forward_hook(lambda module, inputs, outputs: seen.append(inputs[0].shape[1]))
    net.follow(torch.tensor([[5]]), state)
    assert seen == [1]


def test_a_batch_is_learned_by_heart():
    torch.manual_seed(0)
    net = Decoder(language(), 2, 2, 32)
    text = torch.randint(4, 12, (4, 17))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(text[:, :-1])[:, 3:].flatten(0, 1), text[:, 4:].flatten())
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.02
    cold = [parameter for parameter in net.parameters() if parameter.grad is None or not parameter.grad.any()]
    assert not cold


def test_tied_weights_are_one():
    net = Decoder(language(), **SMALL)
    assert net.output.weight is net.embedding.weight
    assert net.output.bias is None
    apart = Decoder(language(), **SMALL, tied=False)
    assert sum(p.numel() for p in apart.parameters()) == sum(p.numel() for p in net.parameters()) + 12 * 12
    assert Decoder(documents(), **SMALL).output.weight.shape == (3, 12)


@pytest.mark.parametrize(
    ("spec", "settings", "message"),
    [
        (sequences(), {}, "Take model=seq2seq"),
        (language(), {"hidden": 10, "heads": 4}, "expected a multiple of model.heads=4"),
    ],
)
def test_what_does_not_fit_is_refused(spec, settings, message):
    with pytest.raises(ConfigError, match=message):
        Decoder(spec, **(SMALL | settings))


def test_a_text_longer_than_the_learned_positions_is_refused():
    text = torch.randint(4, 12, (1, 9))
    assert Decoder(language(), **SMALL, context=8)(text).shape == (1, 9, 12)
    with pytest.raises(ConfigError, match=r"one has 9 tokens\. Take model.context=9"):
        Decoder(language(), **SMALL, context=8, positions="learned")(text)


def test_values_are_told_at_the_last_token():
    spec = Spec("regression", Field("tokens", (None,), 12), Field("values", (2,)), num_outputs=2)
    assert decoder(spec)(padded(), LENGTHS).shape == (4, 2)
