"""Splits from a file, a test part from another table, and what else a table may hold."""

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from runner.data.csv import Csv
from runner.data.parts.split_file import read_parts
from runner.errors import ConfigError, RunFailed

N = 40


def frame(n=N, seed=0):
    draw = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "row": np.arange(n),
            "x": draw.normal(size=n),
            "c": draw.choice(["a", "b"], n),
            "y": draw.choice(["no", "yes"], n),
        }
    )


def load(folder, table=None, **settings):
    (frame() if table is None else table).write_csv(folder / "table.csv")
    return Csv(path=str(folder / "table.csv"), target="y", scaling="none", **settings).load()


def rows_of(part):
    return part.inputs[:, 0].long().tolist()


@given(
    st.lists(st.sampled_from(["train", "val", "test"]), min_size=1, max_size=30),
    st.sampled_from([None, "file,part", "what"]),
)
def test_every_line_is_the_part_of_its_row(tmp_path_factory, parts, heading):
    path = tmp_path_factory.mktemp("split") / "parts.csv"
    path.write_text("\n".join(([heading] if heading else []) + [f"x,{p}" if len(p) == 3 else p for p in parts]))
    assert read_parts(path, "data.split_file", len(parts)) == parts
    names = [f"photos/{k}, so.png" for k in range(len(parts))]
    path.write_text("\n".join(f'"{name}",{part}' for name, part in reversed(list(zip(names, parts, strict=True)))))
    assert read_parts(path, "data.split_file", len(parts), names) == parts


