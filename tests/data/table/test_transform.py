"""Fitted on the training part, and the same to the last bit on any frame later."""

import io
import math
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from runner.data.table.encoding import Outcomes
from runner.data.table.transform import TableTransform
from runner.errors import RunFailed


def frame(n=200, seed=0, gaps=0.15):
    draw = np.random.default_rng(seed)
    keep = lambda values: [None if draw.random() < gaps else v for v in values]  # noqa: E731
    start = datetime(2020, 1, 1)
    return pl.DataFrame(
        {
            "age": keep(draw.normal(40, 12, n)),
            "size": keep(draw.integers(0, 5, n).astype(float)),
            "colour": keep(draw.choice(["red", "green", "blue"], n)),
            "when": keep([start + timedelta(minutes=int(m)) for m in draw.integers(0, 10**6, n)]),
        }
    )


def fitted(raw, **settings):
    transform = TableTransform(**settings)
    transform.fit(raw)
    return transform


def feature(transform, inputs, name):
    return inputs[:, transform.feature_names.index(name)]


@pytest.mark.parametrize("missing", ["mean", "median", "most_frequent", "constant"])
@pytest.mark.parametrize("scaling", ["standard", "minmax"])
def test_what_is_fitted_equals_sklearns(missing, scaling):
    raw = frame().select("age", "size", "colour")
    transform = fitted(raw, missing=missing, scaling=scaling, fill_value=3.0)
    numbers = raw.select("age", "size").to_numpy()
    imputer = SimpleImputer(strategy=missing, fill_value=3.0 if missing == "constant" else None).fit(numbers)
    assert [column.measures[0].fill for column in transform.columns[:2]] == pytest.approx(imputer.statistics_.tolist())
    scaler = (StandardScaler if scaling == "standard" else MinMaxScaler)().fit(imputer.transform(numbers))
    shift, spread = (scaler.mean_, scaler.scale_) if scaling == "standard" else (scaler.data_min_, scaler.data_range_)
    assert [column.measures[0].shift for column in transform.columns[:2]] == pytest.approx(shift.tolist())
    assert [column.measures[0].spread for column in transform.columns[:2]] == pytest.approx(spread.tolist())
    words = raw["colour"].fill_null("~" if missing != "most_frequent" else raw["colour"].drop_nulls().mode()[0])
    encoder = OneHotEncoder(sparse_output=False).fit(words.to_numpy()[:, None])
    assert np.array_equal(transform(raw)[:, 2:].numpy(), encoder.transform(words.to_numpy()[:, None]))


@pytest.mark.parametrize("indicator", [False, True])
def test_state_goes_through_a_checkpoint_and_back(indicator):
    raw = frame()
    transform = fitted(raw, indicator=indicator)
    file = io.BytesIO()
    torch.save(transform.state_dict(), file)
    file.seek(0)
    again = TableTransform(indicator=indicator)
    again.load_state_dict(torch.load(file, weights_only=True))
    assert again.feature_names == transform.feature_names
    assert torch.equal(again(raw), transform(raw))


@given(st.integers(0, 199), st.integers(1, 40))
@settings(deadline=None, max_examples=30)
def test_rows_are_the_same_to_the_bit_whatever_stands_beside_them(start, length):
    raw = frame()
    transform = fitted(raw, indicator=True)
    assert torch.equal(transform(raw[start : start + length]), transform(raw)[start : start + length])


def test_texts_are_read_as_the_types_were():
    """A row of a CSV file gives what the typed row gave; so does a file with types for a network of texts."""
    raw = frame()
    transform = fitted(raw)
    texts = raw.with_columns(pl.col("when").dt.to_string("iso:strict")).select(pl.all().cast(pl.String)).fill_null("")
    assert torch.equal(transform(texts), transform(raw))
    whole = pl.DataFrame({"size": ["1", "2", "10", None]})
    of_words = fitted(whole)
    for dtype in (pl.Int8, pl.Int64, pl.Float32, pl.Float64, pl.Categorical):
        typed = whole["size"].cast(pl.Int64).cast(dtype) if dtype != pl.Categorical else whole["size"].cast(dtype)
        assert torch.equal(of_words(typed.to_frame()), of_words(whole)), dtype


