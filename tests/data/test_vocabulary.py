"""Vocabularies that are learned or read: against the libraries that made them, and there and back."""

import json
import os
import subprocess
import sys
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.data.text.python_library import sources
from runner.data.text.tokenizer import Tokenizer
from runner.data.text.vocabulary import trained
from runner.engine.spec import END, SPECIAL, START, UNKNOWN
from runner.errors import ConfigError, RunFailed

KINDS = ("words", "characters", "bytes", "bpe", "wordpiece", "unigram")
ODD = ["<unk> <s> [UNK] [CLS] ## ##a", "".join(SPECIAL), "\t\0 ▅ ▁ <0x41>", "e\u0301\n\n  ü 漢字 🎉\r\n"]


@cache
def texts():
    return [text for _, _, text in sources(["json"])]


@cache
def fitted(kind, limit=700):
    if kind == "unigram":
        pytest.importorskip("sentencepiece")
    tokenizer = Tokenizer(kind, limit)
    tokenizer.fit([*texts(), *ODD])
    return tokenizer


@pytest.mark.parametrize("kind", ["bytes", "bpe", "unigram"])
@given(text=st.text())
@settings(max_examples=150, deadline=None)
def test_any_text_comes_back(kind, text):
    tokenizer = fitted(kind)
    text = text.replace("▁", "") if kind == "unigram" else text
    assert tokenizer.decode(tokenizer.encode(text).tolist()) == text


@given(st.text(alphabet=st.sampled_from("".join(ODD))))
def test_characters_that_training_had_come_back(text):
    tokenizer = fitted("characters")
    assert tokenizer.decode(tokenizer.encode(text).tolist()) == text


def test_words_come_back_with_one_space_between():
    for kind in ("words", "wordpiece"):
        tokens = fitted(kind).encode("import  json\nfrom decoder").tolist()
        assert fitted(kind).decode([START, *tokens, END, 0]) == "import json from decoder"


@pytest.mark.parametrize("kind", KINDS)
def test_what_looks_like_a_special_entry_is_text(kind):
    tokenizer = fitted(kind)
    for text in ODD[:2]:
        assert set(tokenizer.encode(text).tolist()).isdisjoint({0, START, END})
    assert tokenizer.vocabulary[: len(SPECIAL)] == SPECIAL
    assert len(set(tokenizer.vocabulary)) == len(tokenizer.vocabulary)
    assert 4 < len(tokenizer.vocabulary) <= 700


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_is_plain_and_comes_back(kind):
    first, second = fitted(kind), Tokenizer(kind, file="/gone/tokenizer.json")
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    for text in (*ODD, texts()[0]):
        assert torch.equal(second.encode(text), first.encode(text))
        assert second.decode(second.encode(text).tolist()) == first.decode(first.encode(text).tolist())
    assert second.named == first.named


def test_every_process_learns_the_same():
    code = "import json, sys; from tests.data.test_vocabulary import fitted; "
    code += "print(*(hash(json.dumps(fitted(kind).state_dict())) for kind in sys.argv[1:]))"
    kinds = ["bpe", "wordpiece", "unigram"]
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    made = [
        subprocess.run(
            [sys.executable, "-c", code, *kinds], capture_output=True, text=True, check=True, env=environment
        )
        for _ in range(2)
    ]
    assert made[0].stdout == made[1].stdout


@pytest.mark.parametrize(("kind", "longest"), [("bpe", 1000), ("wordpiece", 100)])
def test_the_library_is_given_no_word_longer_than_so(kind, longest, monkeypatch):
    from tokenizers import Tokenizer as Library

    text = f"a {'json' * 2000} b {'ü' * 5000}"
    library = Library.from_str(fitted(kind).state_dict()["library"])
    assert max(len(word) for word, _ in library.pre_tokenizer.pre_tokenize_str(text)) == longest
    tokens = fitted(kind).encode(text).tolist()
    assert UNKNOWN not in tokens
    assert fitted(kind).decode(tokens).replace(" ", "") == text.replace(" ", "")
    monkeypatch.setitem(trained._LONGEST, kind, 10**9)
    without = Tokenizer(kind, 700)
    without.fit([*texts(), *ODD])
    assert without.vocabulary == fitted(kind).vocabulary
    assert all(without.encode(text).equal(fitted(kind).encode(text)) for text in (*texts(), *ODD))


