"""The encoder: padding changes nothing, pooling is what it says, hidden tokens, and what it refuses."""

import pytest
import torch

from runner.engine.spec import PADDING, Field, Spec
from runner.errors import ConfigError
from runner.model.encoder import Encoder

TEXTS = [torch.tensor(text) for text in ([4, 5, 6, 7, 8], [9], [8, 8, 4, 5, 9, 10, 4], [5, 4])]
LENGTHS = torch.tensor([len(text) for text in TEXTS])
TOKENS = Field("tokens", (None,), 12)
SMALL = {"hidden": 12, "heads": 2, "dropout": 0.0}


def spec(task="classification"):
    if task == "masked":
        return Spec(task, TOKENS, TOKENS, {"lengths": Field("values", ())}, 12)
    return Spec(task, TOKENS, Field("class", () if task == "classification" else (None,), 3), num_outputs=3)


def padded(width=7, filler=PADDING):
    inputs = torch.full((len(TEXTS), width), filler)
    for row, text in zip(inputs, TEXTS):
        row[: len(text)] = text
    return inputs


def encoder(task="classification", **settings):
    torch.manual_seed(0)
    net = Encoder(spec(task), **SMALL, **settings).double()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3)
    return net


@pytest.mark.parametrize("pooling", ["first", "mean", "attention"])
@pytest.mark.parametrize("parts", [{}, {"positions": "learned", "norm_order": "post"}, {"kv_heads": 1, "norm": "rms"}])
def test_a_text_is_told_as_it_is_alone(pooling, parts):
    net = encoder(pooling=pooling, **parts)
    together = net(padded(), LENGTHS)
    alone = torch.cat([net(text[None]) for text in TEXTS])
    torch.testing.assert_close(together, alone, rtol=1e-10, atol=1e-10)
    assert torch.equal(net(padded(filler=11), LENGTHS), together)  # whatever stands there
    torch.testing.assert_close(net(padded(19), LENGTHS), alone, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("task", ["tagging", "masked"])
def test_every_step_is_told_as_it_is_alone(task):
    net = encoder(task)
    together = net(padded(filler=11), LENGTHS)
    assert together.shape == (4, 7, net(padded()).shape[-1])
    for row, text in zip(together, TEXTS):
        alone = net(text[None])[0]
        torch.testing.assert_close(row[: len(text)], alone, rtol=1e-10, atol=1e-10)
        behind = alone[-1] if task == "tagging" else torch.zeros_like(alone[-1])  # of which padding is the argmax
        torch.testing.assert_close(row[len(text) :], behind.expand(7 - len(text), -1), rtol=1e-10, atol=1e-10)


def test_gradients_do_not_see_padding_either():
    net = encoder(pooling="attention")
    parameters = list(net.parameters())
    together = torch.autograd.grad(net(padded(), LENGTHS).square().sum(), parameters)
    alone = torch.autograd.grad(sum(net(text[None]).square().sum() for text in TEXTS), parameters)
    torch.testing.assert_close(together, alone, rtol=1e-9, atol=1e-11)
    assert not together[0][PADDING].any()  # of the embedding


def test_a_text_longer_than_the_learned_positions_is_told():
    net = encoder(positions="learned", context=6)
    assert net(TEXTS[0][None]).shape == (1, 3)
    with pytest.raises(ConfigError, match=r"model\.context=6: .* one has 7 tokens\. Take model\.context=7"):
        net(padded(), LENGTHS)


def test_it_looks_both_ways():
    net, text = encoder("tagging"), torch.tensor([[4, 5, 6, 7]])
    before = net(text)
    text[0, 3] = 9
    assert not torch.allclose(net(text)[0, 0], before[0, 0])


def test_pooling_is_what_it_says():
    net = encoder(pooling="mean")
    states = net.encoder(net.embedding(TEXTS[0][None]))
    torch.testing.assert_close(net(TEXTS[0][None]), net.output(states.mean(1)))
    first = encoder(pooling="first")
    torch.testing.assert_close(
        first(TEXTS[0][None]), first.output(first.encoder(first.embedding(TEXTS[0][None]))[:, 0])
    )


def test_series_are_projected():
    torch.manual_seed(0)
    inputs, targets = Field("series", (6, 3)), Field("values", (2, 3))
    net = Encoder(Spec("forecasting", inputs, targets, num_outputs=6), **SMALL)
    assert net(torch.randn(5, 6, 3)).shape == (5, 6)
    assert net.embedding.weight.shape == (12, 3)


def test_a_masked_language_model_is_where_a_classifier_starts_from():
    own, found = encoder().state_dict(), encoder("masked").state_dict()
    shared = {name for name in own if name in found and own[name].shape == found[name].shape}
    assert set(own) - shared == {"output.weight", "output.bias"}
    assert own["embedding.weight"].shape == (13, 12)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (Spec("tokens", TOKENS, TOKENS, num_outputs=12), "Take model=decoder"),
        (Spec("sequence", TOKENS, TOKENS, {"decoder_inputs": TOKENS}, 12), "Take model=encoder_decoder"),
    ],
)
def test_what_does_not_fit_is_refused(made, message):
    with pytest.raises(ConfigError, match=message):
        Encoder(made)
