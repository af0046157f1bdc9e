"""The encoder-decoder: against torch's transformer, padding, the cache, and beams against every possible answer."""

from itertools import product

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from runner.engine.batch import Batch
from runner.engine.spec import END, PADDING, START, Field, Spec
from runner.errors import ConfigError
from runner.model.base import Network
from runner.model.encoder_decoder import EncoderDecoder
from runner.model.layers.beams import beam_search, length_penalty, marked
from runner.task.sequence import Sequence
from tests.model.test_encoder import LENGTHS, TEXTS, padded
from tests.model.test_transformer import copied

SMALL = {"hidden": 12, "heads": 3, "dropout": 0.0}


def spec(size=12):
    field = Field("tokens", (None,), size, tuple("ab<>0123456789"[:size]))
    return Spec("sequence", field, field, {"lengths": Field("values", ()), "decoder_inputs": field}, size)


def network(size=12, scale=0.3, seed=0, **settings):
    torch.manual_seed(seed)
    net = EncoderDecoder(spec(size), **SMALL, **settings).double()
    for parameter in net.parameters():
        nn.init.normal_(parameter, 0, scale)
    return net.eval()


@pytest.mark.parametrize("order", ["pre", "post"])
def test_is_torchs_transformer(order):
    net = network(units=20, activation="relu", positions="none", norm_order=order)
    theirs = nn.Transformer(12, 3, 2, 2, 20, 0.0, batch_first=True, norm_first=order == "pre").double()
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, 0, 0.3)
    parts = net.encoder.blocks[0]
    for ours, their in ((net.encoder, theirs.encoder), (net.decoder, theirs.decoder)):
        if order == "pre":
            ours.norm.load_state_dict(their.norm.state_dict())
        else:
            their.norm = None  # behind a block that ends in one, torch puts another
        for block, layer in zip(ours.blocks, their.layers, strict=True):
            block.load_state_dict(copied(_parts(order), layer).state_dict())
    assert parts.pre == (order == "pre")
    x, before = padded(), torch.randint(4, 12, (4, 5))
    causal = nn.Transformer.generate_square_subsequent_mask(5).double()
    behind = torch.arange(7) >= LENGTHS[:, None]
    given = {"src_key_padding_mask": behind, "memory_key_padding_mask": behind}
    states = theirs(net.embedding(x), net.embedding(before), tgt_mask=causal, **given)
    expected = F.linear(states, net.embedding.weight, net.bias)
    torch.testing.assert_close(net(x, LENGTHS, before), expected, rtol=1e-10, atol=1e-10)


def _parts(order):
    from runner.model.layers.block import BlockParts

    return BlockParts(12, 3, units=20, activation="relu", norm_order=order)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary"])
def test_an_answer_is_the_one_that_is_given_alone(positions):
    net, before = network(positions=positions), torch.randint(4, 12, (4, 3))
    together = net(padded(filler=11), LENGTHS, before)
    alone = torch.cat([net(text[None], LENGTHS[i, None], before[i, None]) for i, text in enumerate(TEXTS)])
    torch.testing.assert_close(together, alone, rtol=1e-10, atol=1e-10)


def test_a_token_that_is_to_be_told_is_not_seen():
    net, before = network(), torch.randint(4, 12, (4, 5))
    first = net(padded(), LENGTHS, before)
    before[:, 3:] = 4
    assert torch.equal(net(padded(), LENGTHS, before)[:, :3], first[:, :3])


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_decoding_with_kept_keys_is_decoding_what_was_told(positions):
    net = network(positions=positions, longest=8)
    with torch.no_grad():
        net.bias[END] = -100.0
    free = net(padded(), LENGTHS)
    assert free.shape == (4, 8, 12)
    told = free.argmax(-1)
    start = torch.full((4, 1), START)
    given = net(padded(), LENGTHS, torch.cat((start, told[:, :-1]), 1))
    torch.testing.assert_close(given, free, rtol=1e-10, atol=1e-10)


def test_an_answer_ends_where_learned_positions_do():
    net = network(positions="learned", context=4, longest=9)
    with torch.no_grad():
        net.bias[END] = -100.0
    sources, lengths = padded()[:, :4], LENGTHS.clamp(max=4)
    for net.beams in (1, 2):
        assert net(sources, lengths).shape == (4, 4, 12)


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_an_answer_that_is_followed_reads_its_source_once(positions):
    net, calls = network(positions=positions), []
    net.encoder.register_forward_hook(lambda *_: calls.append("source"))
    net.decoder.blocks[0].cross.inner.register_forward_hook(lambda *_: calls.append("keys"))
    source, told = Batch(padded(), padded(), {"lengths": LENGTHS}), torch.randint(4, 12, (4, 6))
    kept, anew = None, None
    for tokens in told.split((1, 2, 1, 2), 1):
        ours, kept = net.follow(tokens, kept, source)
        assert calls.count("source") == calls.count("keys")
        theirs, anew = Network.follow(net, tokens, anew, source)
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    assert calls.count("source") == 5  # four of them those without


