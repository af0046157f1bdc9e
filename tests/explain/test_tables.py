"""Importances are scikit-learn's, Shapley values those of their definition, and columns stand in their own units."""

import csv
import itertools
import math

import numpy as np
import pytest
import torch
from captum import attr
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.inspection import permutation_importance

from runner.explain import method_named
from runner.explain.report.files import Asked, explain
from runner.explain.subject.columns import columns_of
from runner.explain.subject.explained import Explained
from runner.run import compose, load, run
from runner.run.assembly import load_data
from tests.run.conftest import write_table


@pytest.fixture(scope="module")
def data(table_run):
    return load_data(load(table_run).recipe)


def quiet(*_):
    pass


class Wrapped(ClassifierMixin, BaseEstimator):
    """The network as scikit-learn knows classifiers."""

    def __init__(self, network):
        self.network = network
        self.classes_ = np.arange(network.spec.num_classes)

    def fit(self, x, y):
        return self

    def predict(self, x):
        with torch.no_grad():
            return self.network.model(torch.from_numpy(x)).argmax(1).numpy()


def test_permutation_importance_is_scikit_learns(wine, data):
    test = data.test.read(torch.arange(len(data.test)))
    expected = permutation_importance(
        Wrapped(wine), test.inputs.numpy(), test.targets.numpy(), scoring="accuracy", n_repeats=10, random_state=0
    )
    method = method_named("permutation_importance")(Explained(wine), None, lambda: data)
    rows = method.explain([], quiet).facts["columns"]
    assert [row["importance"] for row in rows] == sorted((row["importance"] for row in rows), reverse=True)
    found = {row["column"]: row for row in rows}
    names = list(data.spec.feature_names)
    assert sorted(found) == sorted(names)
    assert np.abs(expected.importances_mean).max() > 0.01
    for name, mean, deviation in zip(names, expected.importances_mean, expected.importances_std):
        assert found[name]["importance"] == pytest.approx(mean, abs=1e-6)
        assert found[name]["standard_deviation"] == pytest.approx(deviation, abs=1e-6)


def test_shapley_values_sum_to_the_difference_from_the_base_value(wine, data, tmp_path):
    explanation = explain(wine, tmp_path, (), Asked(("shap",), examples=4))["shap"]
    others = data.train.sample(32, 0).inputs
    for row in explanation.facts["examples"]:
        with torch.no_grad():
            outputs = wine.model(others)[:, wine.task.answer_names.index(row["explained"])]
        assert row["base_value"] == pytest.approx(float(outputs.mean()), abs=1e-5)
        assert sum(row["values"]) == pytest.approx(row["value"] - row["base_value"], abs=1e-4)


def mixed(go):
    """A network of a table with a number, a word and gaps."""
    write_table()
    quick = ("data=csv", "data.path=table.csv", "data.target=label", "data.exclude=[t]", "data.indicator=true")
    go(*quick, "model.hidden=[8]", "trainer.max_epochs=10", "optimizer.lr=0.05", "trainer.images=0")
    return load("run")


def test_columns_of_a_file_are_the_players(go):
    network = mixed(go)
    data = load_data(network.recipe)
    explained = Explained(network)
    columns = columns_of(explained)
    assert [column.name for column in columns] == ["size", "colour"]
    case = explained.case(data.test.read(torch.tensor([0])), "test 0")
    shares, base = method_named("shap")(explained, None, lambda: data).shares(case)
    others = data.train.sample(32, 0).inputs

    def value(players):  # of a coalition: its columns as in the example, all else as in the others
        inputs = others.clone()
        for player in players:
            inputs[:, list(columns[player].features)] = case.inputs[:, list(columns[player].features)]
        with torch.no_grad():
            return float(network.model(inputs)[:, case.target].mean())

    orders = list(itertools.permutations(range(2)))
    for player in range(2):
        gains = [value(o[: o.index(player) + 1]) - value(o[: o.index(player)]) for o in orders]
        assert float(shares[player]) == pytest.approx(sum(gains) / math.factorial(2), abs=1e-5)
    assert base == pytest.approx(value(()), abs=1e-5)
    without = method_named("occlusion")(explained, None, lambda: data).shares(case)[0]
    inputs = case.inputs.clone()
    inputs[:, list(columns[1].features)] = 0
    with torch.no_grad():
        fall = network.model(case.inputs) - network.model(inputs)
    assert float(without[1]) == pytest.approx(float(fall[0, case.target]), abs=1e-5)


