"""Texts of one's own, in folders and tables; unfriendly ones too."""

import json

import polars as pl
import pytest
import torch

from runner.data.text.files import decoded
from runner.data.text.reading import read_texts
from runner.data.text.tokenizer import Tokenizer
from runner.data.text_csv import TextCsv
from runner.data.text_folder import TextFolder
from runner.data.text_lines import TextLines
from runner.engine import checkpoint
from runner.engine.spec import IGNORED
from runner.engine.split import LaneSplit
from runner.engine.transform import Bad
from runner.errors import ConfigError, RunFailed
from tests.cli.conftest import say as say

LONG = "word " * 40_000  # more than csv reads of a field where nobody says otherwise


def texts(folder, number=12, classes=("cat", "dog")):
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(number):
            (folder / name / f"{i:02}.txt").write_text(f"{name} sentence\nnumber {i}\n")
    return folder


def inputs(data, part):
    names = data.transform.vocabulary
    return [
        " ".join(names[t] for t in data.parts[part].read(row).inputs[0])
        for row in torch.arange(len(data.parts[part])).split(1)
    ]


def test_a_folder_per_class_is_divided(tmp_path):
    data = TextFolder(root=str(texts(tmp_path / "all"))).load()
    assert data.sizes == {"train": 17, "val": 4, "test": 3} and data.spec.class_names == ("cat", "dog")
    for part in data.parts.values():
        for i, target in enumerate(part.targets.tolist()):
            first = part.read(torch.tensor([i])).inputs[0, 0]
            assert data.transform.vocabulary[first] == ("cat", "dog")[target]


def test_training_texts_with_each_token_are_counted(tmp_path):
    data = TextFolder(root=str(texts(tmp_path / "all"))).load()
    read = [set(text.split()) for text in inputs(data, "train")]
    names = data.transform.vocabulary
    assert data.spec.inputs.counts == tuple(sum(name in text for text in read) for name in names)
    assert data.spec.inputs.counts[names.index("sentence")] == 17 > data.spec.inputs.counts[names.index("cat")] > 0


def test_folders_of_parts_are_parts(tmp_path):
    for part, number in (("train", 8), ("valid", 3), ("test", 2)):
        texts(tmp_path / part, number)
    assert TextFolder(root=str(tmp_path)).load().sizes == {"train": 16, "val": 6, "test": 4}
    for path in (tmp_path / "valid").rglob("*.txt"):
        path.unlink()
    (tmp_path / "valid").rename(tmp_path / "notes")
    assert TextFolder(root=str(tmp_path), split=(0.75, 0.25, 0.0)).load().sizes == {"train": 12, "val": 4, "test": 4}
    texts(tmp_path / "val", 1, ("cat", "dgo"))
    with pytest.raises(RunFailed, match=r"no class dgo in the training folder. Did you mean 'dog'\?"):
        TextFolder(root=str(tmp_path)).load()


def test_folders_that_can_not_be(tmp_path):
    with pytest.raises(ConfigError, match="there is no such folder"):
        TextFolder(root=str(tmp_path / "nowhere")).probe()
    texts(tmp_path, classes=("cat",))
    with pytest.raises(ConfigError, match=r"holds 1 folder\(s\); expected one per class"):
        TextFolder(root=str(tmp_path)).probe()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"no text in .*empty. Known: .txt"):
        TextFolder(root=str(tmp_path)).probe()


def test_empty_texts_are_examples_and_told_of(tmp_path):
    texts(tmp_path)
    (tmp_path / "cat" / "00.txt").write_text("")
    data = TextFolder(root=str(tmp_path)).load()
    assert sum(data.sizes.values()) == 24 and "1 of 24 texts are empty" in data.notes
    assert sum(text == "<start>" for part in data.parts for text in inputs(data, part)) == 1


def test_what_is_not_utf8_is_named_by_its_line(tmp_path):
    texts(tmp_path)
    (tmp_path / "dog" / "03.txt").write_bytes("one\ntwo caf\xe9\n".encode("latin-1"))
    with pytest.raises(RunFailed, match=r"dog/03.txt, line 2: it is not UTF-8"):
        TextFolder(root=str(tmp_path)).load()
    assert decoded("\ufeffmark".encode(), tmp_path) == "mark"


ROWS = [(f'{name} says "{i}",\nand more', name, f"author {i // 2}") for i in range(20) for name in ("cat", "dog")]


def write(path, rows=ROWS, names=("text", "label", "author")):
    frame = pl.DataFrame({name: [row[i] for row in rows] for i, name in enumerate(names)})
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".jsonl":
        frame.write_ndjson(path)
    else:
        frame.write_csv(path, separator="\t" if path.suffix == ".tsv" else ",")
    return str(path)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "jsonl"])
