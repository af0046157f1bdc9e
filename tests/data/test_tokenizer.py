"""Texts as tokens, and texts in files of a user."""

import io
import json
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from runner.data.text.reading import read_texts
from runner.data.text.tokenizer import Tokenizer
from runner.engine.spec import PADDING, SPECIAL, START, UNKNOWN
from runner.engine.transform import Bad, Raw
from runner.errors import ConfigError


def fitted(texts, *settings):
    tokenizer = Tokenizer(*settings)
    tokenizer.fit(texts)
    return tokenizer


def test_words_and_signs():
    tokenizer = fitted(["def f(x): return x_1 + x"], "words")
    assert tokenizer.vocabulary == (*SPECIAL, "x", "(", ")", "+", ":", "def", "f", "return", "x_1")
    assert tokenizer.encode("return  g\n(x)").tolist() == [11, UNKNOWN, 5, 4, 6]


def test_the_vocabulary_has_the_most_frequent_tokens():
    assert fitted(["ccabbc"], "characters", 6).vocabulary == (*SPECIAL, "c", "b")


@given(st.lists(st.text(max_size=12), min_size=1, max_size=5), st.sampled_from(["words", "characters"]))
def test_no_token_is_taken_for_a_special_one(texts, level):
    tokenizer = fitted([*texts, "".join(SPECIAL)], level)
    for text in texts:
        tokens = tokenizer.encode(text)
        assert (tokens >= len(SPECIAL)).all()
        told = "".join(tokenizer.vocabulary[token] for token in tokens)
        assert told == ("".join(text.split()) if level == "words" else text)


def test_what_is_cut_off_is_not_in_the_vocabulary():
    assert fitted(["a b c", "b"], "words", None, 2).vocabulary == (*SPECIAL, "b", "a")


def test_batches_are_padded_and_no_text_is_empty():
    tokenizer = fitted(["a b", "c"], "words", None, 2)
    batch = tokenizer.batch(["c b a", "", "b"])
    assert batch.inputs.tolist() == [[6, 5], [START, PADDING], [5, PADDING]]
    assert batch.more["lengths"].tolist() == [2, 1, 1]
    assert batch.examples == 3
    assert torch.equal(tokenizer(["c b a", "", "b"]), batch.inputs)
    assert list(tokenizer.notes) == ["of texts of more than 2 tokens the first 2 are read"]
    tokenizer.batch(["x", "y"])
    assert list(tokenizer.notes)[1:] == ["words that training had not are read as unknown"]


def test_the_state_is_plain_and_comes_back():
    first, second = fitted(["a b c"], "words"), Tokenizer("words")
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.vocabulary == first.vocabulary
    assert torch.equal(second(["c d a"]), first(["c d a"]))


def read(*sources, size=2):
    found = []
    for part in read_texts([str(source) for source in sources], size):
        if isinstance(part, Raw):
            assert 1 <= len(part.examples) <= size
            found += zip(part.places, part.examples)
        else:
            found.append(part)
    return found


def test_a_line_is_a_text(tmp_path):
    file = tmp_path / "texts.txt"
    file.write_bytes("\ufeffone\r\n\ntwo ü \nlast".encode())
    assert read(file) == [(f"{file}:1", "one"), (f"{file}:2", ""), (f"{file}:3", "two ü "), (f"{file}:4", "last")]


def test_json_lines_with_what_is_bad_in_its_place(tmp_path):
    file = tmp_path / "texts.jsonl"
    file.write_text('{"text": "a\\nb"}\n{"txt": "c"}\n{"text": 3}\nd\n{"text": "e", "more": 1}\n')
    found = read(file)
    assert [found[0], found[4]] == [(f"{file}:1", "a\nb"), (f"{file}:5", "e")]
    assert [bad.place for bad in found[1:4]] == [f"{file}:{line}" for line in (2, 3, 4)]
    assert all(isinstance(bad, Bad) and bad.reason.endswith(".") for bad in found[1:4])


def test_a_folder_of_texts_and_bytes_that_are_none(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.txt").write_text("two\nlines")
    (tmp_path / "1.txt").write_bytes(b"\xff\xfe")
    (tmp_path / "3.md").write_text("left out")
    bad, good = read(tmp_path)
    assert bad == Bad(str(tmp_path / "1.txt"), "it is not UTF-8 (invalid start byte at byte 0).")
    assert good == (str(tmp_path / "b" / "2.txt"), "two\nlines")


def test_the_standard_input_has_lines_of_either_form(monkeypatch):
    lines = b'plain\n{"text": "of json"}\n{x for x in y}\n{"a": 1}\n'
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(lines)))
    assert [text for _, text in read("-")] == ["plain", "of json", "{x for x in y}", '{"a": 1}']


def test_what_is_not_there(tmp_path):
    (tmp_path / "texts.txt").write_text("a")
    with pytest.raises(ConfigError, match=r"no such file. Did you mean 'texts.txt'"):
        read(tmp_path / "text.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"no \.txt file in this folder"):
        read(tmp_path / "empty")