def test_sentencepiece_is_given_no_word_longer_than_so():
    ordinary = ["one line\n", "and\u00a0more " * 400 + "\r\n", "\n"]
    texts = ["".join(ordinary), "x" * 3500, f"a {'b' * 1001}\n c"]
    given = list(trained._lines(texts))
    assert given[:3] == ordinary and "".join(given) == "".join(texts)
    assert max(len(word) for line in given for word in line.split(" ")) == 1000


def test_lower_case():
    tokenizer = Tokenizer("words", lowercase=True)
    tokenizer.fit(["Die ÄPFEL"])
    assert tokenizer.vocabulary[4:] == ("die", "äpfel")
    assert tokenizer.encode("DIE").tolist() == [4]


def test_enclosed_texts_and_what_is_told():
    tokenizer = Tokenizer("words", longest=4, enclosed=True)
    tokenizer.fit(["a b c d e f"])
    values, offsets = tokenizer.inputs(["b c d", "", "x a"])
    assert values.tolist() == [START, 5, 6, END, START, END, START, UNKNOWN, 4, END]
    assert offsets.tolist() == [0, 4, 6, 10]
    assert tokenizer.told() == "of 1 of 3 texts only the first 4 tokens are read; 25 % of the tokens are unknown"
    assert tokenizer.told() == ""


def test_half_a_character_is_read_as_one_that_says_so():
    assert fitted("bpe").decode(fitted("bpe").encode(json.loads('"a\\ud800b"')).tolist()) == "a\ufffdb"


@pytest.mark.parametrize(
    ("kind", "limit", "message"),
    [("wordpiece", 100, "vocabulary=100: data.tokenizer=wordpiece needs at least"), ("unigram", 262, "256 bytes")],
)
def test_a_vocabulary_too_small(kind, limit, message):
    if kind == "unigram":
        pytest.importorskip("sentencepiece")
    with pytest.raises(RunFailed, match=message):
        Tokenizer(kind, limit).fit(texts())


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram"])
def test_no_text_to_learn_from(kind):
    with pytest.raises(RunFailed, match="no text to learn a vocabulary from"):
        Tokenizer(kind, 500).fit(["", " \n"])


def loaded(path, **settings):
    tokenizer = Tokenizer("words", file=str(path), **settings)
    tokenizer.fit(["of no use"])
    return tokenizer


def by_library(tokenizer, numbers):
    """The library's numbers as ours."""
    return [tokenizer.entries.theirs.index(number) for number in numbers]


BERT = ["[PAD]", "[unused0]", "the", "[CLS]", "[SEP]", "[UNK]", "##ing", "walk", "cafe", "!", "[MASK]"]


def test_a_vocabulary_of_bert(tmp_path):
    transformers = pytest.importorskip("transformers")
    (tmp_path / "vocab.txt").write_text("\n".join(BERT) + "\n")
    tokenizer = loaded(tmp_path, lowercase=True, enclosed=True)
    assert tokenizer.vocabulary == (*SPECIAL, "[unused0]", "the", "##ing", "walk", "cafe", "!", "[MASK]")
    assert tokenizer.entries.theirs == (0, 5, 3, 4, 1, 2, 6, 7, 8, 9, 10)
    reference = transformers.BertTokenizer(str(tmp_path / "vocab.txt"), do_lower_case=True)
    for text in ("Walking the CAFÉ!", "", "nothing here", "thewalking [ the ]"):
        assert tokenizer.batch([text]).inputs[0].tolist() == by_library(tokenizer, reference(text)["input_ids"])
    assert tokenizer.decode(tokenizer.encode("Walking the Café!").tolist()) == "walking the cafe !"


