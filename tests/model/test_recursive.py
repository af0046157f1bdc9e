"""Forecasts that are fed back: against powers of a coefficient, a loop by hand over the table, and direct ones."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from runner.data.csv_series import CsvSeries
from runner.data.membrane import Membrane
from runner.errors import ConfigError, Interrupted
from runner.model.layers.recursive import Recursive, one_step
from runner.run import evaluate_run, resume
from tests.cli.conftest import say as say
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep
from tests.trained import with_data

PHI = 0.8
RECURSIVE = ("data.strategy=recursive", "data.length=6", "data.horizon=4", "trainer.images=0")


class Last(nn.Module):
    """``phi x`` of the last step."""

    def __init__(self, phi):
        super().__init__()
        self.phi = phi

    def forward(self, x):
        return self.phi * x[:, -1]


@settings(max_examples=25, deadline=None)
@given(st.floats(-1, 1), st.floats(-5, 5), st.integers(1, 12))
def test_an_autoregressive_process_is_told_by_powers_of_its_coefficient(phi, x, horizon):
    spec = Membrane(length=3, horizon=horizon, strategy="recursive").facts(("voltage",), (), ("voltage",))
    assert (spec.num_outputs, one_step(spec).num_outputs) == (horizon, 1)
    told = Recursive(Last(phi), spec)(torch.tensor([[[9.0], [7.0], [x]]]), torch.zeros(1, horizon - 1, 0))
    expected = [phi**step * x for step in range(1, horizon + 1)]
    torch.testing.assert_close(told, torch.tensor([expected]), atol=1e-5, rtol=1e-5)


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Two series and a plan on which the first depends in the same step, by the hour."""
    monkeypatch.chdir(tmp_path)
    random, plan = np.random.default_rng(0), np.arange(400) * 7 % 5 / 2
    a = np.zeros(400)
    for step in range(1, 400):
        a[step] = PHI * a[step - 1] + plan[step] + 0.01 * random.normal()
    b = 10 + np.sin(np.arange(400) / 3)
    times = [f"2026-01-{1 + step // 24:02d}T{step % 24:02d}:00" for step in range(400)]
    rows = zip(times, a.tolist(), b.tolist(), plan.tolist(), strict=True)
    Path("table.csv").write_text("t,a,b,plan\n" + "\n".join(f"{t},{x!r},{y!r},{z!r}" for t, x, y, z in rows))
    return np.stack([a, b, plan], axis=1)


def option(**more):
    settings = {"columns": ("a", "b"), "targets": ("b", "a"), "known": ("plan",), "scaling": "none", "stride": 3}
    return CsvSeries(path="table.csv", length=6, horizon=4, strategy="recursive", **(settings | more))