def test_every_form_holds_the_same(tmp_path, suffix):
    data = TextCsv(path=write(tmp_path / f"table.{suffix}")).load()
    assert data.sizes == {"train": 28, "val": 6, "test": 6} and data.spec.class_names == ("cat", "dog")
    assert sorted(inputs(data, "train"))[0].startswith('cat says " ')
    (raw,) = data.transform.read([str(tmp_path / f"table.{suffix}")], 100)
    assert raw.examples == [text for text, _, _ in ROWS]


def test_groups_stay_in_one_part(tmp_path):
    path = write(tmp_path / "table.csv")
    option = TextCsv(path=path, group="author", longest=4)
    found = option.read()
    assert (
        found.groups.tolist() == [int(author.split()[1]) for _, _, author in sorted(ROWS, key=str)]
        or len(set(found.groups.tolist())) == 10
    )
    for settings in ({}, {"folds": 3, "fold": 1}, {"split_seed": 2}):
        data = TextCsv(path=path, group="author", longest=4, **settings).load()
        numbers = {part: {text.split()[3] for text in inputs(data, part)} for part in data.parts}
        assert all(len(split) % 4 == 0 for split in data.parts.values()) and len(numbers["train"]) > 4
        assert numbers["val"] == numbers["test"] == {"<unknown>"}  # an author's numbers are nobody else's


def test_groups_of_both_files_are_told(tmp_path):
    path, rows = write(tmp_path / "table.csv"), [("a", "cat", f"author {n}") for n in (3, 3, 8, 70)]
    settings = {"path": path, "test_path": write(tmp_path / "test.csv", rows), "split": (0.8, 0.2, 0.0)}
    assert "2 group(s) of 'author' are in both files" in TextCsv(**settings, group="author").load().notes
    write(tmp_path / "test.csv", rows[-1:])
    assert not any("both files" in note for note in TextCsv(**settings, group="author").load().notes)


def test_the_column_of_the_classes_is_called_as_that_of_every_table(tmp_path, say):
    path = write(tmp_path / "table.csv", names=("text", "kind", "author"))
    assert TextCsv(path=path, target="kind").load().spec.class_names == ("cat", "dog")
    code, _, err = say("check", "data=text_csv", f"data.path={path}", "data.label=kind", "model=gru")
    assert code == 2 and "has no key 'label'" in err and "target" in err and "Did you mean" not in err


def test_a_test_file_is_the_test_part(tmp_path):
    path, other = write(tmp_path / "table.csv"), write(tmp_path / "test.csv", [("cat is new", "cat", "me")] * 3)
    data = TextCsv(path=path, test_path=other, split=(0.8, 0.2, 0.0)).load()
    assert data.sizes == {"train": 32, "val": 8, "test": 3}
    write(tmp_path / "test.csv", [("a cat", "cat", "me"), ("a\ncow", "cwo", "me"), ("a", "dgo", "me")])
    with pytest.raises(RunFailed, match=r"test.csv, line 3: the class 'cwo' is not in .*Its classes: cat, dog"):
        TextCsv(path=path, test_path=other).load()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text,label\na,x\nb\xff,y\n", r"table.csv, line 3: it is not UTF-8"),
        (b"text,label\na,x\nb,y,z\n", r"table.csv, line 3: 3 values, and the first line names 2 columns"),
        (b'text,label\n"a\nb",x\n"c,y\nd,z\n', r"table.csv, line 4: .*Is a double quote never closed"),
        (b"text,label\na,x\nb,x\n", r"has 1 class\(es\); expected at least two"),
        (b"text,label\n", r"has 0 class\(es\)"),
    ],
)
def test_damaged_tables_are_named_by_file_and_line(tmp_path, content, message):
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(RunFailed, match=message):
        TextCsv(path=str(tmp_path / "table.csv")).load()


def test_other_columns_and_lines_of_json(tmp_path):
    with pytest.raises(
        ConfigError, match=r"there is no column 'text'. Did you mean 'texts'\? Its columns: texts, label"
    ):
        TextCsv(path=write(tmp_path / "a.csv", [("a", "b")], ("texts", "label"))).load()
    (tmp_path / "b.jsonl").write_text('{"text": "a", "label": 1}\n{"text": \n')
    with pytest.raises(RunFailed, match=r"b.jsonl, line 2: it is no JSON"):
        TextCsv(path=str(tmp_path / "b.jsonl")).load()
    (tmp_path / "c.csv").write_text("text,text,label\na,x,b\nc,x,d\n")
    with pytest.raises(ConfigError, match=r"there are several columns 'text'"):
        TextCsv(path=str(tmp_path / "c.csv")).load()
    (tmp_path / "d.jsonl").write_text('{"text": ' + "[" * 100_000 + "\n")
    with pytest.raises(RunFailed, match=r"d.jsonl, line 1: it is no JSON"):
        TextCsv(path=str(tmp_path / "d.jsonl")).load()
    (wrong,) = read_texts([str(tmp_path / "d.jsonl")], 5)
    assert isinstance(wrong, Bad) and "it is no JSON" in wrong.reason
    with pytest.raises(ConfigError, match=r"data.test_path=nowhere.csv: there is no"):
        TextCsv(path=str(tmp_path / "b.jsonl"), test_path="nowhere.csv").probe()


