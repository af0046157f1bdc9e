"""Regression with several targets, each in its unit."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from runner.data.diabetes import Diabetes
from runner.errors import ConfigError, Interrupted
from runner.run import resume
from runner.task import task_named
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep
from tests.trained import with_data

TARGETS = ("data=diabetes", "data.targets=[bp,s5]", "trainer.images=0", "trainer.log_every=1")


def frame(rows, raw):
    return pl.DataFrame(rows, schema=list(raw.feature_names), orient="row")


def in_units(data, values):
    return values.double() * torch.tensor(data.spec.targets.std) + torch.tensor(data.spec.targets.mean)


def test_values_are_those_of_the_file_in_three_units():
    data = Diabetes(targets=("bp", "s5")).load()
    spec = data.spec
    assert spec.targets.names == ("progression", "bp", "s5")
    assert (spec.targets.shape, spec.num_outputs, spec.inputs.shape) == ((3,), 3, (8,))
    assert not {"bp", "s5"} & set(spec.inputs.names)
    assert (len(spec.targets.mean), len(spec.targets.std)) == (3, 3)
    reference = load_diabetes(scaled=False)
    expected = np.column_stack((reference.target, reference.data[:, [3, 8]]))
    found = torch.cat([in_units(data, part.targets) for part in data.parts.values()]).numpy()
    order, other = (np.lexsort(rows.round(4).T) for rows in (found, expected))
    np.testing.assert_allclose(found[order], expected[other], rtol=1e-5)
    torch.testing.assert_close(data.train.targets.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(data.train.targets.std(0, correction=0), torch.ones(3))


def test_one_target_is_what_it_was():
    data = Diabetes().load()
    assert (data.spec.targets.names, data.spec.targets.shape, data.train.targets.shape) == ((), (1,), (310, 1))


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "smooth_l1"])
def test_scores_are_sklearns_uniform_averages_and_better_than_the_means(go, loss):
    result = go(*TARGETS, f"loss={loss}", "trainer.max_epochs=15")
    network, data = with_data("run")
    model = network.model
    with torch.no_grad():
        outputs = model(data.val.inputs)
    true, told = in_units(data, data.val.targets).numpy(), in_units(data, outputs).numpy()
    for name, reference in (("mae", mean_absolute_error), ("rmse", root_mean_squared_error), ("r2", r2_score)):
        assert result["val"][name] == pytest.approx(reference(true, told, multioutput="uniform_average"), rel=1e-5)
    assert result["val"]["r2"] > 0.1
    rows = task_named("regression")(data.spec).rows(outputs)
    assert list(rows[0]) == ["prediction_progression", "prediction_bp", "prediction_s5"]
    np.testing.assert_allclose([list(row.values()) for row in rows], told, rtol=1e-6)
    assert 80 < rows[0]["prediction_bp"] < 120


def test_a_file_is_told_as_evaluation_saw_it(go):
    """The rows of the test part, found again among scikit-learn's raw ones, as a user's CSV file."""
    go(*TARGETS, "trainer.max_epochs=2")
    network, data = with_data("run")
    raw = load_diabetes(scaled=False)
    features = [raw.feature_names.index(name) for name in data.spec.inputs.names]
    seen = {tuple(row): number for number, row in enumerate(network.transform(frame(raw.data, raw)).tolist())}
    rows = raw.data[[seen[tuple(row)] for row in data.test.inputs.tolist()]][:, features]
    lines = [",".join(data.spec.inputs.names), *(",".join(map(repr, row)) for row in rows.tolist())]
    Path("test.csv").write_text("\n".join(lines) + "\n")
    made = torch.cat([network.transform.batch(r.examples).inputs for r in network.transform.read(["test.csv"], 50)])
    assert torch.equal(made, data.test.inputs)
    told = [row for r in network.transform.read(["test.csv"], 1000) for row in network.predict(r.examples)]
    assert told == network.task.rows(network.outputs(data.test.read(torch.arange(len(data.test)))))


@pytest.mark.parametrize(
    "more", [("trainer.accumulate=2", "optimizer=momentum", "optimizer.lr=0.001"), ("trainer.precision=bf16",)]
)
def test_interrupted_in_mid_epoch_and_resumed_equals_uninterrupted(go, more):
    overrides = (*TARGETS, *more, "trainer.max_epochs=2")
    go(*overrides, folder="whole")
    with pytest.raises(Interrupted):
        go(*overrides, folder="cut", progress=StopAtStep(3))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []


@pytest.mark.parametrize(
    ("targets", "says"),
    [
        ("[blood]", "expected measurements"),
        ("[bp,bp]", "each once"),
        ("[bq]", "Did you mean 'bp'"),
        ("all", "none is left"),
    ],
)
def test_targets_that_are_none(go, targets, says):
    targets = "[age,sex,bmi,bp,s1,s2,s3,s4,s5,s6]" if targets == "all" else targets
    with pytest.raises(ConfigError, match=says):
        go("data=diabetes", f"data.targets={targets}")
