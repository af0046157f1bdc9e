"""Pairs of texts of a user: what a file may hold, what is left out, and how they are divided."""

import pytest
import torch

from runner.data.translation_pairs import TranslationPairs
from runner.engine.spec import END
from runner.errors import ConfigError, RunFailed

LINES = "".join(f"the {n} dogs\tdie {n} Hunde\tTatoeba {n}\n" for n in range(40))


@pytest.fixture
def pairs(tmp_path):
    def write(content=LINES, name="pairs.tsv", **settings):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return TranslationPairs(path=str(path), **settings)

    return write


def texts(data, part):
    names, split = data.spec.targets.names, data.parts[part]
    batch = split.read(torch.arange(len(split)))
    told = (row[: row.tolist().index(END)] for row in batch.targets)
    sides = (batch.inputs[i, :n] for i, n in enumerate(batch.more["lengths"]))
    return [(" ".join(names[t] for t in s), " ".join(names[t] for t in t_)) for s, t_ in zip(sides, told, strict=True)]


def test_source_and_target_stand_in_the_first_two_columns(pairs):
    data = pairs(split=(0.5, 0.25, 0.25)).load()
    assert {part: len(split) for part, split in data.parts.items()} == {"train": 20, "val": 10, "test": 10}
    for source, target in texts(data, "train"):
        number = source.split()[1]
        assert (source, target) == (f"the {number} dogs", f"die {number} Hunde")
    assert not any("left out" in note for note in data.notes)


def test_all_translations_of_a_source_are_in_one_part(pairs):
    lines = "".join(f"s{n // 3}\tt{n}\n" for n in range(90))
    for settings in ({}, {"folds": 3, "fold": 1}, {"fraction": 0.5}, {"split_seed": 3}):
        data = pairs(lines, **settings).load()
        parts = [{source for source, _ in texts(data, part) if source != "<unknown>"} for part in data.parts]
        rows = [len(split) for split in data.parts.values()]
        assert all(number % 3 == 0 for number in rows[1:])
        assert len(parts[0]) >= 10
        assert not parts[0] & (parts[1] | parts[2])
        assert not parts[1] | parts[2]  # and the vocabulary is that of training


def test_a_test_file_of_its_own(pairs, tmp_path):
    (tmp_path / "test.tsv").write_text("the 3 dogs\tdie 3 Hunde\nthe 77 cats\tdie 77 Katzen\n")
    data = pairs(test_path=str(tmp_path / "test.tsv")).load()
    assert {part: len(split) for part, split in data.parts.items()} == {"train": 33, "val": 7, "test": 2}
    assert texts(data, "test")[0] == ("the 3 dogs", "die 3 Hunde")
    assert any("1 of 2 sources of data.test_path are in data.path too" in note for note in data.notes)


def test_what_is_left_out_is_counted(pairs):
    more = "\n\t\nonly a source\t\n\tonly a target\n" + f"long\t{'x' * 30}\n" + "the 1 dogs\tdie 1 Hunde\n"
    note = pairs(LINES + more, longest_text=25).load().notes[0]
    assert "3 with an empty side" in note  # an empty line is none
    assert "1 with a side of more than 25 characters (data.longest_text)" in note
    assert "1 that stand there twice" in note


def test_marks_of_other_systems_are_no_part_of_a_text(pairs):
    content = b"\xef\xbb\xbf" + LINES.replace("\n", "\r\n").encode()
    assert pairs(content).load().spec == pairs().load().spec


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (LINES + "no tab here\n", r"pairs\.tsv:41: this line has no tab"),
        (LINES.encode() + b"caf\xe9\tKaffee\n", r"pairs\.tsv:41: this line is not in UTF-8 .* byte 3"),
        ("", "has no pair to learn from"),
        ("a\t\n\tb\n", "has no pair to learn from: 2 with an empty side"),
        ("a\tb\nc\td\n", r"data\.split=.* leaves no example"),
    ],
)
def test_a_bad_file_is_named_by_its_line(pairs, content, message):
    with pytest.raises(RunFailed, match=message):
        pairs(content).load()


def test_a_file_that_is_not_there_is_told_before_anything_is_loaded(pairs, tmp_path):
    with pytest.raises(ConfigError, match=r"data\.path=.*pair\.tsv: there is no such file\. Did you mean 'pairs\.tsv'"):
        pairs().__class__(path=str(tmp_path / "pair.tsv")).probe()
    with pytest.raises(ConfigError, match=r"data\.test_path=.* is a folder"):
        pairs(test_path=str(tmp_path)).probe()


def test_the_fingerprint_is_that_of_the_files(pairs, tmp_path):
    (tmp_path / "test.tsv").write_text("a\tb\n")
    whole = pairs().load().fingerprint
    assert pairs().load().fingerprint == whole
    assert pairs(LINES + "a\tb\n").load().fingerprint != whole
    assert pairs(test_path=str(tmp_path / "test.tsv")).load().fingerprint != whole