def test_decoding_ends_with_the_last_answer():
    net = network()
    with torch.no_grad():
        net.bias[END] = 100.0
    assert net(padded(), LENGTHS).shape == (4, 1, 12)


def ended(tokens):
    return tokens[: tokens.index(END) + 1] if END in tokens else tokens


def answers(net):
    return [ended(row) for row in net(padded(), LENGTHS).argmax(-1).tolist()]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_one_beam_is_the_most_probable_token_each_time(seed, alpha):
    net = network(scale=0.6, seed=seed, longest=9)
    memory = net.encoder(net.embedding(padded()), LENGTHS)
    cache = net.decoder.cache()

    def step(tokens, taken):
        if taken is not None:
            cache.take(taken)
        return net._told(tokens, memory, LENGTHS, cache)[:, -1].float().log_softmax(-1)

    found = beam_search(step, 4, 1, 9, alpha, memory.device)
    assert [ended(row) for row in found.tolist()] == answers(net)


def scored(net, row, alpha, longest):
    """Every answer of at most `longest` tokens to one text, and its score, token by token."""
    size = net.bias.shape[0]
    text, length = padded()[row, None], LENGTHS[row, None]
    tokens = [token for token in range(size) if token != END]
    for n in range(longest + 1):
        for front in product(tokens, repeat=n):
            told = [*front, END] if n < longest else list(front)
            before = torch.tensor([[START, *told[:-1]]])
            chances = net(text, length, before)[0].float().log_softmax(-1)
            total = sum(chances[i, token].item() for i, token in enumerate(told))
            yield told, total / length_penalty(len(told), alpha)


@pytest.mark.parametrize("seed", range(3))
def test_enough_beams_find_the_best_of_all_answers(seed):
    net = network(5, scale=0.5, seed=seed, longest=3, beams=125, length_penalty=0.0)
    net.embedding = nn.Embedding(12, 12).double()  # of the texts; answers are of five tokens
    net.embedding.weight.data.normal_(0, 0.5)
    _first_tokens_only(net)
    for row, answer in enumerate(answers(net)):
        best, score = max(scored(net, row, 0.0, 3), key=lambda pair: pair[1])
        found = {tuple(told): value for told, value in scored(net, row, 0.0, 3)}[tuple(answer)]
        assert found == pytest.approx(score, abs=1e-5), (answer, best)


def _first_tokens_only(net):
    told = net._told

    def of_five(tokens, memory, lengths, cache=None):
        states = net.decoder(net.embedding(tokens), memory=memory, memory_lengths=lengths, cache=cache)
        return F.linear(states, net.embedding.weight[:5], net.bias)

    assert told is not None
    net._told = of_five


def by_hand(net, row, beams, alpha, longest):
    """The same search in lists, one answer after the other, without a cache."""
    text, length = padded()[row, None], LENGTHS[row, None]
    followed, best = [((), 0.0)], (None, -float("inf"))
    for n in range(1, longest + 1):
        options = []
        for told, total in followed:
            chances = net(text, length, torch.tensor([[START, *told]]))[0, -1].float().log_softmax(-1)
            options += [((*told, token), total + chance) for token, chance in enumerate(chances.tolist())]
        options.sort(key=lambda option: -option[1])
        for told, total in options[:beams]:
            if told[-1] == END and total / ((5 + n) / 6) ** alpha > best[1]:
                best = told, total / ((5 + n) / 6) ** alpha
        followed = [option for option in options if option[0][-1] != END][:beams]
        if followed[0][1] / ((5 + n) / 6) ** alpha <= best[1]:
            return list(best[0])
    told, total = followed[0]
    return list(told) if total / ((5 + longest) / 6) ** alpha > best[1] else list(best[0])


@pytest.mark.parametrize("beams", [2, 3])
@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_beams_are_those_of_a_search_by_hand(beams, alpha):
    different = 0
    for seed in range(3):
        net = network(scale=0.5, seed=seed, longest=6, beams=beams, length_penalty=alpha)
        found = answers(net)
        net.beams = 1
        assert found == [by_hand(net, row, beams, alpha, 6) for row in range(len(TEXTS))]
        different += found != answers(net)
    assert different  # from one beam


