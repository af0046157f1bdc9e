import csv
import time

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from runner.data.csv import Csv
from runner.data.table.header import column_names, read_header
from runner.data.table.meaning import Notation
from runner.data.table.read import read_table
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, RunFailed


def write(path, header, rows, delimiter=","):
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return str(path)


HEADER = ["row", "age", "colour", "size", "label"]


def people(n=120, gaps=True, seed=0):
    """Rows whose first column tells them apart."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        age = "" if gaps and rng.random() < 0.15 else f"{rng.normal(40, 12):.3f}"
        colour = "" if gaps and rng.random() < 0.15 else rng.choice(["red", "green", "blue"])
        rows.append([i, age, colour, int(rng.integers(1, 6)), rng.choice(["yes", "no"], p=[0.4, 0.6])])
    return rows


@pytest.fixture
def table(tmp_path):
    return write(tmp_path / "people.csv", HEADER, people())


def load(path, **settings):
    return Csv(path=path, **{"target": "label", "exclude": ("row",), **settings}).load()


def parts_of(path, **settings):
    """Which rows are where, told by the row's number as the only feature."""
    others = tuple(n for n in HEADER if n not in ("row", "label", settings.get("group"), settings.get("order")))
    splits = load(path, scaling="none", exclude=others, **settings)
    return [getattr(splits, name).inputs[:, 0].long().numpy() for name in ("train", "val", "test")]


@pytest.mark.parametrize("missing", ["mean", "median", "most_frequent", "constant"])
@pytest.mark.parametrize("scaling", ["none", "standard", "minmax"])
@pytest.mark.parametrize("indicator", [False, True])
def test_features_equal_sklearns(table, missing, scaling, indicator):
    splits = load(table, missing=missing, scaling=scaling, indicator=indicator, fill_value=-7.0)
    rows = np.array([[np.nan if v == "" else v for v in row] for row in people()], dtype=object)
    rows[:, 1] = rows[:, 1].astype(float)
    train, val, test = (rows[part] for part in parts_of(table))
    scaler = {"none": "passthrough", "standard": StandardScaler(), "minmax": MinMaxScaler()}[scaling]
    numbers = make_pipeline(SimpleImputer(strategy=missing, fill_value=-7.0 if missing == "constant" else None), scaler)
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent" if missing == "most_frequent" else "constant", fill_value="~missing"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    reference = ColumnTransformer([("age", numbers, [1]), ("colour", words, [2]), ("size", numbers, [3])])
    expected = [reference.fit_transform(train), reference.transform(val), reference.transform(test)]
    got = [part.inputs.numpy() for part in (splits.train, splits.val, splits.test)]
    names = list(splits.spec.feature_names)
    if indicator:
        for name, column in (("age_missing", 1), ("colour_missing", 2)):
            gaps = np.array([v != v for v in train[:, column]], dtype=np.float32)
            assert np.array_equal(got[0][:, names.index(name)], gaps)
    kept = [i for i, name in enumerate(names) if not name.endswith("_missing")]
    assert len(kept) == len(names) - 2 * indicator
    for mine, other in zip(got, expected, strict=True):
        assert np.allclose(mine[:, kept], other.astype(float), atol=1e-5)


def test_nothing_of_val_and_test_leaks_into_training(tmp_path, table):
    """Other values in val and test rows: the training part stays as it was, to the bit."""
    before = load(table, indicator=True)
    rows = people()
    for i in np.concatenate(parts_of(table)[1:]):
        rows[i][1:4] = [1e6, "violet", 999]
    after = load(write(tmp_path / "changed.csv", HEADER, rows), indicator=True)
    assert torch.equal(before.train.inputs, after.train.inputs)
    assert before.spec == after.spec
    assert not torch.equal(before.val.inputs, after.val.inputs)
    # A category that training doesn't have is zero in all its features, and that is said.
    colours = [i for i, name in enumerate(after.spec.feature_names) if name.startswith("colour=")]
    assert torch.all(after.val.inputs[:, colours] == 0)
    assert any("'colour' not seen in training" in note for note in after.notes)


