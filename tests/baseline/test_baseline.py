"""Baselines are scikit-learn's on the very rows of a run, scored as a run is, and a run that loses is told of."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    r2_score,
    root_mean_squared_error,
)

from runner.config.check import check_run
from runner.data.edge_list import EdgeList
from runner.run import compose, run
from runner.run.assembly import load_data
from tests.cli.conftest import say as say


def written(name):
    return json.loads((Path("outputs/baselines") / name / "baselines.json").read_text())


def arrays(*overrides):
    data = load_data(check_run(compose(list(overrides))))
    return {name: (part.inputs.flatten(1).numpy(), part.targets.numpy()) for name, part in data.parts.items()}, data


def test_scores_of_a_classification_are_those_of_sklearn(say):
    assert say("baseline", "data=breast_cancer").code == 0
    told = written("breast_cancer")
    parts, _ = arrays("data=breast_cancer")
    models = {
        "constant": DummyClassifier(strategy="prior"),
        "linear": LogisticRegression(max_iter=1000),
        "boosting": HistGradientBoostingClassifier(random_state=0),
    }
    assert list(told["scores"]["test"]) == list(models) and told["verdicts"] == []
    for name, model in models.items():
        model.fit(*parts["train"])
        for part in ("val", "test"):
            inputs, of = parts[part]
            probabilities, predicted = model.predict_proba(inputs), model.predict(inputs)
            (scores,) = told["scores"][part][name][:1]
            assert scores["accuracy"] == pytest.approx(accuracy_score(of, predicted))
            assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(of, predicted))
            assert scores["f1"] == pytest.approx(f1_score(of, predicted, average="macro"))
            assert scores["loss"] == pytest.approx(log_loss(of, probabilities), rel=1e-3, abs=1e-6)


def test_a_network_with_one_output_and_a_metric_of_choice(say):
    answer = say("baseline", "data=breast_cancer", "loss=binary_cross_entropy", "metric=[auroc]", "--seeds", "1")
    assert answer.code == 0, answer.err
    one = written("breast_cancer")["scores"]["test"]["linear"][0]
    assert say("baseline", "data=breast_cancer", "metric=[auroc]", "--seeds", "1").code == 0
    two = written("breast_cancer-2")["scores"]["test"]["linear"][0]
    assert one == pytest.approx(two, rel=1e-3) and one["auroc"] > 0.9


def test_the_weights_that_a_run_tested_are_judged(say):
    words = ["data=breast_cancer", "trainer.max_epochs=3", "optimizer.lr=0.003", "monitor=train/loss", "mode=max"]
    result = run(compose([*words, "trainer.test_weights=last", "trainer.threads=1"]), Path("late"))
    assert result["best_epoch"] == 1
    assert say("baseline", "late", "--seeds", "1").code == 0
    assert written("late")["scores"]["test"]["run"][0]["loss"] == pytest.approx(result["test"]["loss"], rel=1e-6)


def test_a_run_that_loses_is_told_of(say):
    run(compose(["data=diabetes", "trainer.max_epochs=1", "optimizer.lr=1e-6", "trainer.threads=1"]), Path("bad"))
    answer = say("baseline", "bad")
    assert answer.code == 0, answer.err
    told = written("bad")
    parts, data = arrays("data=diabetes")
    mean, std = data.spec.targets.mean[0], data.spec.targets.std[0]
    for name, model in (("linear", Ridge()), ("boosting", HistGradientBoostingRegressor(random_state=0))):
        inputs, values = parts["test"]
        model.fit(parts["train"][0], parts["train"][1].ravel())
        expected, given = values[:, 0] * std + mean, model.predict(inputs) * std + mean
        scores = told["scores"]["test"][name][0]
        assert scores["r2"] == pytest.approx(r2_score(expected, given), rel=1e-4)
        assert scores["rmse"] == pytest.approx(root_mean_squared_error(expected, given), rel=1e-4)
    result = json.loads(Path("bad/result.json").read_text())
    assert told["scores"]["test"]["run"][0] == pytest.approx(result["test"], rel=1e-6)
    assert told["scores"]["val"]["run"][0] == pytest.approx(result["val"], rel=1e-6)
    assert "the run LOSES TO linear: mae" in answer.out and "the run LOSES TO boosting" in answer.out
    assert len(told["verdicts"]) == 3


def test_several_targets_labels_and_images(say):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(120, 3))
    lines = ["a,b,c,sum,product,red,big"]
    for a, b, c in rows:
        lines.append(f"{a},{b},{c},{a + b},{a * b},{int(a > 0)},{int(b + c > 0)}")
    Path("t.csv").write_text("\n".join(lines) + "\n")
    base = ["data=csv", "data.path=t.csv", "--seeds", "1"]
    assert say("baseline", *base, "data.target=[sum,product]", "data.exclude=[red,big]").code == 0
    scores = written("csv")["scores"]["test"]
    assert scores["linear"][0]["rmse"] < scores["constant"][0]["rmse"]
    command = [*base, "data.target=[red,big]", "data.task=multilabel", "data.exclude=[sum,product]"]
    assert say("baseline", *command).code == 0
    scores = written("csv-2")["scores"]["test"]
    assert scores["linear"][0]["hamming_accuracy"] > 0.9 > scores["constant"][0]["hamming_accuracy"]
    answer = say("baseline", "data.fraction=0.2", "--seeds", "1", "name=small")
    assert answer.code == 0 and written("small")["scores"]["test"]["linear"][0]["accuracy"] > 0.8


def test_balance_is_that_of_the_command(say):
    assert say("baseline", "data=wine", "balance=undersampling", "--seeds", "1").code == 0
    constant = written("wine")["scores"]["val"]["constant"][0]
    assert constant["loss"] == pytest.approx(np.log(3), rel=1e-4)  # of classes that are equally frequent


def test_nodes_are_told_by_their_own_features(say):
    graph = Path(__file__).parent.parent / "data/graph"
    words = [f"data.nodes={graph}/nodes.csv", f"data.edges={graph}/edges.csv", "data.target=label"]
    assert say("baseline", "data=edge_list", *words, "--seeds", "1").code == 0
    scores = written("edge_list")["scores"]["val"]
    data = EdgeList(nodes=f"{graph}/nodes.csv", edges=f"{graph}/edges.csv", target="label").load()
    (train, labels), (val, expected) = (
        (part.features[part.nodes].numpy(), part.labels[part.nodes].numpy()) for part in (data.train, data.val)
    )
    linear = LogisticRegression(max_iter=1000).fit(train, labels)
    assert scores["linear"][0]["accuracy"] == pytest.approx(linear.score(val, expected))
    assert set(scores) == {"constant", "linear", "boosting"}


def test_what_has_no_baseline_is_refused(say):
    for words, reason in (
        (("data=python_source", "data.masked=0.15"), "and these data are for masked"),
        (("data=digit_sequences",), "and these data are for sequence"),
        (("data=digit_sequences", "model.hidden=[3]"), "model=mlp takes rows of a table"),
        (("data=digits_stream",), "come as a stream"),
        (("no/such/run",), "no/such/run"),
        (("--seeds", "0"), "expected a whole number of at least 1"),
    ):
        answer = say("baseline", *words)
        assert (answer.code, reason in answer.err) == (2, True), answer.err
