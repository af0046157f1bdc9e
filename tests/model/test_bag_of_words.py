"""The bag of words: what it is text by text, padding, order, its size, and that it learns."""

import pytest
import torch
from sklearn.feature_extraction.text import TfidfTransformer

from runner.engine.spec import PADDING, Field, Spec
from runner.errors import ConfigError
from runner.model.bag_of_words import PRIME, BagOfWords, hashed

TEXTS = [torch.tensor(text) for text in ([4, 5, 6, 7, 8], [9], [8, 8, 4, 5, 9, 10, 4], [5, 4])]
LENGTHS = torch.tensor([len(text) for text in TEXTS])
BUCKETS = 11


def padded(width=7, filler=PADDING):
    inputs = torch.full((len(TEXTS), width), filler)
    for row, text in zip(inputs, TEXTS):
        row[: len(text)] = text
    return inputs


def bag(ngrams, buckets=BUCKETS, task="classification", counts=(), texts=(), **settings):
    torch.manual_seed(0)
    targets = {
        "classification": Field("class", (), 3, counts=texts),
        "multilabel": Field("multilabel", (3,)),
        "regression": Field("values", (3,)),
    }
    spec = Spec(task, Field("tokens", (None,), 12, counts=counts), targets[task], num_outputs=3)
    return BagOfWords(spec, 5, ngrams, buckets, **settings).double()


def one_by_one(net, text):
    """The mean of the vectors of all tokens and n-grams, gathered in a loop."""
    text = text.tolist()
    vectors = [net.embedding.weight[token] for token in text]
    for n in range(2, net.ngrams + 1):
        for i in range(len(text) - n + 1):
            number = sum(token * PRIME ** (n - 1 - j) for j, token in enumerate(text[i : i + n]))
            vectors.append(net.ngram_embedding.weight[number % net.buckets])
    return net.output(sum(vectors) / len(vectors))


@pytest.mark.parametrize("ngrams", [1, 2, 3])
def test_it_is_the_mean_over_tokens_and_ngrams(ngrams):
    net = bag(ngrams)
    expected = torch.stack([one_by_one(net, text) for text in TEXTS])
    together = net(padded(), LENGTHS)
    torch.testing.assert_close(together, expected, rtol=1e-12, atol=1e-12)
    assert torch.equal(net(padded(filler=11), LENGTHS), together)  # whatever stands there
    torch.testing.assert_close(net(padded(19), LENGTHS), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(torch.cat([net(text[None]) for text in TEXTS]), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("ngrams", [1, 2])
def test_gradients_do_not_see_padding_either(ngrams):
    net = bag(ngrams)
    parameters = list(net.parameters())
    together = torch.autograd.grad(net(padded(), LENGTHS).square().sum(), parameters)
    alone = torch.autograd.grad(sum(one_by_one(net, text).square().sum() for text in TEXTS), parameters)
    torch.testing.assert_close(together, alone, rtol=1e-9, atol=1e-11)
    assert not together[0][PADDING].any()


@pytest.mark.parametrize(("ngrams", "told"), [(1, False), (2, True)])
def test_order_tells_something_from_two_tokens_on(ngrams, told):
    net = bag(ngrams, 1000)
    text = TEXTS[2][None]
    assert torch.allclose(net(text), net(text.flip(1)), rtol=1e-12, atol=1e-12) != told


def test_a_hash_is_exact_where_its_number_is_larger_than_an_integer():
    x = torch.tensor([[250_000, 199_999, 4, 3, 99_999]])
    number = sum(token * PRIME ** (4 - i) for i, token in enumerate(x[0].tolist()))
    assert number > 2**63
    assert hashed(x, 5, 2_000_003).item() == number % 2_000_003


def test_hashes_spread_evenly():
    pairs = torch.cartesian_prod(torch.arange(4, 304), torch.arange(4, 304))  # the most frequent words
    filled = hashed(pairs, 2, 200_000)[:, 0].bincount(minlength=200_000)
    assert (filled > 0).double().mean() > 1 - torch.exp(torch.tensor(-len(pairs) / 200_000)) - 0.05  # as if drawn


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_parameters_and_outputs(task):
    dense = 3 * 5 + 3
    assert sum(p.numel() for p in bag(1, task=task).parameters()) == 12 * 5 + dense
    net = bag(2, task=task)
    assert sum(p.numel() for p in net.parameters()) == (12 + BUCKETS) * 5 + dense
    assert net(padded(), LENGTHS).shape == (4, 3)
    assert max(p.abs().max() for p in (net.embedding.weight, net.ngram_embedding.weight)) <= 1 / 5


@pytest.mark.parametrize(("ngrams", "right"), [(1, False), (2, True)])
def test_which_of_two_words_is_first_is_learned_from_pairs(ngrams, right):
    net = bag(ngrams, 1000)
    texts = torch.randint(6, 12, (64, 6), generator=torch.Generator().manual_seed(0))
    first = torch.arange(64) % 2
    texts[:, 2], texts[:, 3] = 4 + first, 5 - first
    parameters = list(net.parameters())
    for _ in range(100):
        loss = torch.nn.functional.cross_entropy(net(texts), first)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters)):
                parameter -= 10 * gradient
    texts[:, 4:] = texts[:, 4:].flip(0)  # other texts
    assert ((net(texts).argmax(1) == first).double().mean() > 0.95) == right


def counted(text):
    return torch.tensor(text).bincount(minlength=12)


def test_weights_are_those_of_sklearns_tfidf():
    training = [[4, 4, 4, 5], [4, 6, 7], [8, 9, 9, 10], [4], [10, 11, 4, 11]]
    within = tuple(sum(token in text for text in training) for token in range(12))
    net = bag(1, counts=within, texts=(2, 2, 1), weighting="tfidf")
    theirs = TfidfTransformer(sublinear_tf=True, norm="l1").fit(torch.stack([*map(counted, training)]).numpy())
    weights = theirs.transform(torch.stack([counted(text.tolist()) for text in TEXTS]).numpy())
    expected = net.output(torch.from_numpy(weights.toarray()) @ net.embedding.weight)
    together = net(padded(), LENGTHS)
    torch.testing.assert_close(together, expected, rtol=1e-6, atol=1e-8)  # their logarithms have more digits
    assert torch.equal(net(padded(filler=11), LENGTHS), together)  # whatever stands there
    torch.testing.assert_close(torch.cat([net(text[None]) for text in TEXTS]), together, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(bag(1)(padded(), LENGTHS), together, rtol=1e-3)


def test_a_loaded_network_weighs_as_in_training():
    net, other = (bag(1, counts=within, texts=(3,), weighting="tfidf") for within in ((0, 1, 2) * 4, ()))
    other.load_state_dict(net.state_dict())
    assert torch.equal(net(padded(), LENGTHS), other(padded(), LENGTHS))


def test_ngrams_are_not_weighted():
    with pytest.raises(ConfigError, match=r"model\.ngrams=2: in how many texts"):
        bag(2, weighting="tfidf")
