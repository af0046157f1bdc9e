"""Rows of files that are predicted: what is good, and what is wrong with the others."""

import io
import subprocess
import sys

import polars as pl
import pytest
import torch

from runner.data.csv import Csv
from runner.data.table.rows import format_of, read_rows
from runner.data.table.transform import TableTransform
from runner.errors import ConfigError, RunFailed

TRAINED_ON = pl.DataFrame({"age": [1.0, 2.0, None], "colour": ["red", "blue", "red"]})


@pytest.fixture
def transform():
    made = TableTransform(scaling="none", missing="constant")
    made.fit(TRAINED_ON)
    return made


def all_of(content, transform, **settings):
    rows = list(read_rows(io.BytesIO(content), transform, **settings))
    frame = pl.concat([part.frame for part in rows])
    return frame.rows(), [line for part in rows for line in part.lines], [bad for part in rows for bad in part.bad]


@pytest.mark.parametrize("size", [1, 20, 10**6])
def test_bad_lines_are_told_and_the_others_go_on(transform, size):
    content = (
        b"more;colour;age\n"
        b"x;red;1\n"
        b"x;blue\n"
        b'"a\nb";blue;2\n'
        b"\n"
        b"x;red;4O\n"
        b'x;"b;l";\n'
        b"x;red;1;2\n"
        b"x;red;inf"
    )  # fmt: skip
    frame, lines, bad = all_of(content, transform, size=size)
    assert frame == [(1.0, "red"), (2.0, "blue"), (None, "b;l")]
    assert lines == [2, 5, 8]
    assert [line for line, _ in bad] == [3, 7, 9, 10]
    assert bad[0][1].startswith("2 values, but the first line names 3 columns")
    assert bad[1][1] == "column 'age': '4O' is no finite number."
    assert bad[3][1] == "column 'age': 'inf' is no finite number."


def test_json_lines_are_read_as_a_table(transform):
    lines = [
        '{"colour": "red", "age": 1, "more": []}',
        '{"colour": null, "age": "2.5"}',
        "",
        '{"age": 3',
        "[1]",
        '{"colour": "red"}',
        '{"colour": "red", "age": [1]}',
        '{"colour": "red", "age": "x"}',
        '{"colour": "blue", "age": 1e-3}',
    ]
    for chunk in (1, 2, 100):
        frame, good, bad = all_of("\n".join(lines).encode(), transform, form="jsonl", chunk=chunk)
        assert frame == [(1.0, "red"), (2.5, None), (0.001, "blue")]
        assert good == [1, 2, 9]
        assert [line for line, _ in bad] == [4, 5, 6, 7, 8]
        assert "no JSON" in bad[0][1] and "expected an object" in bad[1][1] and "has no 'age'" in bad[2][1]


def test_parquet_comes_in_chunks(transform):
    raw = pl.DataFrame({"age": [1, None, 3, 4, 5], "more": [0] * 5, "colour": ["red", None, "blue", "x", "red"]})
    file = io.BytesIO()
    raw.write_parquet(file)
    frame, lines, bad = all_of(file.getvalue(), transform, form="parquet", chunk=2)
    assert frame == [(1.0, "red"), (None, None), (3.0, "blue"), (4.0, "x"), (5.0, "red")]
    assert (lines, bad) == ([1, 2, 3, 4, 5], [])
    with pytest.raises(RunFailed, match="no parquet file"):
        all_of(b"age,colour\n1,red\n", transform, form="parquet")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_missing_column_stops_before_any_row(transform, form):
    raw, file = TRAINED_ON.rename({"age": "aged"}), io.BytesIO()
    raw.write_csv(file) if form == "csv" else raw.write_parquet(file)
    with pytest.raises(RunFailed, match=r"no column 'age'.*Did you mean 'aged'"):
        all_of(file.getvalue(), transform, form=form)


def test_formats_are_told_by_names(tmp_path):
    assert [format_of(tmp_path / name) for name in ("a.CSV", "b.parquet", "c.jsonl")] == ["csv", "parquet", "jsonl"]
    with pytest.raises(ConfigError, match=r"a\.xlsx: expected a table: \.csv"):
        format_of(tmp_path / "a.xlsx")


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_a_file_is_predicted_from_the_very_numbers_of_training(tmp_path, form):
    """Through the option: raw rows of each format give the tensors that training had."""
    lines = ["age,when,colour,t,y"]
    for i in range(60):
        lines.append(f"{i * 0.1 - 1:.3f},2026-01-{i % 28 + 1:02d},{['red', 'blue', ''][i % 3]},{i},{i * 1.5}")
    (tmp_path / "a.csv").write_text("\n".join(lines))
    option = Csv(path=str(tmp_path / "a.csv"), target="y", split=(0.8, 0.2, 0.0), order="t", missing="median")
    splits = option.load()
    transform = option.transform()
    raw = pl.read_csv(tmp_path / "a.csv", try_parse_dates=form == "parquet")
    transform.fit(read_frame(tmp_path / "a.csv")[:48])
    file = io.BytesIO()
    {"csv": raw.write_csv, "parquet": raw.write_parquet, "jsonl": raw.write_ndjson}[form](file)
    file.seek(0)
    inputs = torch.cat([transform(rows.frame) for rows in read_rows(file, transform, form, size=200, chunk=7)])
    assert torch.equal(inputs, torch.cat([splits.train.inputs, splits.val.inputs]))
    assert transform.feature_names == splits.spec.feature_names


def read_frame(path):
    from runner.data.table.read import read_table

    return read_table(path, ("t", "y"))


STREAM = """
import io, resource, sys
import polars as pl
from runner.data.table.rows import read_rows
from runner.data.table.transform import TableTransform
transform = TableTransform(); transform.fit(pl.DataFrame({"x": [1.0, 2.0], "w": ["red", "blue"]}))
class Lines(io.RawIOBase):
    def __init__(self, n): self.left, self.piece = n, b"x,w\\n"
    def readable(self): return True
    def readinto(self, space):
        if not self.piece and self.left: self.piece, self.left = b"1.25,red\\n" * 50_000, self.left - 1
        n = min(len(space), len(self.piece)); space[:n] = self.piece[:n]; self.piece = self.piece[n:]; return n
rows = sum(len(part.frame) for part in read_rows(io.BufferedReader(Lines(int(sys.argv[1]))), transform))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file():
    def peak(pieces):
        done = subprocess.run([sys.executable, "-c", STREAM, str(pieces)], capture_output=True, text=True, check=True)
        rows, kilobytes = map(int, done.stdout.split())
        assert rows == pieces * 50_000
        return kilobytes / 1024

    short, long = peak(80), peak(320)  # 36 and 144 MB
    assert long < short + 60
