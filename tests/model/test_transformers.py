"""Folders of the library transformers: their outputs, what they are fine-tuned to, and what is refused."""

import shutil

import pytest
import torch
from torch import nn

from runner.engine.spec import Field, Spec
from runner.errors import ConfigError
from runner.init.pretrained import Pretrained
from runner.model.transformers import Transformers
from runner.run.trained import load

transformers = pytest.importorskip("transformers")
WORDS = [
    "[PAD]",
    *["the", "a", "def", "self", "return", "if", "not", "in", "for", "##s", "(", ")", ":", ".", ",", "="],
    "[UNK]",
    "[CLS]",
    "[SEP]",
]
SIZES = {"vocab_size": len(WORDS), "hidden_size": 16, "num_attention_heads": 2, "pad_token_id": 0}
LENGTHS = torch.tensor([9, 1, 5])


def config_of(kind):
    if kind == "bert":
        return transformers.BertConfig(**SIZES, num_hidden_layers=2, intermediate_size=32, max_position_embeddings=30)
    if kind == "distilbert":
        sizes = {"vocab_size": len(WORDS), "dim": 16, "n_heads": 2, "n_layers": 2, "hidden_dim": 32, "pad_token_id": 0}
        return transformers.DistilBertConfig(**sizes)
    if kind == "gpt2":
        return transformers.GPT2Config(vocab_size=len(WORDS), n_embd=16, n_head=2, n_layer=2, n_positions=30)
    sizes = {"vocab_size": len(WORDS), "d_model": 16, "d_kv": 8, "num_heads": 2, "num_layers": 2, "d_ff": 32}
    return transformers.T5Config(**sizes, decoder_start_token_id=0)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """One of each kind, with drawn weights."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    library = Tokenizer(models.WordPiece({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    library.post_processor = processors.BertProcessing(("[SEP]", len(WORDS) - 1), ("[CLS]", len(WORDS) - 2))
    made = {}
    for kind in ("bert", "distilbert", "gpt2", "t5"):
        torch.manual_seed(0)
        made[kind] = tmp_path_factory.mktemp(kind)
        transformers.AutoModel.from_config(config_of(kind)).save_pretrained(made[kind])
        library.save(str(made[kind] / "tokenizer.json"))
    return made


def spec(task="classification"):
    return Spec(task, Field("tokens", (None,), len(WORDS)), Field("class", (), 3), num_outputs=3)


@pytest.mark.parametrize("kind", ["bert", "distilbert", "gpt2", "t5"])
def test_outputs_are_those_of_the_folder_padded_and_not(kind, folders):
    ours = Transformers(spec("tagging"), str(folders[kind])).eval()
    Pretrained()(ours)
    ours.output = nn.Identity()
    theirs = transformers.AutoModel.from_pretrained(folders[kind]).eval()
    theirs = theirs.get_encoder() if kind == "t5" else theirs
    tokens = torch.randint(len(WORDS), (3, 9), generator=torch.Generator().manual_seed(0))
    inside = torch.arange(9) < LENGTHS[:, None]
    with torch.no_grad():
        expected = theirs(input_ids=tokens, attention_mask=inside.long()).last_hidden_state
        torch.testing.assert_close(ours(tokens, LENGTHS)[inside], expected[inside], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(ours(tokens), theirs(input_ids=tokens).last_hidden_state, rtol=1e-5, atol=1e-5)


def test_entries_are_numbered_as_in_the_folder(folders):
    init, network = Pretrained(), Transformers(spec(), str(folders["bert"]))
    init.numbers = (0, 17, 18, 19, *range(1, 17))
    init(network)
    assert network.numbers.tolist() == list(init.numbers)
    init.numbers = (0, 17, 18, 500)
    with pytest.raises(ConfigError, match=r"numbers up to 500, and the weights are for 20 entries\. Give data\.tok"):
        init(Transformers(spec(), str(folders["bert"])))


FINE_TUNED = (
    *("data=python_functions", "data.packages=[json,wsgiref]", "data.longest=20", "model=transformers"),
    *("trainer.max_steps=2", "trainer.images=0", "data.batch_size=8", "init=pretrained"),
)


def test_a_run_starts_from_the_folder_and_its_network_answers_later(folders, go, tmp_path):
    folder = folders["bert"]
    chosen = (*FINE_TUNED, f"model.path={folder}", f"data.tokenizer_file={folder}")
    with pytest.raises(ConfigError, match=r"data\.enclosed=false: .* Give data\.tokenizer_file=.* data\.enclosed=true"):
        go(*chosen)
    assert go(*chosen, "data.enclosed=true", "adapter=lora")["step"] == 2
    network = load(tmp_path / "run")
    assert network.model.numbers[:4].tolist() == [0, 17, 18, 19]
    (row,) = network.predict(["def the ( self )"])
    assert {"json", "wsgiref"} & {str(value) for value in row.values()}


def test_longer_texts_are_cut_and_those_to_be_tagged_refused(folders):
    network = Transformers(spec(), str(folders["bert"])).eval()
    assert network.places == 30
    tokens = torch.randint(len(WORDS), (2, 40))
    with torch.no_grad():
        torch.testing.assert_close(
            network(tokens, torch.tensor([40, 3])), network(tokens[:, :30], torch.tensor([30, 3]))
        )
    with pytest.raises(ConfigError, match=r"data\.longest=30"):
        Transformers(spec("tagging"), str(folders["bert"]))(tokens)


@pytest.mark.parametrize(
    ("left_out", "added", "said"),
    [
        ("config.json", None, r"has no config\.json"),
        ("model.safetensors", "pytorch_model.bin", "only pytorch_model.bin, a pickle that could run a program"),
        ("model.safetensors", None, r"has no weights\. Expected \*\.safetensors"),
        (None, "config.json", "can't be made a network"),
    ],
)
def test_folders_that_are_refused(left_out, added, said, folders, tmp_path):
    folder = shutil.copytree(folders["bert"], tmp_path / "folder")
    if left_out:
        (folder / left_out).unlink()
    if added:
        (folder / added).write_text('{"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}')
        (folder / "own.py").write_text("raise SystemExit('executed')")
    with pytest.raises(ConfigError, match=said):
        Transformers(spec(), str(folder))
    with pytest.raises(ConfigError, match=r"model\.path=nowhere: .* Expected a folder"):
        Transformers(spec(), "nowhere")