@pytest.mark.parametrize(
    ("text", "names", "message"),
    [
        ("train\nvalid\n", (), r"line 2: 'valid' is no part. Expected train, val or test. Did you mean 'val'\?"),
        ("train\n", (), "names the parts of 1 examples, and there are 2"),
        ("a,train\nbb,val\n", ("a", "b"), r"line 2: 'bb' is none of the examples. Did you mean 'b'\?"),
        ("a,train\na,val\n", ("a", "b"), "line 2: 'a' stands there twice"),
        ("a,train\n", ("a", "b"), r"has no line for 'b'\.$"),
        ("trian\nval\n", (), r"line 1: 'trian' is no part. .* Did you mean 'train'\?"),
        ("a,trian\nb,val\n", ("a", "b"), r"line 1: 'trian' is no part. .* Did you mean 'train'\?"),
        (
            "",
            ("a", "b"),
            "it is empty. Expected a line for each of 2 examples, its part at the end of a line, such as a,train",
        ),
        (b"train\n\xff\n", (), "Expected a text in UTF-8"),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path, text, names, message):
    path = tmp_path / "parts.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RunFailed, match=message):
        read_parts(path, "data.split_file", 2, names)


def test_rows_are_where_the_file_says_also_where_some_are_left_out(tmp_path):
    parts = np.random.default_rng(1).choice(["train", "val", "test"], N, p=[0.5, 0.3, 0.2])
    (tmp_path / "parts.txt").write_text("part\n" + "\n".join(parts))
    table = frame().with_columns(y=pl.when(pl.col("row") % 7 == 0).then(None).otherwise(pl.col("y")))
    data = load(tmp_path, table, split_file=str(tmp_path / "parts.txt"))
    for name, part in data.parts.items():
        assert rows_of(part) == [r for r in range(N) if parts[r] == name and r % 7]
    (tmp_path / "parts.txt").write_text("\n".join(parts[::-1]))
    assert load(tmp_path, table, split_file=str(tmp_path / "parts.txt")).fingerprint != data.fingerprint
    half = load(tmp_path, table, split_file=str(tmp_path / "parts.txt"), missing="drop", folds=2, fold=1)
    assert rows_of(half.test) == [r for r in range(N) if parts[::-1][r] == "test" and r % 7]
    (tmp_path / "parts.txt").write_text("train\n" * N)
    with pytest.raises(RunFailed, match="no row with a target is in val"):
        load(tmp_path, split_file=str(tmp_path / "parts.txt"))
    with pytest.raises(ConfigError, match=r"data.order and data.split_file exclude each other"):
        load(tmp_path, split_file=str(tmp_path / "parts.txt"), order="row")
    with pytest.raises(ConfigError, match=r"data.split_file=nowhere.txt"):
        load(tmp_path, split_file="nowhere.txt")


def test_a_test_file_is_the_test_part_with_its_columns_in_any_order(tmp_path):
    test = (
        frame(10, seed=5).with_columns(row=pl.col("row") + 100, more=pl.lit("x")).select("more", "y", "c", "row", "x")
    )
    test.write_csv(tmp_path / "test.csv")
    data = load(tmp_path, test_path=str(tmp_path / "test.csv"))
    assert rows_of(data.test) == list(range(100, 110))
    assert torch.equal(data.transform(test), data.test.inputs)
    assert sorted(rows_of(data.train) + rows_of(data.val)) == list(range(N))
    assert len(data.train) == round(N * 0.7 / 0.85)
    assert data.fingerprint != load(tmp_path).fingerprint
    (tmp_path / "parts.txt").write_text("train\n" * 30 + "val\n" * 10)
    both = load(tmp_path, test_path=str(tmp_path / "test.csv"), split_file=str(tmp_path / "parts.txt"))
    assert (rows_of(both.train), rows_of(both.test)) == (list(range(30)), list(range(100, 110)))


def test_groups_in_both_files_are_told_of(tmp_path):
    table = frame().with_columns(who=pl.col("row") // 4)
    for first, said in ((8, 2), (100, 0)):
        frame(8).with_columns(who=pl.col("row") // 4 + first).write_csv(tmp_path / "test.csv")
        notes = load(tmp_path, table, group="who", test_path=str(tmp_path / "test.csv")).notes
        assert [n for n in notes if "both files" in n] == [f"{said} group(s) of 'who' are in both files"] * (said > 0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda t: t.rename({"x": "xx"}), ConfigError, r"has no column 'x', which .* has. Did you mean 'xx'\?"),
        (lambda t: t.drop("y"), ConfigError, "has no column 'y'"),
        (lambda t: t.with_columns(y=pl.lit("maybe")), RunFailed, "'y' is 'maybe' in some rows, which no row of"),
        (lambda t: t.with_columns(x=pl.lit("much")), RunFailed, "row 1, column 'x': 'much' is no finite number"),
    ],
)
def test_a_test_file_that_does_not_fit_is_refused(tmp_path, change, error, message):
    change(frame(10, seed=5)).write_csv(tmp_path / "test.csv")
    with pytest.raises(error, match=message):
        load(tmp_path, test_path=str(tmp_path / "test.csv"))


def test_a_test_file_is_read_as_the_first_file_is(tmp_path):
    """Whole numbers in the test file, where the first has words among them, are words."""
    table = frame().with_columns(c=pl.Series([str(k % 3) if k % 2 else "none" for k in range(N)]))
    frame(8).with_columns(c=pl.Series([0, 1, 2, 0, 1, 2, 0, 1])).write_csv(tmp_path / "test.csv")
    data = load(tmp_path, table, test_path=str(tmp_path / "test.csv"), keep_default_na=False)
    at = data.spec.feature_names.index("c=2")
    assert data.test.inputs[:, at].tolist() == [0, 0, 1, 0, 0, 1, 0, 0]


def test_what_each_column_was_taken_for_is_said(tmp_path):
    table = frame().with_columns(when=pl.lit("2026-01-02"), code=pl.col("row") % 3)
    said = next(note for note in load(tmp_path, table, categorical=("code",)).notes if "columns taken" in note)
    assert said.startswith("columns taken as numbers: row, x; categories: c (2), code (3); dates: when (data.kinds")
    many = frame().with_columns([pl.col("x").alias(f"x{k}") for k in range(30)])
    assert "20 more" in next(note for note in load(tmp_path, many).notes if "columns taken" in note)


def test_unicode_quoted_newlines_and_a_column_without_any_value(tmp_path):
    words = ['größe "L"', "two\nlines", "日本, ja", "x"]
    table = frame().with_columns(w=pl.Series([words[k % 4] for k in range(N)]), empty=pl.lit(None, pl.String))
    data = load(tmp_path, table, encoding="ordinal")
    assert data.transform.columns[-1].words == sorted(words)
    assert any("'empty' has no value" in note for note in data.notes)
    again = data.transform(table)
    assert torch.equal(again[rows_of(data.val)], data.val.inputs)


def test_one_class_only_is_refused(tmp_path):
    with pytest.raises(RunFailed, match="every row has the 'y' 'yes'; expected two classes or more"):
        load(tmp_path, frame().with_columns(y=pl.lit("yes")))