def test_values_stand_in_their_units(go, tmp_path):
    network = mixed(go)
    (tmp_path / "new.csv").write_text("colour,size\nred,0.25\npurple,\ngreen,-1.5\n")
    explain(network, tmp_path / "out", ["new.csv"], Asked(("shap",)))
    with open(tmp_path / "out/shap.csv") as file:
        rows = list(csv.DictReader(file))
    assert [(row["example"], row["column"], row["value"]) for row in rows] == [
        ("new.csv:2", "size", "0.25"),
        ("new.csv:2", "colour", "red"),
        ("new.csv:3", "size", "(missing)"),
        ("new.csv:3", "colour", "(unknown)"),
        ("new.csv:4", "size", "-1.5"),
        ("new.csv:4", "colour", "green"),
    ]


def test_drawn_orders_are_captums(wine, data):
    explained = Explained(wine)
    case = explained.case(data.test.read(torch.tensor([3])), "test 3")
    shares = method_named("shap")(explained, None, lambda: data).shares(case)[0]
    others = data.train.sample(32, 0).inputs
    torch.manual_seed(1)
    many = attr.ShapleyValueSampling(wine.model).attribute(
        case.inputs.expand(32, -1), others, case.target, n_samples=200, perturbations_per_eval=13
    )
    assert torch.allclose(shares, many.mean(0), atol=0.15 * float(many.mean(0).abs().max()))
    assert np.corrcoef(shares, many.mean(0))[0, 1] > 0.97


@pytest.mark.parametrize("layer", [None, "linear1"])
def test_nearest_examples_are_those_of_a_brute_force(wine, data, layer):
    explained = Explained(wine)
    cases = [explained.case(data.test.read(torch.tensor([i])), f"test {i}") for i in range(5)]
    method = method_named("nearest_examples")(explained, layer, lambda: data)
    found = method.explain(cases, quiet).facts["examples"]

    def hidden(inputs):
        with torch.no_grad():
            given = wine.model.linear1(inputs)
            return (given if layer else wine.model.activation1(given)).numpy()

    train = data.train.read(torch.arange(len(data.train)))
    features = hidden(train.inputs)
    for row, case in zip(found, cases):
        distances = np.sqrt(((features - hidden(case.inputs)) ** 2).sum(1))
        order = np.argsort(distances, kind="stable")[:5]
        assert [near["example"] for near in row["nearest"]] == [f"train {i}" for i in order]
        assert [near["distance"] for near in row["nearest"]] == pytest.approx(distances[order].tolist(), rel=1e-4)
        names = [data.spec.class_names[int(train.targets[i])] for i in order]
        assert [near["truth"] for near in row["nearest"]] == names


