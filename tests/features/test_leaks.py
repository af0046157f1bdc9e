"""No statistic of an encoder, a scaler, a step or a selection knows the validation and test part."""

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.config.check import check_run
from runner.config.options import Options
from runner.data.csv import Csv
from runner.run import compose
from runner.run.assembly import features, load_data

ROWS = 60
FEATURES = sorted(set(Options().names("features")) - {"none"})


def table(seed=0):
    draw = np.random.default_rng(seed)
    gaps = lambda values: [None if draw.random() < 0.1 else v for v in values]  # noqa: E731
    return pl.DataFrame(
        {
            "part": np.arange(ROWS) % 4,  # 0 and 1: train, 2: val, 3: test
            "x": gaps(draw.normal(size=ROWS)),
            "z": draw.lognormal(size=ROWS),
            "word": gaps(draw.choice(["a", "b", "c"], ROWS)),
            "y": draw.choice(["no", "yes"], ROWS),
        }
    )


def changed(seed):
    """The same training rows; everything else of the others, targets too."""
    frame, draw = table(), np.random.default_rng(seed)
    other = pl.DataFrame(
        {
            "part": frame["part"],
            "x": draw.normal(50, 30, ROWS),
            "z": draw.lognormal(3, 2, ROWS),
            "word": draw.choice(["c", "d", "e"], ROWS),
            "y": draw.choice(["no", "yes"], ROWS),
        }
    )
    return frame.with_columns(
        [pl.when(pl.col("part") < 2).then(frame[n]).otherwise(other[n]).alias(n) for n in ["x", "z", "word", "y"]]
    )


def write(frame, folder):
    frame = frame.drop("part")
    frame.write_csv(folder / "table.csv")
    parts = table()["part"].replace_strict({0: "train", 1: "train", 2: "val", 3: "test"}, return_dtype=pl.String)
    (folder / "parts.txt").write_text("\n".join(parts) + "\n")


def same(one, other):
    assert repr(one.transform.state_dict()) == repr(other.transform.state_dict())
    assert one.spec.inputs == other.spec.inputs
    assert one.spec.more == other.spec.more
    assert torch.equal(one.train.inputs, other.train.inputs)
    assert all(torch.equal(one.train.more[key], other.train.more[key]) for key in one.train.more)


@given(
    st.sampled_from(["onehot", "ordinal", "target", "embedding"]),
    st.sampled_from(["standard", "minmax", "robust", "quantile", "power"]),
    st.sampled_from(["mean", "median", "most_frequent"]),
    st.integers(0, 10**6),
)
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_encoders_and_scalers(tmp_path, encoding, scaling, missing, seed):
    loaded = []
    for frame in (table(), changed(seed)):
        write(frame, tmp_path)
        option = Csv(
            path=str(tmp_path / "table.csv"), target="y", encoding=encoding, scaling=scaling, missing=missing,
            split_file=str(tmp_path / "parts.txt"),
        )  # fmt: skip
        loaded.append(option.load())
    same(*loaded)
    assert not torch.equal(loaded[0].val.inputs, loaded[1].val.inputs)


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("seed", [1, 2])
def test_steps_that_make_features(tmp_path, name, seed):
    loaded = []
    for frame in (table(), changed(seed)):
        write(frame, tmp_path)
        words = ["data=csv", f"data.path={tmp_path}/table.csv", "data.target=y", f"features=[{name}]"]
        words += [f"data.split_file={tmp_path}/parts.txt", *(["features.select.k=2"] if name == "select" else [])]
        loaded.append(load_data(check_run(compose(words))))
    same(*loaded)
    assert not torch.equal(loaded[0].val.inputs, loaded[1].val.inputs)


def test_the_order_is_that_of_the_classes_not_that_typed():
    orders = [
        list(features(check_run(compose(["data=wine", f"features=[{typed}]"]))))
        for typed in ("pca,select,polynomial,binning", "binning,polynomial,select,pca")
    ]
    assert orders[0] == orders[1] == ["binning", "polynomial", "select", "pca"]