def test_regression_targets_do_not_leak_either(tmp_path):
    rng = np.random.default_rng(0)
    rows = [[i, float(rng.normal()), float(rng.normal(50, 9))] for i in range(60)]
    path = write(tmp_path / "a.csv", ["row", "x", "y"], rows)
    before = Csv(path=path, target="y").load()
    assert before.train.targets.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    plain = Csv(path=path, target="y", scaling="none", target_scaling="none").load()
    y = torch.cat([plain.train.targets, plain.val.targets, plain.test.targets]).ravel().sort().values
    assert torch.allclose(y, torch.tensor([row[2] for row in rows]).sort().values)
    assert before.spec.targets.mean == pytest.approx((plain.train.targets.double().mean().item(),), rel=1e-5)
    for i in torch.cat([plain.val.inputs, plain.test.inputs])[:, 0].long().tolist():
        rows[i][2] = 1e9
    after = Csv(path=write(tmp_path / "b.csv", ["row", "x", "y"], rows), target="y").load()
    assert torch.equal(before.train.targets, after.train.targets)


def test_drop_leaves_out_rows_with_gaps(table):
    splits = load(table, missing="drop")
    whole = sum("" not in row for row in people())
    assert sum(len(part) for part in (splits.train, splits.val, splits.test)) == whole
    assert f"{120 - whole} row(s) with missing values left out" in splits.notes


def test_planted_gaps_are_counted(table):
    ages = sum(row[1] == "" for row in people())
    colours = sum(row[2] == "" for row in people())
    assert f"missing values filled in (data.missing=mean): age {ages}, colour {colours}" in load(table).notes


def test_rows_without_a_target_are_left_out(tmp_path):
    rows = people(gaps=False)
    for row in rows[:12]:
        row[-1] = "NA"
    splits = load(write(tmp_path / "a.csv", HEADER, rows))
    assert sum(len(part) for part in (splits.train, splits.val, splits.test)) == 108
    assert "12 row(s) without a 'label' left out" in splits.notes


def test_a_column_without_a_training_value_is_left_out(tmp_path):
    rows = [[*row[:-1], "", row[-1]] for row in people(gaps=False)]
    splits = load(write(tmp_path / "a.csv", [*HEADER[:-1], "empty", "label"], rows))
    assert not any(name.startswith("empty") for name in splits.spec.feature_names)
    assert any("'empty' has no value" in note for note in splits.notes)


def test_classes_keep_their_shares(table):
    splits = load(table)
    assert splits.spec.class_names == ("no", "yes")
    labels = [row[-1] for row in people()]
    for part, share in zip((splits.train, splits.val, splits.test), (0.7, 0.15, 0.15), strict=True):
        for c, name in enumerate(splits.spec.class_names):
            assert abs((part.targets == c).sum().item() - share * labels.count(name)) < 1 + 1e-9


def test_a_group_never_straddles_and_is_no_feature(table):
    train, val, test = parts_of(table, group="size", split=(0.5, 0.25, 0.25))
    sizes = [{people()[i][3] for i in part} for part in (train, val, test)]
    assert sum(map(len, sizes)) == len(set().union(*sizes)) == 5
    assert all(sizes)
    assert "size" not in load(table, group="size").spec.feature_names


def test_too_few_groups_are_refused(tmp_path):
    rows = [[i, i, "x" if i < 5 else "y", 1, "ab"[i % 2]] for i in range(10)]
    with pytest.raises(RunFailed, match="2 groups can't fill 3 parts"):
        load(write(tmp_path / "a.csv", HEADER, rows), group="colour")


@pytest.mark.parametrize("form", ["{}", "2026-{:02d}-01", "2025-12-31T{:02d}:00:00"])
def test_the_split_by_time_never_looks_into_the_future(tmp_path, form):
    moments = np.random.default_rng(0).permutation(12) + 1
    rows = [[i, i % 3, form.format(moment), 0, "ab"[i % 2]] for i, moment in enumerate(moments)]
    path = write(tmp_path / "a.csv", HEADER, rows)
    train, val, test = (moments[part] for part in parts_of(path, order="colour", split=(0.5, 0.25, 0.25)))
    assert train.max() < val.min() <= val.max() < test.min()
    assert "colour" not in load(path, order="colour", split=(0.5, 0.25, 0.25)).spec.feature_names


def test_times_without_a_zone_are_utc_wherever_the_split_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "America/Lima")
    time.tzset()
    moments = ["2026-01-01T02:00:00", "2026-01-01T03:00:00+00:00", "2026-01-01T04:00:00", "2026-01-01T05:00:00Z"]
    rows = [[i, 0, moment, 0, i / 3] for i, moment in enumerate(moments)]
    path = write(tmp_path / "a.csv", HEADER, rows)
    try:
        parts = parts_of(path, order="colour", task="regression", split=(0.5, 0.25, 0.25))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert [part.tolist() for part in parts] == [[0, 1], [2], [3]]