def test_a_loop_by_hand_over_the_table(table):
    data = option().load()
    network = nn.Sequential(nn.Flatten(), nn.Linear(18, 2)).eval()
    batch = data.val.read(torch.arange(len(data.val)))
    with torch.no_grad():
        told = Recursive(network, data.spec)(batch.inputs, **batch.more)
    weight, bias = (p.detach().double().numpy() for p in network.parameters())
    for row in range(len(data.val)):
        present = 280 + 3 * row + 6  # the first step to be told: validation begins at 280
        seen = table[:present, :2].tolist()
        for step in range(4):
            plan = table[present + step - 5 : present + step + 1, 2]
            b, a = weight @ np.column_stack([seen[-6:], plan]).ravel() + bias
            seen.append([a, b])
            np.testing.assert_allclose(told[row, 2 * step : 2 * step + 2].numpy(), [b, a], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(batch.targets[row].numpy(), table[present : present + 4, [1, 0]], rtol=1e-6)


def test_the_next_step_alone_is_learnt():
    data = Membrane(length=6, horizon=4, strategy="recursive", stride=2).load()
    rows = torch.tensor([5, 0, len(data.train) - 1])
    learnt, scored = data.train.for_learning(), data.train
    assert len(learnt) == len(scored)
    assert torch.equal(learnt.read(rows).inputs, scored.read(rows).inputs)
    assert torch.equal(learnt.read(rows).targets, scored.read(rows).targets[:, :1])
    assert (learnt.read(rows).more, scored.read(rows).more["future"].shape) == ({}, (3, 3, 0))
    direct = Membrane(length=6, horizon=4, stride=2).load().train
    assert direct.for_learning() is direct
    assert torch.equal(direct.read(rows).targets, scored.read(rows).targets)


CSV = ("data=csv_series", "data.path=table.csv", "data.columns=[a]", "data.known=[plan]", "data.order=t")


def test_a_linear_network_learns_the_coefficient_and_tells_a_file_as_evaluation_saw_it(table, go, say):
    linear = ("model.hidden=[]", "optimizer=adam", "optimizer.lr=0.03", "trainer.max_epochs=60", "data.batch_size=64")
    result = go(*CSV, *RECURSIVE, "data.calendar=[time_of_day]", *linear, "data.forecast=every")
    assert result["test"]["mae"] < 0.1 * table[:, 0].std()
    network, data = with_data("run")
    batch = data.test.read(torch.arange(len(data.test)))
    outputs = network.outputs(batch)
    values = network.task.answers(outputs, None).numpy()
    for row in range(len(data.test)):
        present, last = 340 + row + 6, None
        for step in range(4):  # what the process says: phi x and the plan of the step
            last = PHI * (table[present - 1, 0] if last is None else last) + table[present + step, 2]
            assert abs(values[row, step] - last) < 0.5
    assert evaluate_run("run", "test")["mae"] == pytest.approx(
        np.abs(values - np.stack([table[340 + row + 6 :, 0][:4] for row in range(len(values))])).mean(), rel=1e-4
    )
    lines = Path("table.csv").read_text().splitlines()
    ahead = [",".join([t, "", b, plan]) for t, _, b, plan in (line.split(",") for line in lines[398:401])]
    Path("test.csv").write_text("\n".join([lines[0], *lines[341:398], *ahead]))
    answer = say("predict", "run", "test.csv", "--output", "told.csv")
    assert answer.code == 0, answer.err
    told = np.genfromtxt("told.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    np.testing.assert_allclose([told[f"prediction_{step}"] for step in range(1, 5)], values.T, rtol=1e-4)


def test_a_file_without_anything_known_in_advance(table, go, say):
    go("data=csv_series", "data.path=table.csv", "data.columns=[a,b]", *RECURSIVE, "trainer.max_epochs=1")
    network, data = with_data("run")
    values = network.task.answers(network.outputs(data.test.read(torch.tensor([len(data.test) - 1]))), None)
    lines = Path("table.csv").read_text().splitlines()
    Path("history.csv").write_text("\n".join([lines[0], *lines[391:397]]))  # four steps before the end
    answer = say("predict", "run", "history.csv", "--format", "jsonl")
    assert answer.code == 0, answer.err
    row = json.loads(answer.out)
    assert list(row)[1:3] == ["prediction_a_1", "prediction_b_1"]
    np.testing.assert_allclose(list(row.values())[1:], values[0].numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    "more",
    [("model=gru", "model.hidden=8", "trainer.precision=bf16"), ("model.hidden=[8]", "regularization=[ema]")],
)
def test_interrupted_and_resumed_equals_uninterrupted(table, go, more):
    more = (*CSV, *RECURSIVE, *more, "trainer.max_epochs=2", "data.batch_size=50", "trainer.log_every=1")
    go(*more, folder="whole")
    with pytest.raises(Interrupted):
        go(*more, folder="cut", progress=StopAtStep(3))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []


def test_plain_models_are_those_of_direct_forecasts(table, go, say):
    scores = {}
    for strategy in ("direct", "recursive"):
        answer = say("baseline", *CSV, *RECURSIVE[1:], f"data.strategy={strategy}", "data.seasons=[5]")
        assert answer.code == 0, answer.err
        file = max(Path("outputs/baselines").glob("*/baselines.json"), key=lambda file: file.stat().st_mtime_ns)
        scores[strategy] = json.loads(file.read_text())["scores"]
    assert scores["direct"] == scores["recursive"]
    go(*CSV, *RECURSIVE, "trainer.max_epochs=1")
    answer = say("baseline", "run")
    assert answer.code == 0, answer.err
    assert "linear" in answer.out


@pytest.mark.parametrize(
    ("override", "says"),
    [
        (("data.targets=[a]", "data.columns=[a,b]"), "nothing would tell b"),
        (("loss=quantile",), "tells quantiles"),
        (("data.strategy=recursiv",), "recursive"),
        (("data=elecdemand",), "data.temperature=false"),
    ],
)
def test_what_can_not_be_fed_back_is_refused(table, go, override, says):
    with pytest.raises(ConfigError, match=says):
        go(*CSV, *RECURSIVE, *override) if override[0] != "data=elecdemand" else go(*RECURSIVE, *override)