def test_decimal_commas_and_gaps_are_read_as_in_training():
    transform = fitted(
        pl.DataFrame({"x": [1.0, 2.5]}), scaling="none", decimal=",", na_values=("-", "-9"), missing="constant"
    )
    assert transform(pl.DataFrame({"x": [" 2,5", "-", "-9", "3"]})).ravel().tolist() == [2.5, 0, 0, 3]
    assert transform(pl.DataFrame({"x": [2, -9]})).ravel().tolist() == [2, 0]


def test_order_and_further_columns_do_not_matter():
    raw = frame()
    transform = fitted(raw)
    turned = raw.select(pl.lit("x").alias("more"), *reversed(raw.columns))
    assert torch.equal(transform(turned), transform(raw))


def test_a_missing_column_is_named_with_the_nearest():
    raw = frame()
    with pytest.raises(RunFailed, match=r"no column 'colour'.*Did you mean 'color'\? Given: age, size, color, when"):
        fitted(raw)(raw.rename({"colour": "color"}))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("age", "4O", r"Row 2, column 'age': '4O' is no finite number"),
        ("age", "inf", r"Row 2, column 'age': 'inf' is no finite number"),
        ("when", "31.5.2026", r"Row 2, column 'when': '31.5.2026' is no ISO date"),
        ("when", "2026-02-30", r"Row 2, column 'when': '2026-02-30' is no ISO date"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(column, value, message):
    good = {"age": "40", "size": "1", "colour": "red", "when": "2026-05-31"}
    with pytest.raises(RunFailed, match=message):
        fitted(frame())(pl.DataFrame([good, {**good, column: value}]))


def test_an_unseen_word_is_zero_everywhere_and_said_once():
    transform = fitted(pl.DataFrame({"colour": ["red", "blue"]}))
    for _ in range(2):
        assert transform(pl.DataFrame({"colour": ["violet", None, "red"]})).tolist() == [[0, 0], [0, 0], [0, 1]]
    (note,) = transform.notes
    assert note == "a 'colour' not seen in training (such as 'violet'): zero in all its features"
    transform = fitted(pl.DataFrame({"colour": ["red", "blue"]}))
    transform(pl.DataFrame({"colour": [None, "red"]}))
    assert list(transform.notes) == ["an empty 'colour' not seen in training: zero in all its features"]


def test_a_word_that_reads_as_a_gap_does_is_no_second_category():
    assert fitted(pl.DataFrame({"c": ["(missing)", None, "a"]})).feature_names == ("c=(missing)", "c=a")


def test_a_column_of_all_gaps_is_left_out_and_a_constant_one_is_zero():
    raw = pl.DataFrame({"none": pl.Series([None, None], dtype=pl.Float64), "same": [0.1, 0.1]})
    transform = fitted(raw)
    assert transform.feature_names == ("same",)
    assert transform(raw).tolist() == [[0.0], [0.0]]


def test_dates_are_a_trend_and_places_in_the_year_the_week_and_the_day():
    moments = [datetime(1970, 1, 1), datetime(2024, 2, 29, 6, 0, 59), datetime(2026, 12, 31, 18)]
    raw = pl.DataFrame({"d": moments})
    transform = fitted(raw, scaling="none")
    inputs = transform(raw)
    assert feature(transform, inputs, "d_days").tolist() == pytest.approx(
        [(m - datetime(1970, 1, 1)).total_seconds() / 86400 for m in moments], rel=1e-6
    )
    for turn, position, steps in (
        ("day_of_year", [m.timetuple().tm_yday - 1 for m in moments], 366),
        ("day_of_week", [m.weekday() for m in moments], 7),
        ("time_of_day", [m.hour * 60 + m.minute for m in moments], 1440),
    ):
        for name, function in (("sin", math.sin), ("cos", math.cos)):
            expected = [function(2 * math.pi * p / steps) for p in position]
            assert feature(transform, inputs, f"d_{turn}_{name}").tolist() == pytest.approx(expected, abs=1e-6)
    assert len(transform.feature_names) == 7
    assert len(fitted(raw.select(pl.col("d").dt.date())).feature_names) == 5  # without a time of day


@pytest.mark.parametrize("indicator", [False, True])
@pytest.mark.parametrize("scaling", ["none", "standard", "minmax"])
def test_as_a_module_it_gives_the_same_to_the_bit(indicator, scaling):
    raw = frame().select("age", "size").with_columns(whole=pl.int_range(200).cast(pl.Float64))
    transform = fitted(raw, indicator=indicator, scaling=scaling)
    module = transform.module()
    assert module is not None
    assert torch.equal(module(torch.from_numpy(raw.to_numpy())), transform(raw))
    exported = torch.export.export(module, (torch.zeros(4, 3, dtype=torch.float64),))
    assert torch.equal(exported.module()(torch.from_numpy(raw.to_numpy()[:4].copy())), transform(raw)[:4])


def raw_numbers(transform, raw):
    """The rows as a module takes them: of a word its place, of one that training had not -1, of dates microseconds."""
    columns, _ = transform.understand(raw)
    rows = []
    for column in transform.columns:
        values = columns[column.name]
        if column.kind == "words":
            places = {word: place for place, word in enumerate(column.words)}
            rows.append([math.nan if word is None else places.get(word, -1) for word in values])
        elif column.kind == "date":
            rows.append(values.dt.epoch("us").cast(pl.Float64).to_numpy())
        else:
            rows.append(values.to_numpy())
    return torch.from_numpy(np.array(rows, dtype=np.float64).T.copy())


@pytest.mark.parametrize("encoding", ["onehot", "ordinal", "target", "embedding"])
@pytest.mark.parametrize("scaling", ["none", "robust", "quantile", "power"])
@pytest.mark.parametrize(("missing", "indicator"), [("mean", True), ("most_frequent", False)])
def test_a_module_has_words_dates_and_every_scaling(encoding, scaling, missing, indicator):
    def rows(words, seed):
        rng = np.random.default_rng(seed)
        start, number = datetime(1890, 3, 1), 150
        moments = [start + timedelta(minutes=int(m)) for m in rng.integers(0, 10**8, number)]
        leap = [datetime(year, month, day) for year in (1900, 2000, 2023, 2024) for month, day in ((3, 1), (12, 31))]
        return pl.DataFrame({
            "number": [None if i % 9 == 0 else x for i, x in enumerate(rng.integers(-5, 5, number) * 1.5)],
            "large": rng.integers(0, 3, number) * 1e13,
            "same": [0.1] * number,
            "word": [words[i] for i in rng.integers(0, len(words), number)],
            "time": [*moments[:-9], None, *leap],
            "day": [moment.date() for moment in moments],
        })  # fmt: skip

    train, later = rows(["red", "blue", None], 0), rows(["red", "green", "", None], 1)
    outcomes = Outcomes(np.random.default_rng(2).random((150, 2)), ("a", "b"), np.arange(150) % 5)
    transform = TableTransform(missing, indicator=indicator, scaling=scaling, encoding=encoding)
    transform.fit(train, outcomes)
    for part in (train, later):
        batch, made = transform.batch(part), transform.module()(raw_numbers(transform, part))
        inputs, *categories = made if isinstance(made, tuple) else (made,)
        torch.testing.assert_close(inputs, batch.inputs, rtol=0, atol=1e-6)
        assert all(torch.equal(one, batch.more["categories"]) for one in categories)
        assert len(categories) == (encoding == "embedding")


def test_a_gap_among_dates_is_filled_in_each_of_their_numbers():
    raw = pl.DataFrame({"d": [datetime(2026, 3, 4), None, datetime(2026, 8, 9)]})
    inputs = fitted(raw, scaling="none")(raw)
    assert torch.allclose(inputs[1], (inputs[0] + inputs[2]) / 2, atol=1e-5)
