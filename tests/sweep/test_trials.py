"""What our own runs tell a sweep: the scores that they report, and which keys take whole numbers only."""

from __future__ import annotations

import pytest

from runner.cli.trials import Trials
from runner.config.compose import Command, compose_run
from runner.errors import ConfigError


def objectives(names, *overrides):
    cfg = compose_run(Command(["data=iris", *overrides]))
    trials = Trials()
    trials.check(cfg)
    return trials.objectives(cfg, names)


def test_names_and_directions():
    assert objectives([]) == {"val/loss": "minimize"}
    assert objectives([], "monitor=val_accuracy") == {"val/accuracy": "maximize"}
    assert objectives([], "mode=max") == {"val/loss": "maximize"}
    assert objectives(["val/loss", "seconds", "samples_per_second"]) == {
        "val/loss": "minimize",
        "seconds": "minimize",
        "samples_per_second": "maximize",
    }
    assert objectives(["overfitting/gap"], "diagnostics=overfitting") == {"overfitting/gap": "minimize"}
    assert objectives(["val/rmse"], "data=diabetes") == {"val/rmse": "minimize"}


@pytest.mark.parametrize("key", ["monitor", "hydra.sweeper.objectives"])
@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("val/rmse", (), "=val/rmse: no such score"),
        ("val/accuracy", ("data=diabetes",), "=val/accuracy: no such score"),
        ("overfitting/gap", (), "=overfitting/gap: no such score"),
        ("val/acuracy", (), "Did you mean 'val/accuracy'?"),
    ],
)
def test_a_run_and_a_sweep_refuse_the_same_scores(key, name, overrides, message):
    names, more = ([], (f"monitor={name}",)) if key == "monitor" else ([name], ())
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")) as refused:
        objectives(names, *overrides, *more)
    assert key in str(refused.value)


@pytest.mark.parametrize(
    ("key", "whole"),
    [
        ("seed", True),
        ("data.batch_size", True),
        ("trainer.max_epochs", True),
        ("regularization.early_stopping.patience", True),
        ("optimizer.lr", False),
        ("model.dropout", False),
        ("monitor", False),
        ("trainer.nothing", False),
        ("nothing.at.all", False),
    ],
)
def test_keys_that_take_whole_numbers_only(key, whole):
    cfg = compose_run(Command(["data=iris", "regularization=[early_stopping]"]))
    assert Trials().whole_numbers_only(cfg, key) is whole