def test_rows_without_a_class_are_left_out_and_long_texts_are_read(tmp_path):
    path = write(tmp_path / "table.csv", [*ROWS, ("no class", "", "x"), (LONG, "cat", "y")])
    data = TextCsv(path=path).load()
    assert sum(data.sizes.values()) == 41 and f"{path}: 1 rows without 'label' left out" in data.notes
    assert any("only the first 400 tokens are read" in note for note in data.notes)


def test_predictions_of_the_test_file_are_those_of_the_evaluation(tmp_path, say, go):
    path, other = write(tmp_path / "table.csv"), write(tmp_path / "test.csv", ROWS[:9])
    result = go(
        "data=text_csv",
        f"data.path={path}",
        f"data.test_path={other}",
        "model=gru",
        "model.hidden=8",
        "trainer.max_epochs=1",
        "trainer.threads=1",
        "trainer.images=0",
    )
    rows = [json.loads(line) for line in say("predict", "run", other, "--format", "jsonl").out.splitlines()]
    right = [row["prediction"] == label for row, (_, label, _) in zip(rows, ROWS[:9], strict=True)]
    assert sum(right) / 9 == pytest.approx(result["test"]["accuracy"])


def test_tokens_may_be_hidden_in_place_of_classes(tmp_path):
    (tmp_path / "texts.csv").write_text(
        "text,label\n" + "\n".join(f"one of {i} words,{'ab'[i % 2]}" for i in range(20))
    )
    folder, table = {"root": str(texts(tmp_path / "all"))}, {"path": str(tmp_path / "texts.csv")}
    for option, where in ((TextFolder, folder), (TextCsv, table), (TextLines, {**table, "length": 5})):
        plain, chosen = option(**where), option(**where, masked=0.3)
        assert chosen.probe().task == "masked" != plain.probe().task
        data, true = chosen.load(), plain.load()
        assert data.spec.task == "masked" and data.spec.num_outputs == len(data.transform.vocabulary)
        batch, whole = (loaded.val.read(torch.arange(2)) for loaded in (data, true))
        hidden = batch.targets != IGNORED
        assert bool(hidden.any(1).all()) and torch.equal(batch.targets[hidden], whole.inputs[hidden])
        assert torch.equal(batch.inputs[~hidden], whole.inputs[~hidden])


def test_the_vocabulary_of_a_run(tmp_path):
    (tmp_path / "checkpoints").mkdir()

    def run_of(option):
        state = Tokenizer.state_dict(option.load().transform)
        settings = {"tokenizer": option.tokenizer, "lowercase": option.lowercase}
        checkpoint.save(tmp_path / "checkpoints/best.pt", {"transform": state, "config": {"data": settings}})
        return state

    path = written(tmp_path, "\n".join(f"Line {i} of the Text" for i in range(9)))
    for kind in ("characters", "words", "bpe"):
        state = run_of(TextLines(path=path, length=3, tokenizer=kind, vocabulary=270))
        again = TextLines(path=path, length=3, tokenizer_file=str(tmp_path), tokenizer="bytes", fraction=0.5)
        again.probe()
        assert again.load().transform.state_dict() == state
    with pytest.raises(ConfigError, match=r"were taken as they are\. Give data\.lowercase=false"):
        TextLines(path=path, tokenizer_file=str(tmp_path), lowercase=True).probe()
    checkpoint.save(tmp_path / "checkpoints/best.pt", {"transform": None, "config": {"data": {"split_seed": 0}}})
    with pytest.raises(ConfigError, match="is of a run without texts of one's own"):
        TextLines(path=path, tokenizer_file=str(tmp_path)).probe()
    (tmp_path / "checkpoints/best.pt").write_bytes(b"damaged")
    with pytest.raises(RunFailed, match=r"best\.pt: its checksum does not match"):
        TextLines(path=path, tokenizer_file=str(tmp_path)).probe()


def written(tmp_path, content):
    (tmp_path / "lines.txt").write_text(content)
    return str(tmp_path / "lines.txt")


def test_a_state_may_go_on_through_lines(tmp_path):
    path = written(tmp_path, "\n".join(f"line {i} of the text" for i in range(30)))
    data = TextLines(path=path, length=6, stateful=True).load()
    assert data.train.contiguous and isinstance(data.train, LaneSplit)
    assert not TextLines(path=path, length=6).load().train.contiguous
    for other in ({"masked": 0.1}, {"crossing": False}):
        with pytest.raises(ConfigError, match=r"data\.stateful=true data\.(masked=0\.1|crossing=false): "):
            TextLines(path=path, stateful=True, **other)