def test_other_times_are_refused(table):
    with pytest.raises(RunFailed, match="ISO date"):
        load(table, order="label", target="size")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(tmp_path, delimiter, table):
    path = write(tmp_path / "other.csv", HEADER, people(), delimiter)
    with open(path, "rb") as file:
        assert read_header(file, path).delimiter == delimiter
    assert torch.equal(load(path).train.inputs, load(table).train.inputs)


def test_decimal_commas(tmp_path):
    rows = [[i, f"{i},5", "red", 1, "ab"[i % 2]] for i in range(30)]
    path = write(tmp_path / "a.csv", HEADER, rows, ";")
    splits = load(path, decimal=",", scaling="none", exclude=("row", "colour", "size"))
    assert splits.train.inputs.ravel().remainder(1).unique().tolist() == [0.5]


def test_quotes_bom_blank_lines_and_spaces(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('\ufeffname, x , y\n"a, b",1,2\n\n"say ""no""", ?,4\n', encoding="utf-8")
    columns = read_table(path, notation=Notation(("?",)))
    assert columns.columns == ["name", "x", "y"]
    assert columns["name"].to_list() == ["a, b", 'say "no"']
    assert columns["x"].to_list() == [1.0, None]


@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.sampled_from(["α", "b c", 'd"e', "f;g,h", ""])), min_size=1))
@settings(deadline=None, max_examples=40)
def test_what_is_written_is_read(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    write(path, ["number", "word"], [[repr(number), word] for number, word in rows])
    columns = read_table(path, kinds={"word": "words"})
    assert columns["number"].to_list() == [number for number, _ in rows]
    assert columns["word"].to_list() == [word or None for _, word in rows]


def test_the_task_is_told_from_the_target(table):
    assert load(table).spec.task == "classification"
    assert load(table, target="size").spec.class_names == ("1", "2", "3", "4", "5")
    regression = load(table, target="age")
    assert (regression.spec.task, regression.spec.targets.shape) == ("regression", (1,))
    assert regression.train.targets.shape == (len(regression.train), 1)
    assert load(table, target="size", task="regression").spec.task == "regression"
    assert Csv(path=table, target="age").probe() == Spec(None, Field("table"))
    assert Csv(path=table, target="age", task="regression").probe() == Spec(
        "regression", Field("table"), Field("values")
    )


def test_impossible_tasks_are_refused(table, tmp_path):
    with pytest.raises(RunFailed, match="holds text such as 'no'"):
        load(table, task="regression")
    with pytest.raises(RunFailed, match="too many to be classes"):
        load(table, target="age", task="classification")
    same = write(tmp_path / "a.csv", HEADER, [[*row[:-1], "yes"] for row in people()])
    with pytest.raises(RunFailed, match="every row has the 'label' 'yes'"):
        load(same)


def test_numeric_categories_are_encoded_when_named(table):
    names = load(table, categorical=("size",)).spec.feature_names
    assert [name for name in names if name.startswith("size")] == [f"size={n}" for n in range(1, 6)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": "lable"}, "data.target=lable.*Did you mean 'label'.*columns: row, age"),
        ({"group": "colur"}, "data.group=colur.*Did you mean 'colour'"),
        ({"order": "time"}, "data.order=time"),
        ({"categorical": ("sise",)}, "data.categorical=sise.*Did you mean 'size'"),
        ({"exclude": ("ow",)}, "data.exclude=ow.*Did you mean 'row'"),
        ({"group": "size", "order": "age"}, "exclude each other"),
        ({"exclude": ("label",)}, "another purpose"),
    ],
)
def test_unknown_columns_are_wrong_commands(table, settings, message):
    with pytest.raises(ConfigError, match=message):
        Csv(path=table, **{"target": "label", **settings}).probe()


def test_a_missing_file_is_a_wrong_command(table, tmp_path):
    with pytest.raises(ConfigError, match=r"Did you mean 'people\.csv'"):
        Csv(path=str(tmp_path / "peple.csv"), target="label").probe()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\n1\n", "1 column"),
        ("", "0 column"),
        ("1,2,3\n4,5,6\n", "holds numbers"),
        ("a,,c\n", "column 2 has no name"),
        ("a,b,a\n", "'a' stands there twice"),
    ],
)
def test_headers_that_are_none(tmp_path, content, message):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(ConfigError, match=message):
        column_names(tmp_path / "a.csv")


