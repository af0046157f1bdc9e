"""What a user says that a column holds is what it is: read so, refused where it can't be, kept with the network."""

import math

import numpy as np
import polars as pl
import pytest

from runner.data.csv import Csv
from runner.errors import ConfigError, RunFailed
from runner.run import compose, load, run

ROWS = 40
QUICK = ["trainer.max_epochs=1", "trainer.device=cpu", "trainer.threads=1", "model.hidden=[4]", "trainer.images=0"]


def frame():
    draw = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "zip": [f"0{draw.integers(1, 4)}" for _ in range(ROWS)],
            "day": [f"2026-0{1 + i % 9}-1{i % 7}" for i in range(ROWS)],
            "code": [str(i % 5) for i in range(ROWS)],
            "y": [i % 2 for i in range(ROWS)],
        }
    )


@pytest.fixture(params=["csv", "parquet"])
def table(request, tmp_path):
    path = tmp_path / f"table.{request.param}"
    frame().write_csv(path) if request.param == "csv" else frame().write_parquet(path)
    return str(path)


def option(path, **settings):
    return Csv(path=path, target="y", **settings)


def kinds_of(data):
    return {column.name: column.kind for column in data.transform.columns}


def test_columns_are_what_is_said(table):
    typed = "number" if table.endswith("csv") else "words"  # texts of a parquet file are words
    assert kinds_of(option(table).load()) == {"zip": typed, "day": "date", "code": typed}
    said = option(table, kinds={"zip": "category", "day": "category", "code": "number"}).load()
    assert kinds_of(said) == {"zip": "words", "day": "words", "code": "number"}
    names = said.spec.feature_names
    assert "zip=01" in names and "day=2026-01-10" in names and "code" in names
    same = option(table, categorical=("zip", "day"), kinds={"code": "number"}).load()
    assert same.spec == said.spec and bool((same.train.inputs == said.train.inputs).all())
    dates = option(table, kinds={"day": "date"}, order="day", exclude=("code",)).load()
    assert dates.spec.feature_names[0].startswith("zip") and len(dates.train) == 28


def test_a_value_that_is_none_of_its_kind_is_named_by_its_row(tmp_path):
    path = tmp_path / "table.csv"
    mixed = frame().with_columns(code=pl.Series(["x y" if i % 3 == 1 else str(i) for i in range(ROWS)]))
    mixed.write_csv(path)
    assert kinds_of(option(str(path)).load())["code"] == "words"
    for kinds, message in (
        (
            {"code": "number"},
            r"line 3, column 'code': 'x y' is no finite number, as data.kinds says that all in it are",
        ),
        ({"code": "date"}, r"line 2, column 'code': '0' is no ISO date.*data.kinds=\{code:category\}"),
        ({"zip": "date"}, r"line 2, column 'zip': '0\d' is no ISO date"),
        ({"day": "number"}, r"line 2, column 'day': '2026-01-10' is no finite number"),
    ):
        with pytest.raises(RunFailed, match=message):
            option(str(path), kinds=kinds).load()
    gaps = option(str(path), kinds={"code": "number"}, na_values=("x y",)).load()
    assert kinds_of(gaps)["code"] == "number"
    mixed.write_parquet(tmp_path / "table.parquet")
    with pytest.raises(RunFailed, match=r"row 2, column 'code': 'x y' is no finite number"):
        option(str(tmp_path / "table.parquet"), kinds={"code": "number"}).load()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kinds": {"zup": "category"}}, r"data.kinds=\{zup:category\}: no such column in .*Did you mean 'zip'\?"),
        ({"kinds": {"zip": "categry"}}, r"expected number, category, date. Did you mean 'category'\?"),
        ({"kinds": {"zip": ["category"]}}, "expected number, category, date."),
        ({"kinds": {"zip": "number"}, "exclude": ("zip",)}, "data.exclude leaves this column out"),
        ({"kinds": {"zip": "number"}, "categorical": ("zip",)}, "data.categorical takes this column as categories"),
        ({"kinds": {"zip": "cat"}}, r"Did you mean 'category'\?"),
        ({"kinds": {"zip": "category"}, "order": "zip"}, "data.order puts rows in the order of this column"),
        ({"kinds": {"zip": "number"}, "group": "zip"}, "data.group takes this column as categories"),
    ],
)
def test_wrong_names_and_kinds_are_wrong_commands(table, settings, message):
    with pytest.raises(ConfigError, match=message):
        option(table, **settings).probe()


def test_a_network_reads_later_rows_as_it_was_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame().write_csv("table.csv")
    words = ["data=csv", "data.path=table.csv", "data.target=y", "data.kinds={zip:category,day:date}", *QUICK]
    run(compose(words), tmp_path / "run", None, words)
    (tmp_path / "table.csv").unlink()
    network = load("run")
    new = pl.DataFrame({"zip": ["01", "1"], "day": ["2026-05-01", "2026-05-02"], "code": [3, 4]})
    inputs = network.transform(new)
    names = network.spec.feature_names
    assert float(inputs[0, names.index("zip=01")]) == 1
    assert float(inputs[1, [n.startswith("zip=") for n in names]].sum()) == 0  # 1 is not 01
    assert all(math.isfinite(v) for row in network.predict(new) for v in row.values() if isinstance(v, float))
    with pytest.raises(RunFailed, match=r"Row 1, column 'day': 'yesterday' is no ISO date"):
        network.predict(new.with_columns(day=pl.lit("yesterday")))