def embedded(monkeypatch, tmp_path_factory):
    """A network of a number, an embedded word that is everything, and one that is nothing."""
    folder = tmp_path_factory.mktemp("embedded")
    monkeypatch.chdir(folder)
    draw = np.random.default_rng(0)
    colours, shapes = draw.choice(["red", "green", "blue"], 300), draw.choice(["round", "square"], 300)
    lines = ["x,colour,shape,label"]
    for x, colour, shape in zip(draw.normal(size=300), colours, shapes):
        shown = "" if colour == "blue" and x > 0.5 else colour
        lines.append(f"{x:.3f},{shown},{shape},{'yes' if colour == 'red' else 'no'}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    words = ["data=csv", "data.path=table.csv", "data.target=label", "data.encoding=embedding", "data.indicator=true"]
    words += ["model.hidden=[8]", "trainer.max_epochs=12", "optimizer.lr=0.02", "trainer.images=0", "trainer.threads=1"]
    run(compose(words), folder / "run", None, words)
    network = load("run")
    return network, load_data(network.recipe)


@pytest.fixture(scope="module")
def words_run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        yield embedded(patch, tmp_path_factory)


class Raw(ClassifierMixin, BaseEstimator):
    """A network of one number, an indicator and two embedded words, given as columns of numbers."""

    def __init__(self, network):
        self.network = network
        self.classes_ = np.arange(2)

    def fit(self, x, y):
        return self

    def predict(self, x):
        # x, colour with its indicator in the hundreds, shape
        numbers = torch.tensor(np.stack([x[:, 0], x[:, 1] // 100], 1), dtype=torch.float32)
        words = torch.tensor(np.stack([x[:, 1] % 100, x[:, 2]], 1)).long()
        with torch.no_grad():
            return self.network.model(numbers, categories=words).argmax(1).numpy()


def test_embedded_words_have_an_importance_and_it_is_scikit_learns(words_run):
    network, data = words_run
    test = data.test.read(torch.arange(len(data.test)))
    assert network.spec.feature_names == ("x", "colour_missing")
    rows = np.column_stack(
        [test.inputs[:, 0], test.more["categories"][:, 0] + 100 * test.inputs[:, 1], test.more["categories"][:, 1]]
    )
    expected = permutation_importance(
        Raw(network), rows, test.targets.numpy(), scoring="accuracy", n_repeats=10, random_state=0
    )
    method = method_named("permutation_importance")(Explained(network), None, lambda: data)
    found = {row["column"]: row["importance"] for row in method.explain([], quiet).facts["columns"]}
    assert next(iter(found)) == "colour" and len(found) == 3
    assert [found[name] for name in ("x", "colour", "shape")] == pytest.approx(expected.importances_mean, abs=1e-6)
    assert found["colour"] > 0.3 > 0.1 > abs(found["shape"])  # the truth: the label is the colour


def test_shapley_values_of_embedded_words_are_those_of_the_definition(words_run):
    network, data = words_run
    explained = Explained(network)
    columns = columns_of(explained)
    assert [(column.name, column.features) for column in columns] == [("x", (0,)), ("colour", (2, 1)), ("shape", (3,))]
    batch = data.test.read(torch.tensor([0]))
    case = explained.case(batch, "test 0")
    shares, base = method_named("shap")(explained, None, lambda: data).shares(case)
    others = data.train.sample(32, 0)

    def value(players):
        inputs, words = others.inputs.clone(), others.more["categories"].clone()
        if 0 in players:
            inputs[:, 0] = batch.inputs[0, 0]
        if 1 in players:
            inputs[:, 1], words[:, 0] = batch.inputs[0, 1], batch.more["categories"][0, 0]
        if 2 in players:
            words[:, 1] = batch.more["categories"][0, 1]
        with torch.no_grad():
            return float(network.model(inputs, categories=words)[:, case.target].mean())

    orders = list(itertools.permutations(range(3)))
    for player in range(3):
        gains = [value(o[: o.index(player) + 1]) - value(o[: o.index(player)]) for o in orders]
        assert float(shares[player]) == pytest.approx(sum(gains) / math.factorial(3), abs=1e-5)
    assert base == pytest.approx(value(()), abs=1e-5)
    assert shares.abs().argmax() == 1


def test_values_of_embedded_words_and_methods_that_have_none(words_run, tmp_path):
    network, _ = words_run
    (tmp_path / "new.csv").write_text("colour,shape,x\nred,round,0.25\n,square,1\npurple,round,2\n")
    for name in ("shap", "nearest_examples"):
        explain(network, tmp_path / name, [str(tmp_path / "new.csv")], Asked((name,)))
    with open(tmp_path / "shap/shap.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["value"] for row in rows if row["column"] == "colour"] == ["red", "(missing)", "(unknown)"]
    assert [row["value"] for row in rows if row["column"] == "shape"] == ["round", "square", "round"]
    for name in ("saliency", "integrated_gradients", "occlusion", "lime"):
        reason = method_named(name).refusal(Explained(network))
        assert reason and "shap and permutation_importance" in reason
