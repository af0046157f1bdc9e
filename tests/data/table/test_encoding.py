"""What words become, against scikit-learn and by the formula."""

import io

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.preprocessing import OrdinalEncoder, StandardScaler, TargetEncoder

from runner.cli.verbs import answer
from runner.data.csv import Csv
from runner.data.parts.split import folds
from runner.data.table.encoding import Outcomes, outcomes, target_encodings
from runner.data.table.targets import Targets
from runner.data.table.transform import TableTransform
from runner.errors import ConfigError
from runner.run import compose, load, run
from runner.run.assembly import load_data

WORDS = ("red", "green", "blue", "grey")


def rows(n=150, seed=0, classes=2):
    draw = np.random.default_rng(seed)
    colour = draw.choice(WORDS, n, p=[0.5, 0.3, 0.15, 0.05])
    label = (np.array([WORDS.index(c) for c in colour]) + draw.integers(0, 2, n)) % classes
    return pl.DataFrame(
        {
            "row": np.arange(n),
            "x": draw.normal(size=n).round(4),
            "colour": colour,
            "shape": draw.choice(["round", "square"], n),
            "label": [f"class {k}" for k in label],
            "price": (label + draw.normal(size=n)).round(4),
        }
    )


@pytest.fixture
def table(tmp_path):
    def write(name="table.csv", **settings):
        frame = rows(**settings)
        frame.write_csv(tmp_path / name)
        return str(tmp_path / name), frame

    return write


def parts(path, **settings):
    """Row numbers of the training and validation part, told by a column."""
    data = Csv(path=path, scaling="none", exclude=("colour", "shape", "x"), **settings).load()
    at = data.spec.feature_names.index("row")
    return [getattr(data, name).inputs[:, at].long().numpy() for name in ("train", "val")]


def test_ordinal_codes_are_sklearns():
    train, later = rows(60), pl.DataFrame({"colour": ["grey", "violet", "blue"]})
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    scaler = StandardScaler()
    expected = scaler.fit_transform(encoder.fit_transform(train.select("colour").to_numpy()))
    transform = TableTransform(encoding="ordinal")
    assert np.allclose(transform.training(train.select("colour")).inputs, expected, atol=1e-6)
    assert np.allclose(transform(later), scaler.transform(encoder.transform(later.to_numpy())), atol=1e-6)
    assert transform.feature_names == ("colour",)
    assert transform.undo(transform(later)) == [{"colour": "grey"}, {"colour": None}, {"colour": "blue"}]
    assert list(transform.notes) == ["a 'colour' not seen in training (such as 'violet'): -1, before it is scaled"]


