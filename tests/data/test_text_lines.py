"""A user's own text for a language model."""

import math

import pytest
import torch

from runner.data.python_source import PythonSource
from runner.data.text_lines import TextLines
from runner.engine.metric import Scored
from runner.engine.spec import IGNORED, START, UNKNOWN
from runner.errors import ConfigError, RunFailed
from runner.metric.bits_per_byte import BitsPerByte
from runner.metric.bits_per_token import BitsPerToken


def written(tmp_path, content, name="a.txt"):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(tmp_path / name)


def texts(data, part):
    """The texts of a part: what stands between two starts of its stream."""
    tokens, found = data.parts[part].stream.tolist(), []
    for token in tokens:
        if token == START:
            found.append([])
        else:
            found[-1].append(token)
    return [data.transform.decode(text) for text in found]


def test_lines_paragraphs_and_files(tmp_path):
    path = written(tmp_path, "\ufeffone ü\r\n\r\ntwo\nthree\n\n\n\nfour\n \nfive\n")
    expected = {
        "lines": ["one ü", "two", "three", "four", "five"],
        "paragraphs": ["one ü", "two\nthree", "four\n \nfive"],
    }
    for unit, wanted in expected.items():
        data = TextLines(path=path, unit=unit, tokenizer="bytes", length=2, split=(0.4, 0.3, 0.3)).load()
        assert sorted(text for part in data.parts for text in texts(data, part)) == sorted(wanted)
        assert data.notes[0] == f"{len(wanted)} {unit} of 1 file"
    assert "left out" in data.notes[1]
    (tmp_path / "b").mkdir()
    for name in ("b/1.txt", "b/2.txt", "c.txt"):
        written(tmp_path, f"in {name}", name)
    (tmp_path / "told.csv").write_text("c.txt,val\na.txt,train\nb/1.txt,test\nb/2.txt,train\n")
    option = TextLines(
        path=str(tmp_path), unit="files", tokenizer="bytes", length=2, split_file=str(tmp_path / "told.csv")
    )
    option.probe()
    data = option.load()
    assert texts(data, "val") == ["in c.txt"]
    assert texts(data, "test") == ["in b/1.txt"]


def test_texts_that_are_in_train_too_are_told(tmp_path):
    for name, content in {"a": "one", "b": "two", "c": "one", "d": "three", "e": "two", "f": "one"}.items():
        written(tmp_path, content, f"{name}.txt")
    parts = "a.txt,train\nb.txt,train\nc.txt,val\nd.txt,val\ne.txt,test\nf.txt,test\n"
    settings = {"path": str(tmp_path), "unit": "files", "length": 2, "split_file": written(tmp_path, parts, "told.csv")}
    notes = TextLines(**settings).load().notes
    assert "val: 1 of 2 files is in train too" in notes and "test: 2 of 2 files are in train too" in notes
    for name in "cef":
        written(tmp_path, f"another {name}", f"{name}.txt")
    assert not any("in train too" in note for note in TextLines(**settings).load().notes)


def test_one_long_line_and_nothing_behind_it(tmp_path):
    path = written(tmp_path, "\n".join(["x" * 10_000_000, "ab", "cd", ""]))
    (tmp_path / "parts").write_text("train\nval\ntest\n")
    data = TextLines(path=path, length=5, split_file=str(tmp_path / "parts"), crossing=False).load()
    assert data.sizes == {"train": 2_000_000, "val": 1, "test": 1}


def test_examples_that_end_with_their_text(tmp_path):
    data = TextLines(path=written(tmp_path, "abcdefg\nab\n" * 10), length=3, crossing=False).load()
    assert data.spec.more.keys() == TextLines(path="x", crossing=False).spec.more.keys()
    told = 0
    for part in data.parts.values():
        batch = part.read(torch.arange(len(part)))
        assert (batch.targets == IGNORED).equal(batch.inputs == 0)
        following = batch.inputs.roll(-1, 1)[:, :-1]
        assert following.where(following != 0, IGNORED).equal(batch.targets[:, :-1].where(following != 0, IGNORED))
        told += batch.units
    assert told == 10 * 9  # every character once, and no start


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"good\nbad \xff\n", r"a.txt, line 2: it is not UTF-8 \(invalid start byte at byte 9 of the file\)"),
        (b"", "there is no text in it"),
        (b" \n\n", "there is no text in it"),
        (b"only one line", "leaves no example for val"),
    ],
)
def test_what_is_no_text(tmp_path, content, message):
    with pytest.raises(RunFailed, match=message):
        TextLines(path=written(tmp_path, content), length=2).load()


def test_what_is_not_there(tmp_path):
    path = written(tmp_path, "a\nb\nc\n")
    (tmp_path / "empty").mkdir()
    for settings, message in (
        ({"path": path + "t"}, "Did you mean 'a.txt'"),
        ({"path": str(tmp_path / "empty")}, "no .txt file"),
        ({"path": path, "unit": "files"}, "is one file"),
        ({"path": path, "split_file": "gone.csv"}, "data.split_file=gone.csv"),
        ({"path": path, "tokenizer": "bpe", "vocabulary": 100}, "Expected 260 or more"),
        ({"path": path, "tokenizer_file": "gone"}, "data.tokenizer_file=gone"),
    ):
        with pytest.raises(ConfigError, match=message):
            TextLines(**settings).probe()


@pytest.mark.parametrize("kind", ["characters", "bytes", "bpe", "words", "wordpiece"])
def test_bits_per_byte_is_of_the_text_whatever_its_tokens_are(kind):
    data = PythonSource(packages=("json", "urllib"), length=32, tokenizer=kind, vocabulary=600).load()
    stream, spec = data.val.stream[:5000], data.spec
    size = spec.num_outputs
    even = torch.full((1, len(stream), size), 1 / size)
    sums = [
        metric.statistic(spec).summarize(Scored(stream, stream[None], even)) for metric in (BitsPerByte, BitsPerToken)
    ]
    known = [token for token in stream.tolist() if token != UNKNOWN]
    text = data.transform.decode(known)
    assert int(sums[0][0]) == pytest.approx(len(text.encode()) + len(stream) - len(known), abs=1)
    assert BitsPerByte().compute(sums[0]).item() == pytest.approx(
        math.log2(size) * len(stream) / int(sums[0][0]), rel=1e-4
    )
    assert BitsPerToken().compute(sums[1]).item() == pytest.approx(math.log2(size), rel=1e-4)


def test_a_run_of_ones_own_text_scored_by_bytes(go, tmp_path):
    written(tmp_path, "the cat sat on the mat\na dog ran to the cat\n" * 30)
    result = go(
        "data=text_lines", f"data.path={tmp_path}/a.txt", "data.tokenizer=bpe", "data.vocabulary=280", "data.length=8",
        "data.crossing=false", "model=gru", "model.hidden=8", "trainer.max_epochs=1", "monitor=val/bits_per_byte",
    )  # fmt: skip
    test = result["test"]
    assert 0 < test["bits_per_byte"] < test["bits_per_token"]
