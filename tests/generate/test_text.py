"""Texts that networks write: the same however they are computed, from any prompt, by every language model."""

import pytest
import torch

from runner.engine.spec import END, PADDING, START, UNKNOWN
from runner.errors import ConfigError, RunFailed
from runner.generate.sampling import Sampling
from runner.generate.text import answer, generate, pieces, tell
from runner.model.base import Network
from runner.run import compose, load, run
from runner.run.beams import with_beams
from tests.model.test_decoder import decoder

TEXTS = ("data=python_source", "data.packages=[json]", "data.length=16", "data.batch_size=64")
MODELS = {
    "decoder": ("model.layers=1", "model.heads=2", "model.hidden=8", "model.context=16"),
    "gru": ("model.hidden=8",),
    "lstm": ("model.hidden=8", "model.layers=2"),
}
SEQUENCES = ("data=digit_sequences", "data.examples=300", "data.longest=5")
ANSWERING = {
    "seq2seq": ("model.hidden=8",),
    "encoder_decoder": ("model.hidden=8", "model.heads=2", "model.layers=1"),
}


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A few steps of training each, so that all tokens are about as probable."""
    home = tmp_path_factory.mktemp("runs")
    short = ("trainer.max_steps=3", "trainer.limit_batches=3", "trainer.threads=1", "trainer.images=0")
    for model, settings in MODELS.items():
        run(compose([*TEXTS, f"model={model}", *settings, *short]), home / model)
    for model, settings in ANSWERING.items():
        run(compose([*SEQUENCES, f"model={model}", *settings, *short]), home / model)
    return {model: load(home / model) for model in (*MODELS, *ANSWERING)}


def written(network, *args, **kwargs):
    return "".join(generate(network, *args, **kwargs).pieces)


@pytest.mark.parametrize("model", [*MODELS, *ANSWERING])
@pytest.mark.parametrize("prompt", ["", "7", "import json\nfor x in range(1"])
def test_with_and_without_cache_are_the_same(networks, model, prompt):
    prompt = "1 2 3" if model in ANSWERING else prompt
    kept = written(networks[model], prompt, seed=1, max_tokens=60)
    assert kept == written(networks[model], prompt, seed=1, max_tokens=60, cached=False)
    assert kept == written(networks[model], prompt, seed=1, max_tokens=60)
    assert kept != written(networks[model], prompt, seed=2, max_tokens=60)


def test_the_most_probable_tokens_are_those_of_predict(networks):
    network = networks["gru"]
    text = "def "
    for _ in range(5):
        text += network.predict([f"{text}"])[0]["prediction"] if text else ""
    told = tell(network.model.follow, network.transform.encode("def ").tolist(), None, Sampling(temperature=0), 5, 0)
    assert "def " + network.transform.decode(list(told)) == text


def test_an_answer_is_that_of_predict(networks):
    network = networks["seq2seq"]
    with torch.no_grad():
        network.model.output.bias[END] = -100.0
    network.model.longest = 6
    made = generate(network, "1 2 3", Sampling(temperature=0), max_tokens=6)
    assert made.answers
    (row,) = network.predict(["1 2 3"])
    assert "".join(made.pieces) == network.transform.decode(network.transform.encode(row["prediction"]).tolist())


@pytest.mark.parametrize("model", ANSWERING)
def test_the_answer_of_beams_is_that_of_predict(networks, model):
    network = with_beams(networks[model], 4, 0.0)
    made = answer(network, "1 2 3")
    (row,) = network.predict(["1 2 3"])
    assert "".join(made.pieces) == network.transform.decode(network.transform.encode(row["prediction"]).tolist())
    assert made.answers
    assert networks[model].model.beams == 1  # which is as it was
    short = "".join(answer(network, "1 2 3", max_tokens=2).pieces)
    assert "".join(answer(network, "1 2 3").pieces).startswith(short)


def test_beams_are_for_answers(networks):
    with pytest.raises(ConfigError, match="whose task is tokens, gives none"):
        with_beams(networks["gru"], 2, None)
    with pytest.raises(ConfigError, match=r"--length-penalty 1: with one beam.* Give --beams N too"):
        with_beams(networks["seq2seq"], None, 1.0)


def test_unknown_characters_and_what_is_too_long_are_told(networks):
    made = generate(networks["decoder"], "héllo \N{SNOWMAN} " * 9, max_tokens=3)
    assert any("unknown" in note for note in made.notes)
    assert "of the prompt's 72 tokens the last 16 are read" in made.notes
    assert len("".join(made.pieces)) == 3
    assert "�" not in "".join(made.pieces)


def test_a_text_ends_where_the_next_one_begins():
    def follow(tokens, state):
        logits = torch.full((1, tokens.shape[1], 9), -50.0)
        logits[0, -1, START if state == 3 else 5] = 50.0
        return logits, (state or 0) + 1

    assert list(tell(follow, [START], None, Sampling(), 20, 0)) == [5, 5, 5]


def test_padding_and_the_unknown_are_never_told():
    logits = torch.zeros(9)
    logits[[PADDING, UNKNOWN]], logits[[5, 6]] = 50.0, 20.0
    follow = lambda tokens, state: (logits.expand(1, tokens.shape[1], 9), None)  # noqa: E731
    assert set(tell(follow, [START], None, Sampling(), 50, 0)) == {5, 6}


@pytest.mark.parametrize(("context", "begun"), [(8, 3), (7, 20), (2, 1)])
def test_what_is_read_anew_are_the_last_tokens_and_only_once_the_context_is_full(context, begun):
    begun, read = [START, *range(20, 19 + begun)], []

    def follow(tokens, state):
        """Says what has been read since the state was empty; the next token is the number of those told."""
        state = [*(state or []), *tokens[0].tolist()]
        read.append(state)
        return torch.nn.functional.one_hot(torch.full(tokens.shape, 49 + len(read)), 100).float(), state

    told = list(tell(follow, begun, context, Sampling(temperature=0), 30, 0))
    assert told == list(range(50, 80))
    whole = [*begun, *told]
    wanted = min(context, len(begun))
    for step, state in enumerate(read):
        assert state == whole[: len(begun) + step][-wanted:]
        wanted = wanted + 1 if wanted < context else context // 2


@pytest.mark.parametrize("context", [1, 2, 7, 8])
@pytest.mark.parametrize("begun", [1, 3, 20])
def test_a_full_context_goes_on_with_its_later_half(context, begun):
    net, seen = decoder(context=context), []
    begun = [START, *torch.randint(4, 12, (begun - 1,)).tolist()]

    def follow(tokens, state):
        seen.append(tokens.shape[1])
        outputs, state = net.follow(tokens, state)
        assert state.length <= context
        return outputs, state

    with torch.no_grad():
        told = list(tell(follow, begun, context, Sampling(), 25, 0))
        again = list(tell(lambda x, state: Network.follow(net, x, state), begun, context, Sampling(), 25, 0))
    assert told == again
    assert len(seen) in (len(told), len(told) + 1)
    assert max(seen[1:], default=0) <= max(1, context // 2)
    if context == 8 and len(told) == 25:
        assert seen.count(1) > 15  # most tokens cost one step


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_network_that_gives_no_finite_number_writes_nothing(wrong):
    def follow(tokens, state):
        return torch.full((1, tokens.shape[1], 7), wrong), state

    with pytest.raises(RunFailed, match="behind 1 token the network gives no finite number"):
        list(tell(follow, [START], None, Sampling(), 5, 0))


def test_pieces_are_whole_characters_and_add_up():
    texts = "Grüße, ☃ 𝒳!" * 30
    tokens = list(texts.encode())

    def decode(numbers):
        return bytes(numbers).decode(errors="replace")

    found = list(pieces(decode, list(b"ab"), iter(tokens)))
    assert "".join(found) == texts
    assert not any("�" in piece for piece in found)
    words = pieces(lambda numbers: " ".join("abc"[n] for n in numbers), [0], iter([1, 2] * 200))
    assert "".join(words) == " b c" * 200


def test_a_run_that_writes_no_text(tmp_path):
    run(compose(["data=iris", "model.hidden=[4]", "trainer.max_steps=1", "trainer.threads=1"]), tmp_path / "run")
    with pytest.raises(ConfigError, match=r"task is classification.*model=decoder"):
        generate(load(tmp_path / "run"), "a")