def test_mistakes_are_named_by_line_and_column(tmp_path):
    rows = people(gaps=False)
    rows[30][1] = "4O.5"
    with pytest.raises(RunFailed, match=r"line 32, column 'age': '4O\.5' is no finite number, as 119 others"):
        load(write(tmp_path / "a.csv", HEADER, rows))
    rows[30] = [1, 2, 3]
    with pytest.raises(RunFailed, match="line 32: 3 values, but the first line names 5"):
        load(write(tmp_path / "b.csv", HEADER, rows))
    rows[30] = [30, "inf", "red", 1, "yes"]
    with pytest.raises(RunFailed, match=r"line 32.*'inf' is no finite number"):
        load(write(tmp_path / "c.csv", HEADER, rows))


def test_identifiers_and_free_text_are_refused_until_named(tmp_path):
    rows = [[f"id{row[0]}", *row[1:]] for row in people()]
    path = write(tmp_path / "a.csv", HEADER, rows)
    with pytest.raises(RunFailed, match=r"'row' holds 120 different texts.*data.exclude=\[row\]"):
        load(path, exclude=())
    assert load(path, exclude=(), categorical=("row",)).spec.input_shape[0] > 60


def test_numbers_among_gaps_of_another_name_are_told_from_free_text(tmp_path):
    rows = [["keine" if row[0] % 4 == 0 else row[0], *row[1:]] for row in people()]
    path = write(tmp_path / "a.csv", HEADER, rows)
    with pytest.raises(RunFailed, match=r"'row' holds 90 different numbers, and texts that are none, such as 'keine'"):
        load(path, exclude=())
    assert load(path, exclude=(), na_values=("keine",)).spec.feature_names[0] == "row"
    pandas = [["n/a" if row[0] % 4 == 0 else row[0], *row[1:]] for row in people()]
    assert load(write(tmp_path / "b.csv", HEADER, pandas), exclude=()).spec.feature_names[0] == "row"


def test_a_column_that_counts_the_rows_is_told_of(tmp_path):
    path = write(tmp_path / "a.csv", HEADER, [[int(row[0]) + 7, *row[1:]] for row in people()])
    notes = load(path, exclude=()).notes
    assert [note for note in notes if "counts the rows" in note] == [
        "column 'row' counts the rows, as an identifier does; data.exclude=[row] leaves it out"
    ]
    assert not any("counts the rows" in note for note in load(path, exclude=("row",)).notes)


def test_decimal_commas_are_named_until_they_are_read(tmp_path):
    lines = [f"{i % 7},5;{'yes' if i % 2 else 'no'}" for i in range(40)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["length;buys", *lines]))
    with pytest.raises(RunFailed, match=r"'length' holds texts such as '0,5'.*\"data\.decimal=','\""):
        load(path, target="buys", exclude=())
    assert load(path, target="buys", exclude=(), decimal=",").spec.feature_names == ("length",)


def test_other_encodings_are_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes("a,b\nä,1\n".encode("latin1"))
    with pytest.raises(RunFailed, match="UTF-8"):
        read_table(tmp_path / "a.csv")


def test_a_part_that_would_be_empty_is_refused(tmp_path):
    with pytest.raises(RunFailed, match="leaves no example for"):
        load(write(tmp_path / "a.csv", HEADER, people(3, gaps=False)), task="regression", target="size")


def test_fraction_statistics_come_from_what_is_kept(table):
    part = load(table, fraction=0.3).train.inputs
    ages = load(table, fraction=0.3).spec.feature_names.index("age")
    assert part[:, ages].mean().item() == pytest.approx(0, abs=1e-5)
    assert len(part) == pytest.approx(0.3 * 84, abs=1)


def test_a_missing_word_is_a_category_of_its_own(table):
    """Not the most frequent word, which says what nobody knows; most_frequent is to be asked for."""
    rows = people()
    missing = [i for i in parts_of(table)[0] if rows[i][2] == ""]
    splits = load(table)
    names = splits.spec.feature_names
    assert [name for name in names if name.startswith("colour")] == [
        "colour=blue", "colour=green", "colour=red", "colour=(missing)"
    ]  # fmt: skip
    assert splits.train.inputs[:, names.index("colour=(missing)")].sum() == len(missing)
    assert "colour=(missing)" not in load(table, missing="most_frequent").spec.feature_names


