"""The network against BERT of the library transformers with the same weights, and the published weights themselves."""

import pytest
import torch
from torch import nn

from runner.engine.spec import Field, Spec
from runner.errors import ConfigError
from runner.fetch.sets.minilm import MINILM, WEIGHTS
from runner.init.pretrained import Pretrained
from runner.model.minilm import MiniLM, mean

LENGTHS = torch.tensor([9, 1, 5])


def spec(task="classification", vocabulary=60):
    return Spec(task, Field("tokens", (None,), vocabulary), Field("class", (), 3), num_outputs=3)


def of_bert(state, **settings):
    """Ours with the weights of a BERT, giving what stands in front of the last layer at every token."""
    ours = MiniLM(spec("tagging", len(state["embeddings.word_embeddings.weight"])), **settings).eval()
    found = ours.pretrained(None, state).state
    assert set(ours.state_dict()) - set(found) == {"output.weight", "output.bias"}
    ours.load_state_dict(found, strict=False)
    ours.output = nn.Identity()
    return ours


def check(ours, theirs, vocabulary):
    tokens = torch.randint(vocabulary, (3, 9), generator=torch.Generator().manual_seed(0))
    inside = torch.arange(9) < LENGTHS[:, None]
    with torch.no_grad():
        expected = theirs(tokens, attention_mask=inside.long()).last_hidden_state
        torch.testing.assert_close(ours(tokens, LENGTHS)[inside], expected[inside], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(ours(tokens), theirs(tokens).last_hidden_state, rtol=1e-5, atol=1e-5)


def test_outputs_are_berts_padded_and_not():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=60, hidden_size=384, num_hidden_layers=2, num_attention_heads=12, intermediate_size=1536
    )
    theirs = transformers.BertModel(config).eval()
    for parameter in theirs.parameters():  # drawn wider than its papers do, so that nothing is near zero
        nn.init.normal_(parameter, std=0.1)
    check(of_bert(theirs.state_dict(), layers=2), theirs, 60)


@pytest.mark.slow
def test_outputs_with_the_published_weights_are_berts(tmp_path):
    transformers = pytest.importorskip("transformers")
    files = MINILM.on_machine()
    if not files:
        pytest.skip("the weights are not on this machine: python -m runner fetch minilm")
    from safetensors.torch import load_file

    state = load_file(files[WEIGHTS])
    config = transformers.BertConfig(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
    )
    theirs = transformers.BertModel(config).eval()
    theirs.load_state_dict(state, strict=False)
    check(of_bert(state), theirs, 30522)


def test_a_text_is_told_as_it_is_alone():
    torch.manual_seed(0)
    network = MiniLM(spec(), layers=1).eval()
    texts = [torch.randint(4, 60, (int(length),)) for length in LENGTHS]
    tokens = torch.full((3, 9), 7)  # what is behind an end is not looked at
    for row, text in zip(tokens, texts):
        row[: len(text)] = text
    with torch.no_grad():
        together = network(tokens, LENGTHS)
        alone = torch.cat([network(text[None]) for text in texts])
    torch.testing.assert_close(together, alone)


def test_what_is_longer_than_its_places_is_not_read():
    network = MiniLM(spec(), layers=1).eval()
    tokens = torch.randint(4, 60, (2, 600))
    lengths = torch.tensor([600, 3])
    with torch.no_grad():
        torch.testing.assert_close(network(tokens, lengths), network(tokens[:, :512], lengths.clamp(max=512)))
    with pytest.raises(ConfigError, match=r"data\.longest=512"):
        MiniLM(spec("tagging"), layers=1)(tokens)


def test_mean_is_over_the_tokens_that_there_are():
    x = torch.randn(3, 9, 4)
    expected = torch.stack([row[:length].mean(0) for row, length in zip(x, LENGTHS)])
    torch.testing.assert_close(mean(x, LENGTHS), expected)


def test_names_of_weights_are_refused():
    with pytest.raises(ConfigError, match=r"init\.weights=large: expected null"):
        Pretrained("large")(MiniLM(spec(), layers=1))
