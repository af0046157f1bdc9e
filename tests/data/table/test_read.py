"""Whole tables, CSV and parquet."""

from datetime import UTC, date, datetime
from functools import partial

import polars as pl
import pytest

from runner.data.table import read as module
from runner.data.table.blocks import read_blocks
from runner.data.table.header import column_names
from runner.data.table.meaning import Notation
from runner.data.table.read import read_table
from runner.errors import ConfigError, RunFailed


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(module, "read_blocks", partial(read_blocks, size=40))


def written(tmp_path, values, mark=","):
    path = tmp_path / "a.csv"
    path.write_text("\n".join([f"x{mark}y", *(f"{value}{mark}{i}" for i, value in enumerate(values))]) + "\n")
    return path


@pytest.mark.usefixtures("small_blocks")
def test_words_after_blocks_of_numbers_are_words_from_the_first_row(tmp_path):
    values = ["1.50"] * 30 + ["red"] * 30 + ["", "2"]
    table = read_table(written(tmp_path, values))
    assert table["x"].to_list() == [value or None for value in values]
    assert table["y"].to_list() == list(range(62))


@pytest.mark.usefixtures("small_blocks")
def test_a_mistake_is_named_by_its_line_in_any_block(tmp_path):
    for mistake in (3, 57):
        values = ["1.50"] * 60
        values[mistake] = "4O"
        with pytest.raises(RunFailed, match=rf"line {mistake + 2}, column 'x': '4O' is no finite number, as 59 others"):
            read_table(written(tmp_path, values))


@pytest.mark.usefixtures("small_blocks")
def test_a_line_that_is_too_short_is_named_in_any_block(tmp_path):
    for mistake in (3, 57):
        lines = written(tmp_path, ["1"] * 60).read_text().splitlines()
        lines[mistake] = "1"
        (tmp_path / "a.csv").write_text("\n".join(lines))
        with pytest.raises(RunFailed, match=f"line {mistake + 1}: 1 value, but the first line names 2 columns"):
            read_table(tmp_path / "a.csv")


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("na_values", [("", "-9"), ("-9",)])
def test_numbers_are_read_alike_on_every_way(tmp_path, decimal, na_values):
    """In quotes, among spaces, with gaps, with a decimal comma: by polars at once or text by text."""
    values = [f'"{i}{decimal}5"' if i % 3 else f" {i}{decimal}5 " for i in range(20)] + ["-9", "1e3"] * 5
    path = written(tmp_path, [*values, *([""] if "" in na_values else [])], ";")
    expected = [i + 0.5 for i in range(20)] + [None, 1000.0] * 5 + ([None] if "" in na_values else [])
    assert read_table(path, notation=Notation(na_values, decimal))["x"].to_list() == expected


def test_dates_are_recognized_and_a_mistake_among_them_is_named(tmp_path):
    days = [f"2026-01-{i % 28 + 1:02d}" for i in range(60)]
    assert read_table(written(tmp_path, [*days, ""]))["x"].to_list() == [*map(datetime.fromisoformat, days), None]
    assert read_table(written(tmp_path, days), kinds={"x": "words"})["x"].to_list() == days
    days[40] = "2026-02-30"
    with pytest.raises(RunFailed, match=r"line 42, column 'x': '2026-02-30' is no ISO date.*as 59 others"):
        read_table(written(tmp_path, days))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-31", datetime(2026, 5, 31)),
        ("2026-05-31T12:30", datetime(2026, 5, 31, 12, 30)),
        ("2026-05-31 12:30:15", datetime(2026, 5, 31, 12, 30, 15)),
        ("2026-05-31T12:30:15.25", datetime(2026, 5, 31, 12, 30, 15, 250_000)),
        ("2026-05-31T12:30:15Z", datetime(2026, 5, 31, 12, 30, 15)),
        ("2026-05-31T12:30:15.5+02:00", datetime(2026, 5, 31, 10, 30, 15, 500_000)),
        ("1960-01-01", datetime(1960, 1, 1)),
        ("26-05-31", None),
        ("2026-13-01", None),
        ("2026-05-31T25:00", None),
        ("2026-05-31 and more", None),
    ],
)
def test_iso_dates(text, expected):
    meaning = module.read(pl.Series("x", [text]), "date", Notation())
    assert (meaning.values.to_list(), meaning.refused.to_list()) == ([expected], [expected is None])


def test_a_file_of_one_line_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n")
    with pytest.raises(RunFailed, match="no line after the first"):
        read_table(tmp_path / "a.csv")


def test_parquet_is_read_by_its_types(tmp_path):
    moment = datetime(2026, 5, 31, 12, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "int": [1, None, -9],
            "float": [0.5, float("nan"), 2.0],
            "bool": [True, False, None],
            "text": [" a ", "NA", "7"],
            "iso": ["2026-05-31", "", "2026-06-01"],
            "date": [date(2026, 5, 31), None, date(2026, 6, 1)],
            "moment": [moment, moment, None],
            "category": pl.Series(["x", "y", None], dtype=pl.Categorical),
            "code": [1, 2, 3],
        }
    )
    path = tmp_path / "table"  # the name says nothing
    frame.write_parquet(path)
    assert column_names(path) == tuple(frame.columns)
    table = read_table(path, kinds={"code": "words"}, notation=Notation(("", "NA", "-9")))
    day = datetime(2026, 5, 31)
    assert table.to_dict(as_series=False) == {
        "int": [1.0, None, None],
        "float": [0.5, None, 2.0],
        "bool": ["true", "false", None],
        "text": ["a", None, "7"],
        "iso": [day, None, datetime(2026, 6, 1)],
        "date": [day, None, datetime(2026, 6, 1)],
        "moment": [datetime(2026, 5, 31, 12)] * 2 + [None],
        "category": ["x", "y", None],
        "code": ["1", "2", "3"],
    }
    assert read_table(path, leave_out=("int", "moment")).width == 7


def test_what_parquet_holds_and_no_network_takes_is_refused(tmp_path):
    pl.DataFrame({"x": [[1], [2]], "y": [1, 2]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(RunFailed, match=r"column 'x' holds values of the type List.*data.exclude=\[x\]"):
        read_table(tmp_path / "a.parquet")
    pl.DataFrame({"x": [1.0, float("inf")], "y": [1, 2]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(RunFailed, match="row 2, column 'x': inf is no finite number"):
        read_table(tmp_path / "a.parquet")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and nothing")
    with pytest.raises(ConfigError, match="no parquet file, or a damaged one"):
        column_names(tmp_path / "a.parquet")
