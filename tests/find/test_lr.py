"""The range test: its curve against a loop written out, its suggestions on curves of known shape, nothing changed."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from runner.errors import ConfigError
from runner.find.lr import Curve, find_lr, moving_average, range_test
from runner.find.trial import trial
from runner.run import compose
from tests.faults.kill_resume import same


def curve_of(function, n=200, start=1e-7, end=10.0):
    lrs = np.geomspace(start, end, n)
    return Curve(lrs.tolist(), [float(function(math.log10(lr))) for lr in lrs])


def test_moving_average_is_the_weighted_mean_of_what_came_before():
    losses = np.random.default_rng(0).normal(size=50)
    for n, value in enumerate(moving_average(losses.tolist()), start=1):
        weights = 0.9 ** np.arange(n)[::-1]
        assert value == pytest.approx(np.average(losses[:n], weights=weights))


def test_the_smoothed_curve_does_not_lag():
    """A symmetric bump stays where it is."""
    curve = curve_of(lambda x: -math.exp(-((x + 3) ** 2)))
    assert abs(math.log10(curve.lrs[int(np.argmin(curve.smoothed))]) + 3) < 0.05


def test_suggestions_on_a_fall_of_known_place():
    """Flat up to 1e-4, down along a line to 1e-2, up from there: with a little noise."""
    noise = np.random.default_rng(1).normal(0, 0.01, 500)
    draws = iter(noise)
    curve = curve_of(lambda x: 2.0 - np.clip(x + 4, 0, 2) + np.clip(x + 2, 0, 9) ** 2 + next(draws), n=500)
    found = {name: math.log10(rate) for name, rate in curve.suggestions().items()}
    assert list(found) == ["valley", "steepest", "minimum/10"]
    assert found["valley"] == pytest.approx(-3, abs=0.15)
    assert -4 <= found["steepest"] <= -2
    assert found["minimum/10"] == pytest.approx(-2.75, abs=0.35)  # the smoothed minimum lies a little up the slope


@pytest.mark.parametrize("function", [lambda x: 1.0, lambda x: x, lambda x: 3 + math.exp(x)])
def test_no_suggestion_where_the_loss_falls_nowhere(function):
    assert curve_of(function).suggestions() == {}
    assert curve_of(function, n=1).suggestions() == {}


@pytest.mark.parametrize("seed", range(20))
def test_chance_alone_is_no_fall(seed):
    draw = np.random.default_rng(seed)
    assert curve_of(lambda x: 2.3 + draw.normal(0, 0.1)).suggestions() == {}


OVERRIDES = ["trainer.threads=1", "model.hidden=[8]", "optimizer=sgd", "model.norm=batch", "regularization=[dropout]"]


@pytest.fixture
def tried(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with trial(compose([*OVERRIDES, "optimizer.params.patterns={output.*:{lr_factor:10}}"])) as made:
        yield made


def test_nothing_is_changed(tried):
    from copy import deepcopy

    from runner.engine.loop import Saver

    before, rate = deepcopy(Saver(tried.fit).content()), tried.fit.learning_rate
    curve = range_test(tried, 1e-4, 1.0, 30)
    assert len(curve.losses) > 10
    assert same(before, Saver(tried.fit).content()) == []
    assert tried.fit.learning_rate is rate
    assert range_test(tried, 1e-4, 1.0, 30).losses == curve.losses
    assert list(Path().iterdir()) == []


def test_the_curve_is_that_of_gradient_descent_written_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain = [*OVERRIDES[:3], "optimizer.params.patterns={output.*:{lr_factor:10}}"]
    with trial(compose(plain)) as tried:
        curve = range_test(tried, 1e-3, 1.0, 60)  # more than an epoch
        model, updates = tried.fit.model, tried.updates()
        for number, lr in enumerate(np.geomspace(1e-3, 1.0, 60)):
            (batch,) = next(updates)
            loss = torch.nn.functional.cross_entropy(model(batch.inputs), batch.targets)
            assert curve.losses[number] == pytest.approx(loss.item(), rel=1e-4)
            assert curve.lrs[number] == pytest.approx(lr)
            grads = torch.autograd.grad(loss, list(model.parameters()))
            with torch.no_grad():
                for (name, p), g in zip(model.named_parameters(), grads):
                    p -= lr * (10 if name.startswith("output") else 1) * g


def test_ends_when_the_loss_diverges(tried):
    curve = range_test(tried, 1e-3, 1e6, 100)
    assert len(curve.losses) < 100
    smoothed = moving_average(curve.losses)
    assert all(value <= 4 * min(smoothed[: i + 1]) for i, value in enumerate(smoothed[:-1]))


def test_finds_a_rate_that_trains(go, tmp_path):
    common = [*OVERRIDES, "model.hidden=[64]", "trainer.max_epochs=8"]
    lr = find_lr(compose(common)).suggestions()["valley"]
    result = go(*common, f"optimizer.lr={lr:.2g}")
    worse = go(*common, f"optimizer.lr={lr / 100:.2g}", folder="b")
    assert result["val"]["accuracy"] > 0.9 > worse["val"]["accuracy"]


def test_picture_and_table(tmp_path):
    curve = curve_of(lambda x: 2.0 - np.clip(x + 4, 0, 2) + np.clip(x + 2, 0, 9) ** 2)
    table, picture = curve.write(tmp_path)
    rows = list(csv.DictReader(table.open()))
    assert [float(row["lr"]) for row in rows] == curve.lrs
    assert [float(row["smoothed"]) for row in rows] == curve.smoothed
    assert Image.open(picture).size[0] > 500


def test_on_the_command_line(command):
    code, out, error = command("find-lr", *OVERRIDES, "--steps", "150", "--end=1")
    assert (code, error) == (0, "")
    last = out.splitlines()[-1]
    assert last.startswith("optimizer.lr=")
    check, _, error = command("check", last)
    assert (check, error) == (0, "")
    assert {p.suffix for p in Path("outputs/find-lr").glob("*/*")} == {".png", ".csv"}
    assert not Path("outputs/runs").exists()


def test_the_range_is_1e_7_to_10_unless_told(command):
    command("find-lr", *OVERRIDES, "--steps", "10")
    [table] = Path("outputs/find-lr").glob("*/curve.csv")
    lrs = [float(row["lr"]) for row in csv.DictReader(table.open())]
    assert len(lrs) > 5  # it may end early
    assert lrs == pytest.approx([1e-7 * 10 ** (8 * t / 9) for t in range(len(lrs))])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", "5"], "at least 10 steps"),
        (["--start", "2", "--end", "1"], "0 < start < end"),
        (["--steps", "many"], "expected an integer"),
        (["optimizer=admw"], "Did you mean 'adamw'"),
        (["--multirun"], "one configuration"),
    ],
)
def test_wrong_commands(command, words, message):
    code, _, error = command("find-lr", *words)
    assert code == 2
    assert message in error
    with pytest.raises(ConfigError):
        find_lr(compose(OVERRIDES), 0.0)