def test_entries_that_a_file_puts_around_texts_are_put_where_they_are_asked_for_only(tmp_path):
    """As the files of BERT's kind have them: those around a text are ours (`enclosed`), never put there twice."""
    from tokenizers import Tokenizer as Library
    from tokenizers import models, pre_tokenizers, processors

    library = Library(models.WordPiece({piece: number for number, piece in enumerate(BERT)}, unk_token="[UNK]"))
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    library.post_processor = processors.BertProcessing(("[SEP]", 4), ("[CLS]", 3))
    library.save(str(tmp_path / "tokenizer.json"))
    plain, enclosed = loaded(tmp_path), loaded(tmp_path, enclosed=True)
    assert plain.encode("the cafe").tolist() == [5, 8]
    assert by_library(enclosed, library.encode("the cafe").ids) == enclosed.batch(["the cafe"]).inputs[0].tolist()


@given(st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_a_model_of_sentencepiece(model_files, text):
    reference, tokenizers = model_files
    for name, tokenizer in tokenizers.items():
        expected = reference[name].encode(text)
        assert tokenizer.encode(text).tolist() == by_library(tokenizer, expected), name


@pytest.fixture(scope="module")
def model_files(tmp_path_factory):
    package = pytest.importorskip("sentencepiece")
    folder = tmp_path_factory.mktemp("models")
    reference, tokenizers = {}, {}
    more = {"unigram": {"byte_fallback": True}, "bpe": {"normalization_rule_name": "nfkc_cf"}}
    for name, settled in more.items():
        lines = (line for text in texts() for line in text.splitlines())
        package.SentencePieceTrainer.train(
            sentence_iterator=lines,
            model_prefix=str(folder / name),
            model_type=name,
            vocab_size=500,
            minloglevel=2,
            hard_vocab_limit=False,
            **settled,
        )
        reference[name] = package.SentencePieceProcessor(model_file=str(folder / f"{name}.model"))
        tokenizers[name] = loaded(folder / f"{name}.model")
    return reference, tokenizers


def test_a_file_of_the_library_and_one_of_pairs(tmp_path):
    from tokenizers import ByteLevelBPETokenizer

    made = ByteLevelBPETokenizer()
    made.train_from_iterator(texts(), vocab_size=400, special_tokens=["<|endoftext|>"], show_progress=False)
    made.enable_truncation(3)
    made.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "pairs").mkdir()
    made.save_model(str(tmp_path / "pairs"))
    made.no_truncation()
    for path in (tmp_path / "tokenizer.json", tmp_path / "pairs", tmp_path / "pairs" / "vocab.json"):
        tokenizer = loaded(path)
        for text in (texts()[1], "äö <|endof", "", "x = 1\n"):
            assert tokenizer.encode(text).tolist() == by_library(tokenizer, made.encode(text).ids)
            assert tokenizer.decode(tokenizer.encode(text).tolist()) == text
        assert START not in tokenizer.encode("<|endoftext|>")
        assert tokenizer.entries.theirs[START] == 0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer.json", "{}", "tokenizer.json can't be read"),
        ("tokenizer.json", "[", "tokenizer.json can't be read"),
        ("vocab.txt", "a\nb\n", r"no line is \[UNK\]"),
        ("vocab.json", "{}", "can't be read"),
        ("spiece.model", "\x08\x08\x08", "can't be read"),
    ],
)
def test_a_damaged_file(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(RunFailed, match=message):
        loaded(tmp_path / name)


def test_no_such_file(tmp_path):
    (tmp_path / "vocab.txt").write_text("[UNK]")
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.bin").write_text("")
    for path, message in (("vocab.tx", "Did you mean 'vocab.txt'"), ("empty", "none of"), ("x.bin", "expected a")):
        with pytest.raises(ConfigError, match=message):
            loaded(tmp_path / path)