def test_a_column_of_dates_is_a_few_numbers(tmp_path):
    rows = [[i, f"2025-{i % 12 + 1:02d}-{i % 28 + 1:02d}", "red", 1, i / 7] for i in range(120)]
    path = write(tmp_path / "a.csv", ["row", "when", "colour", "size", "label"], rows)
    names = load(path).spec.feature_names
    assert [name for name in names if name.startswith("when")] == [
        "when_days", "when_day_of_year_sin", "when_day_of_year_cos", "when_day_of_week_sin", "when_day_of_week_cos"
    ]  # fmt: skip
    assert len(load(path, categorical=("when",)).spec.feature_names) > 50


def test_na_values_add_to_the_usual_ones(tmp_path):
    rows = people()
    rows[5][1], rows[6][1] = "unknown", "-1"
    path = write(tmp_path / "a.csv", HEADER, rows)
    gaps = sum(row[1] == "" for row in rows)
    notes = load(path, na_values=("unknown", "-1")).notes
    assert any(f"age {gaps + 2}," in note for note in notes)
    one_gap = write(tmp_path / "c.csv", ["x", "y"], [["" if i == 3 else i, i % 2] for i in range(40)])
    with pytest.raises(RunFailed, match=r"line 5, column 'x': '' is no finite number"):
        load(one_gap, target="y", exclude=(), na_values=("unknown",), keep_default_na=False)
    words = load(write(tmp_path / "b.csv", ["w", "y"], [["NA" if i % 2 else "DE", i] for i in range(40)]), target="y",
                 exclude=(), keep_default_na=False)  # fmt: skip
    assert words.spec.feature_names == ("w=DE", "w=NA")


def test_a_folder_is_said_to_be_one_with_the_tables_in_it(tmp_path, table):
    with pytest.raises(ConfigError, match=r"this is a folder\. Expected a CSV or parquet file; in it: people\.csv\."):
        Csv(path=str(tmp_path), target="label").probe()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="there is none in it"):
        Csv(path=str(tmp_path / "empty"), target="label").probe()


def test_parquet_gives_what_csv_gives(tmp_path, table):
    frame = pl.read_csv(table)
    frame.write_parquet(tmp_path / "people.parquet")
    for choices in (
        {},
        {"target": "age", "group": "colour"},
        {"order": "row", "exclude": ()},
        {"categorical": ("size",)},
    ):
        one, other = (load(path, missing="drop", **choices) for path in (table, str(tmp_path / "people.parquet")))
        assert one.spec == other.spec
        assert torch.equal(one.train.inputs, other.train.inputs)
        assert torch.equal(one.train.targets, other.train.targets)
    with pytest.raises(ConfigError, match="Did you mean 'label'"):
        Csv(path=str(tmp_path / "people.parquet"), target="lable").probe()


def test_several_targets_are_each_brought_to_a_scale_of_their_own(tmp_path):
    draw = np.random.default_rng(0)
    rows = [[i, draw.normal(), draw.normal(1000, 50), draw.normal(-2, 0.1)] for i in range(100)]
    rows[3][2] = ""
    path = write(tmp_path / "a.csv", ["row", "x", "price", "rent"], rows)
    splits = load(path, target=("price", "rent"), split=(0.8, 0.2, 0.0))
    assert (splits.spec.task, splits.spec.targets.shape) == ("regression", (2,))
    assert splits.spec.feature_names == ("x",)
    targets = splits.train.targets
    assert targets.shape == (79, 2)
    assert torch.allclose(targets.mean(0), torch.zeros(2), atol=1e-5)
    assert torch.allclose(targets.std(0, correction=0), torch.ones(2), atol=1e-5)
    assert "1 row(s) without a 'price' or 'rent' left out" in splits.notes
    alone = load(path, target="rent", exclude=("row", "price"), split=(0.8, 0.2, 0.0))
    assert alone.train.targets.shape == (80, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": ("size", "aeg")}, "data.target=aeg.*Did you mean 'age'"),
        ({"target": ("size", "size")}, "another purpose"),
        ({"target": ()}, r"data.target=\[\]: expected a column.*row, age"),
        ({"target": ("size", "age"), "task": "classification"}, "classification predicts one column"),
    ],
)
def test_impossible_targets_are_wrong_commands(table, settings, message):
    with pytest.raises(ConfigError, match=message):
        Csv(path=table, **settings).probe()