def test_the_length_penalty_is_equation_14():
    assert length_penalty(1, 0.6) == 1
    assert length_penalty(7, 0.5) == pytest.approx(2**0.5)
    assert length_penalty(30, 0.0) == 1


@pytest.mark.parametrize(("alpha", "expected"), [(0.0, [END]), (0.5, [END]), (2.0, [0, END])])
def test_longer_answers_are_preferred_by_the_penalty(alpha, expected):
    chances = torch.zeros(4, 4)  # of what comes behind each token
    chances[START, END], chances[START, 0] = 0.4, 0.6
    chances[0, END], chances[0, 1], chances[1, END] = 0.5, 0.5, 1.0

    def step(tokens, taken):
        return chances[tokens[:, 0]].log()

    assert beam_search(step, 1, 2, 5, alpha, chances.device).tolist() == [expected]


@pytest.mark.parametrize(
    ("alpha", "longest", "expected"), [(0.0, 5, [END]), (2.0, 5, [0, 1, END]), (2.0, 2, [0, 1]), (0.0, 2, [END])]
)
def test_what_is_followed_is_held_against_an_answer_at_its_present_length(alpha, longest, expected):
    """``log 0.36`` is below ``log 0.4``, and divided by the penalty of two tokens it is above."""
    chances = torch.zeros(4, 4)  # of what comes behind each token
    chances[START, END], chances[START, 0] = 0.4, 0.6
    chances[0, 0], chances[0, 1], chances[1, END] = 0.4, 0.6, 1.0

    def step(tokens, taken):
        return chances[tokens[:, 0]].log()

    assert beam_search(step, 1, 2, longest, alpha, chances.device).tolist() == [expected]


def test_an_answer_goes_on_where_another_has_ended():
    chances = torch.tensor([0.05, 0.05, 0.0, 0.9]).expand(2, 4, 4).clone()  # of two examples, behind each token
    chances[1, START], chances[1, 0] = torch.tensor([[0.8, 0.1, 0.0, 0.1], [0.0, 0.9, 0.0, 0.1]])

    def step(tokens, taken):
        return chances[torch.tensor([0, 0, 1, 1]), tokens[:, 0]].log()

    found = beam_search(step, 2, 2, 5, 0.6, chances.device)
    assert found.tolist() == [[END, PADDING, PADDING], [0, 1, END]]


def test_the_answer_of_beams_has_its_own_probability():
    outputs = torch.tensor([[[0.0, 2.5, 3.0, 1.0], [0.0, 0.0, 0.0, 0.0], [9.0, 0.0, 0.0, 0.0]]])
    told = torch.tensor([[1, 0, 2]])
    changed = marked(outputs, told)
    assert changed.argmax(-1).tolist() == told.tolist()
    chances = changed.softmax(-1)
    torch.testing.assert_close(chances.sum(-1), torch.ones(1, 3))
    assert chances[0, 0, 1] == pytest.approx(outputs[0, 0].softmax(-1)[1].item())
    assert chances[0, 2, 2] == pytest.approx(1.001 / 4)  # less than that is no maximum
    (row,) = Sequence(spec(4)).rows(changed)
    assert row["probability"] == pytest.approx(chances[0, torch.arange(3), told[0]].prod().item())


def test_overfits_a_few_sequences():
    torch.manual_seed(0)
    net = EncoderDecoder(spec(), hidden=32, heads=2, dropout=0.0)
    x = torch.stack([4 + torch.randperm(8)[:5] for _ in range(16)])
    lengths = torch.full((16,), 5)
    targets = torch.cat((x.flip(1), torch.full((16, 1), END)), 1)
    before = torch.cat((torch.full((16, 1), START), targets[:, :-1]), 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x, lengths, before).flatten(0, 1), targets.flatten())
        loss.backward()
        optimizer.step()
    net.eval()
    assert loss.item() < 0.05
    for beams in (1, 4):
        net.beams = beams
        assert torch.equal(net(x, lengths).argmax(-1), targets)


def test_what_does_not_fit_is_refused():
    field, other = Field("tokens", (None,), 12), Field("tokens", (None,), 9)
    with pytest.raises(ConfigError, match="Take model=encoder, or model=decoder"):
        EncoderDecoder(Spec("tokens", field, field, num_outputs=12))
    with pytest.raises(ConfigError, match="Give them one vocabulary"):
        EncoderDecoder(Spec("sequence", field, other, {"decoder_inputs": other}, 9))
