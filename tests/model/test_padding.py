"""Recurrent networks over texts of unequal length: padding changes nothing."""

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from runner.engine.spec import PADDING, Field, Spec
from runner.errors import ConfigError
from runner.model.gru import GRU
from runner.model.layers.recurrent import recur_within
from runner.model.lstm import LSTM
from runner.model.rnn import RNN
from runner.model.seq2seq import Seq2Seq

TEXTS = [torch.tensor(text) for text in ([4, 5, 6, 7, 8], [9], [8, 8, 4, 5, 9, 10, 4], [5, 4])]
LENGTHS = torch.tensor([len(text) for text in TEXTS])


def documents():
    return Spec("classification", Field("tokens", (None,), 12), Field("class", (), 3), num_outputs=3)


def language():
    field = Field("tokens", (None,), 12)
    return Spec("tokens", field, field, num_outputs=12)


def padded(width=7, filler=PADDING):
    inputs = torch.full((len(TEXTS), width), filler)
    for row, text in zip(inputs, TEXTS):
        row[: len(text)] = text
    return inputs


@pytest.mark.parametrize("build", [RNN, LSTM, GRU])
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, False), (1, True), (2, True)])
@pytest.mark.parametrize("pooling", ["last", "mean", "attention"])
@pytest.mark.parametrize("norm", ["none", "layer", "rms"])
def test_a_document_is_told_as_it_is_alone(build, layers, bidirectional, pooling, norm):
    torch.manual_seed(0)
    net = build(documents(), 6, layers, bidirectional, pooling=pooling, norm=norm, embedding=5).double()
    together = net(padded(), LENGTHS)
    alone = torch.cat([net(text[None]) for text in TEXTS])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)
    assert torch.equal(net(padded(filler=11), LENGTHS), together)  # whatever stands there
    torch.testing.assert_close(net(padded(19), LENGTHS), alone, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_gradients_do_not_see_padding_either(bidirectional):
    torch.manual_seed(0)
    net = GRU(documents(), 6, 2, bidirectional, pooling="attention").double()
    parameters = list(net.parameters())
    together = torch.autograd.grad(net(padded(), LENGTHS).square().sum(), parameters)
    alone = torch.autograd.grad(sum(net(text[None]).square().sum() for text in TEXTS), parameters)
    torch.testing.assert_close(together, alone, rtol=1e-10, atol=1e-12)
    assert not together[0][PADDING].any()  # of the embedding


@pytest.mark.parametrize("layer", [torch.nn.GRU, torch.nn.LSTM])
def test_both_ways_are_those_of_torchs_packed_sequences(layer):
    torch.manual_seed(0)
    both, x = layer(3, 4, batch_first=True, bidirectional=True), torch.randn(len(TEXTS), 7, 3)
    packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    expected = pad_packed_sequence(both(packed)[0], batch_first=True)[0]
    inside = torch.arange(7) < LENGTHS[:, None]
    torch.testing.assert_close(recur_within(both, x, LENGTHS)[inside], expected[inside])


def test_behind_the_end_of_a_text_its_last_step_is_repeated():
    torch.manual_seed(0)
    net = GRU(language(), 6).double()
    assert net.pooling == "none"
    together = net(padded(), LENGTHS)
    assert together.shape == (4, 7, 12)
    for row, text in zip(together, TEXTS):
        alone = net(text[None])[0]
        torch.testing.assert_close(row[: len(text)], alone)
        torch.testing.assert_close(row[len(text) :], alone[-1].expand(7 - len(text), -1))


def test_a_language_model_sees_no_token_that_it_is_to_tell():
    torch.manual_seed(0)
    net, text = GRU(language(), 6, 2), torch.randint(4, 12, (1, 9))
    before = net(text)
    text[0, 5:] = 4
    assert torch.equal(net(text)[0, :5], before[0, :5])


@pytest.mark.parametrize(
    ("spec", "settings", "message"),
    [
        (language(), {"bidirectional": True}, "model.bidirectional=true"),
        (language(), {"pooling": "mean"}, "Take model.pooling=auto"),
        (documents(), {"pooling": "none"}, "one for each example"),
        (documents(), {"norm": "batch"}, "Take model.norm=layer"),
    ],
)
def test_what_does_not_fit_is_refused(spec, settings, message):
    with pytest.raises(ConfigError, match=message):
        GRU(spec, 6, **settings)


def sequences():
    field = Field("tokens", (None,), 12, tuple("ab<>0123456789"[:12]))
    return Spec("sequence", field, field, {"lengths": Field("values", ()), "decoder_inputs": field}, 12)


@pytest.mark.parametrize("attention", [True, False])
def test_an_answer_is_the_one_that_is_given_alone(attention):
    torch.manual_seed(0)
    net = Seq2Seq(sequences(), 6, 5, attention=attention).double()
    before = torch.randint(4, 12, (4, 3))
    together = net(padded(), LENGTHS, before)
    alone = torch.cat([net(text[None], LENGTHS[i, None], before[i, None]) for i, text in enumerate(TEXTS)])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("attention", [True, False])
def test_decoding_freely_is_decoding_what_was_told(attention):
    torch.manual_seed(0)
    net = Seq2Seq(sequences(), 6, 5, attention=attention, longest=8).double()
    free = net(padded(), LENGTHS)
    assert free.shape == (4, 8, 12)  # an untrained network never ends
    told = free.argmax(-1)
    start = torch.full((4, 1), 2)
    given = net(padded(), LENGTHS, torch.cat((start, told[:, :-1]), 1))
    torch.testing.assert_close(given, free, rtol=1e-10, atol=1e-10)


def test_decoding_ends_with_the_last_answer():
    net = Seq2Seq(sequences(), 6, 5)
    with torch.no_grad():
        net.output.bias[3] = 100.0  # <end>
    assert net(padded(), LENGTHS).shape == (4, 1, 12)


def test_each_refuses_the_others_data():
    with pytest.raises(ConfigError, match="Take model=seq2seq"):
        GRU(sequences(), 6)
    with pytest.raises(ConfigError, match="Take model=gru"):
        Seq2Seq(language(), 6)
