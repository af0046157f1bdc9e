"""The network against BERT of the library transformers with the same weights, and the published weights themselves."""

import dataclasses

import pytest
import torch
from torch import nn

from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.engine.split import SequenceSplit
from runner.errors import ConfigError
from runner.fetch.sets import all_sets
from runner.fetch.sets.minilm import MINILM, TOKENIZER, WEIGHTS
from runner.init.pretrained import Pretrained
from runner.model.minilm import MiniLM, mean
from runner.optimizer.params import Params
from runner.run.trained import load
from tests.fetch.conftest import file_of

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


WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    *["the", "a", "def", "self", "return", "if", "not", "in", "for", "##s", "(", ")", ":", ".", ",", "="],
]
FINE_TUNED = (
    *("data=python_functions", "data.packages=[json,wsgiref]", "data.longest=20", "model=minilm", "model.layers=1"),
    *("trainer.max_steps=2", "trainer.images=0", "data.batch_size=8"),
)
PRETRAINED = ("init=pretrained", "data.tokenizer_file=minilm", "data.enclosed=true")


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A BERT of one layer with few words, in the order of BERT's own file, taken for the published one."""
    transformers = pytest.importorskip("transformers")
    from safetensors.torch import save
    from tokenizers import Tokenizer, models, pre_tokenizers

    theirs = ["[PAD]", *WORDS[4:], *WORDS[1:4]]
    library = Tokenizer(models.WordPiece({word: number for number, word in enumerate(theirs)}, unk_token="[UNK]"))
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(theirs), hidden_size=384, num_hidden_layers=1, num_attention_heads=12, intermediate_size=1536
    )
    bert = transformers.BertModel(config).eval()
    contents = {WEIGHTS: save(bert.state_dict()), TOKENIZER: library.to_str().encode()}
    own = dataclasses.replace(MINILM, files={name: file_of(content) for name, content in contents.items()})
    monkeypatch.setenv("RUNNER_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr("runner.fetch.sets.minilm.MINILM", own)
    monkeypatch.setitem(all_sets(), "minilm", own)
    own.folder.mkdir(parents=True)
    for name, content in contents.items():
        (own.folder / name).write_bytes(content)
    return bert, theirs


def test_it_starts_from_the_published_weights_whose_vocabulary_the_data_have(published, go, tmp_path):
    bert, theirs = published
    go(*FINE_TUNED, *PRETRAINED, "optimizer.lr=0")
    network = load(tmp_path / "run")
    text = "def the ( self ) : return"
    batch = network.transform.batch([text, "a"])
    numbers = [theirs.index(word) for word in ("[CLS]", *text.split(), "[SEP]")]
    with torch.no_grad():
        expected = bert(torch.tensor([numbers])).last_hidden_state.mean(1)
        found = {}
        network.model.output.register_forward_hook(lambda _, inputs, __: found.update(x=inputs[0]))
        network.model(batch.inputs, **batch.more)
    torch.testing.assert_close(found["x"][:1], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ((), r"tokenizer_file=null: .* Give data\.tokenizer_file=minilm data\.enclosed=true\."),
        (("data.tokenizer_file={own}", "data.enclosed=true"), "another vocabulary"),
        (("data.tokenizer_file=minilm",), r"data\.enclosed=false: .* Give data\.tokenizer_file=minilm data\.encl"),
    ],
)
def test_other_tokens_than_those_of_the_weights_are_refused_before_data_are_loaded(
    changed, said, published, go, tmp_path, monkeypatch
):
    monkeypatch.setattr("runner.data.python_functions.PythonFunctions.load", None)
    own = tmp_path / "vocab.txt"
    own.write_text("\n".join([*WORDS[:4], *WORDS[:3:-1]]))
    with pytest.raises(ConfigError, match=said):
        go(*FINE_TUNED, "init=pretrained", *(word.format(own=own) for word in changed))


@pytest.mark.slow
def test_the_same_vocabulary_in_another_file_is_taken(published, go, tmp_path):
    own = tmp_path / "vocab.txt"
    own.write_text("\n".join(published[1]))
    with pytest.raises(ConfigError, match="another vocabulary"):  # of small letters: BERT's own normalization
        go(*FINE_TUNED, "init=pretrained", f"data.tokenizer_file={own}", "data.enclosed=true", "data.lowercase=true")
    copy = tmp_path / "copy" / "tokenizer.json"
    copy.parent.mkdir()
    copy.write_bytes((tmp_path / "cache/minilm" / TOKENIZER).read_bytes())
    assert go(*FINE_TUNED, "init=pretrained", f"data.tokenizer_file={copy.parent}", "data.enclosed=true")["step"] == 2


def test_longer_texts_are_told_of():
    from runner.config.build import _told_of_longer

    offsets = torch.tensor([0, 600, 1112, 1113])
    split = SequenceSplit(torch.zeros(1113, dtype=torch.int64), offsets, torch.zeros(3))
    data = Data(spec(), {"train": split, "val": split}, "")
    said = "of 1 of 3 texts the network reads the first 512 tokens only"
    assert list(_told_of_longer(MiniLM(spec(), layers=1), data)) == [f"train: {said}", f"val: {said}"]


@pytest.mark.slow
def test_freezing_adapters_and_rates_by_layer_work_on_it(published, go, tmp_path):
    go(*FINE_TUNED, *PRETRAINED, "regularization=[freeze]", folder="frozen")
    go(*FINE_TUNED, *PRETRAINED, "adapter=lora", folder="lora")
    frozen, lora = (
        torch.load(tmp_path / name / "checkpoints/last.pt", weights_only=True)["model"] for name in ("frozen", "lora")
    )
    for name, tensor in frozen.items():  # what was published stays
        layer, _, weight = name.rpartition(".")
        beside = f"{layer}.base_layer.{weight}"
        assert name.startswith("output.") or torch.equal(tensor, lora[beside if beside in lora else name])
    changed = [tensor for name, tensor in lora.items() if "lora_B" in name]
    assert len(changed) == 4 and all(tensor.any() for tensor in changed)
    depths = [group["lr_factor"] for group in Params(layer_decay=0.5)(MiniLM(spec(), layers=2))]
    assert depths == [1, 0.5, 0.25, 0.125]