@pytest.mark.parametrize(("target", "classes"), [("label", 2), ("label", 3), ("price", 2)])
def test_target_encodings_are_sklearns_out_of_fold_in_training_and_of_all_of_it_later(table, target, classes):
    path, frame = table(classes=classes)
    other = {"label": "price", "price": "label"}[target]
    train, val = parts(path, target=target)
    option = Csv(path=path, target=target, exclude=("row", "x", other), scaling="none", encoding="target")
    data = option.load()
    labels = frame["label"].cast(pl.Enum(sorted(set(frame["label"])))).to_physical().to_numpy()
    y = frame[target].to_numpy() if target == "price" else labels
    x = frame.select("colour", "shape").to_numpy()
    of = y[train] if target == "label" else np.zeros(len(train), dtype=np.int64)
    fold = folds(of, 5, option.split_seed)
    encoder = TargetEncoder(cv=[(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(5)])
    assert np.allclose(data.train.inputs, encoder.fit_transform(x[train], y[train]), atol=1e-6)
    assert np.allclose(data.val.inputs, encoder.transform(x[val]), atol=1e-6)
    unseen = pl.DataFrame({"colour": ["violet"], "shape": ["round"]})
    assert np.allclose(data.transform(unseen), encoder.transform(unseen.to_numpy()), atol=1e-6)
    names = [f"colour_class {k}" for k in range(3)] if classes == 3 else ["colour"]
    assert list(data.spec.feature_names[: len(names)]) == names
    assert not np.allclose(data.train.inputs, encoder.transform(x[train]))  # which would give targets away


def test_a_target_encoding_is_the_mean_of_its_word_drawn_towards_that_of_all():
    codes = np.array([0] * 6 + [1] * 2 + [2])
    y = np.array([1.0, 2, 3, 4, 5, 9, 10, 20, 7])
    (table,), _ = target_encodings(codes, Outcomes(y[:, None], ("",), np.arange(9) % 3))
    for word, encoded in enumerate(table[:-1]):
        of = y[codes == word]
        smooth = of.var() / y.var()
        assert encoded == pytest.approx((len(of) * of.mean() + smooth * y.mean()) / (len(of) + smooth))
    assert table[-1] == pytest.approx(y.mean())


def test_several_targets_are_encoded_each_and_a_group_stays_in_one_fold(table):
    path, frame = table()
    frame = frame.with_columns(rent=pl.col("price") * 2 + 1, who=pl.col("row") // 5)
    frame.write_csv(path)
    option = Csv(path=path, target=("price", "rent"), exclude=("row", "x", "label"), encoding="target", group="who")
    data = option.load()
    assert data.spec.feature_names == ("colour_price", "colour_rent", "shape_price", "shape_rent")
    # Scaled alike, since one is a multiple of the other.
    assert torch.allclose(data.train.inputs[:, 0], data.train.inputs[:, 1], atol=1e-5)
    groups = np.repeat(np.arange(10), 3)
    of = outcomes(Targets("regression", np.zeros((30, 1)), ("y",)), np.arange(30), groups, 0)
    assert all(len(set(of.fold[groups == g])) == 1 for g in range(10))


def test_embedded_words_are_numbers_beside_the_inputs():
    train = pl.DataFrame({"colour": ["red", None, "blue"], "x": [1.0, 2.0, 3.0], "shape": ["a", "b", "a"]})
    transform = TableTransform(encoding="embedding", scaling="none")
    batch = transform.training(train)
    assert transform.feature_names == ("x",)
    assert batch.inputs.tolist() == [[1], [2], [3]]
    assert batch.more["categories"].tolist() == [[1, 0], [2, 1], [0, 0]]
    assert batch.more["categories"].dtype == torch.int64
    field = transform.more["categories"]
    assert (field.names, field.sizes, field.shape) == (("colour", "shape"), (4, 3), (2,))
    later = transform.batch(pl.DataFrame({"shape": ["c", None], "x": [0.0, 1.0], "colour": ["violet", None]}))
    assert later.more["categories"].tolist() == [[3, 2], [2, 2]]
    assert any("an entry of its own" in note for note in transform.notes)


@pytest.mark.parametrize("encoding", ["onehot", "ordinal", "target", "embedding"])
def test_state_goes_through_a_checkpoint_and_back(encoding):
    raw = rows(80)
    made_of = Outcomes(raw["price"].to_numpy()[:, None], ("",), np.arange(80) % 5)
    transform = TableTransform(encoding=encoding, indicator=True)
    transform.fit(raw.drop("label", "price"), made_of)
    file = io.BytesIO()
    torch.save(transform.state_dict(), file)
    file.seek(0)
    again = TableTransform(encoding=encoding, indicator=True)
    again.load_state_dict(torch.load(file, weights_only=True))
    one, other = transform.batch(raw), again.batch(raw)
    assert torch.equal(one.inputs, other.inputs)
    assert again.more == transform.more
    assert all(torch.equal(one.more[key], other.more[key]) for key in one.more)


@pytest.mark.parametrize("encoding", ["ordinal", "target", "embedding"])
def test_a_network_is_trained_and_predicts_without_its_data(table, tmp_path, encoding, capsys):
    path, frame = table(n=80)
    words = ["data=csv", f"data.path={path}", "data.target=label", "data.exclude=[row,price]", "trainer.max_epochs=2"]
    words += [f"data.encoding={encoding}", "trainer.device=cpu", "model.hidden=[4]"]
    run(compose(words), tmp_path / "run")
    network = load(tmp_path / "run")
    data = load_data(network.recipe)
    raw = frame.select("shape", "x", "colour")
    rows = parts(path, target="label")[1]
    together = network.outputs(data.val.read(torch.arange(len(data.val))))
    assert torch.equal(network.outputs(network.transform.batch(raw[rows])), together)
    raw.write_csv(tmp_path / "new.csv")
    code = answer(["predict", str(tmp_path / "run"), str(tmp_path / "new.csv")])
    assert code == 0, capsys.readouterr().err
    code = answer(["explain", str(tmp_path / "run"), "--examples", "2"])
    assert code == 0, capsys.readouterr().err


def test_mixing_examples_is_refused_and_so_is_a_network_without_categories(table, monkeypatch):
    from runner.config.check import check_run
    from runner.model.mlp import MLP

    path, _ = table()
    words = ["data=csv", f"data.path={path}", "data.target=label", "data.encoding=embedding"]
    with pytest.raises(ConfigError, match=r"regularization=mixup: mixes examples.*data.encoding=onehot"):
        check_run(compose([*words, "regularization=[mixup]"]))
    check_run(compose(words))
    monkeypatch.setattr(MLP, "categories", False)
    with pytest.raises(ConfigError, match=r"model=mlp: takes no categories.* or data.encoding=onehot"):
        check_run(compose(words))
