"""What is typed by habit of another sweeper is refused by name, and ours is named."""

from __future__ import annotations

import json

import pytest
import yaml
from hydra.core.config_store import ConfigStore

from runner.errors import ConfigError
from runner.sweep.habits import KEYS, SAMPLERS, SWEEPERS, refuse_choice
from runner.sweep.samplers import GP, CmaEs
from runner.sweep.settings import make_sampler
from tests.cli.conftest import say  # noqa: F401


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("hydra.sweeper.n_jobs=2", "Write hydra.sweeper.workers"),
        ("+hydra.sweeper.n_jobs=2", "Write hydra.sweeper.workers"),
        ("hydra.sweeper.direction=maximize", r"Write hydra.sweeper.directions=\[maximize\]"),
        ("hydra.sweeper.max_failure_rate=0.5", "Write hydra.sweeper.max_failures"),
        ("hydra.sweeper.custom_search_space=a.b", "{space: .., when: 'KEY=VALUE'}"),
        ("hydra.sweeper.max_batch_size=4", "There are no batches"),
        ("hydra.sweeper.search_space={x: 1}", "Write hydra.sweeper.params"),
        ("hydra.sweeper.ax_config.max_trials=4", "Write n_trials for max_trials"),
        ("hydra.sweeper.optim.budget=4", "Write n_trials for budget"),
        ("hydra.sweeper.parametrization={x: 1}", "Write hydra.sweeper.params"),
        ("hydra.sweeper.n_trails=4", "Did you mean 'n_trials'"),
        ("+hydra.sweeper.zzzzz=4", "hydra.sweeper has no key 'zzzzz'. Keys: sampler, pruner, n_trials"),
        ("hydra.sweeper.sampler.seed=4", "Write hydra.sweeper.seed"),
        ("hydra.sweeper.sampler.n_ei_candidate=4", "Did you mean 'n_ei_candidates'"),
        ("hydra.sweeper.sampler.n_startup_trials=0", "expected a whole number of at least 1"),
        ("hydra.sweeper.sampler.n_startup_trials=true", "expected a number"),
        ("hydra.sweeper.sampler=tpe", "no sampler. One is chosen as the sweeper"),
        ("hydra.sweeper.sampler._target_=pathlib.Path", "no sampler. One is chosen as the sweeper"),
        ("hydra.sweeper.sampler._target_=no.such.Thing", "no sampler. One is chosen as the sweeper"),
        ("+hydra/sweeper/sampler=tpe", "Write hydra/sweeper=bayes"),
    ],
)
def test_unknown_settings_in_any_application(app, override, message):
    with pytest.raises(ConfigError, match=message.replace("{", r"\{")):
        app("sphere", "x=1,2", override, sweeper="bayes")
    assert not app.folder.exists()


@pytest.mark.parametrize(
    ("sampler", "arguments", "message"),
    [
        (CmaEs, {"sigma0": None, "popsize": 4}, None),
        (CmaEs, {"sigma0": 0.5}, None),
        (CmaEs, {"sigma0": 0}, "sigma0=0: expected a number above 0"),
        (CmaEs, {"popsize": 1}, "popsize=1: expected a whole number of at least 2"),
        (GP, {"deterministic_objective": True}, None),
        (GP, {"deterministic_objective": 1}, "expected true or false"),
    ],
)
def test_arguments_of_samplers(sampler, arguments, message):
    given = {"_target_": f"{sampler.__module__}.{sampler.__name__}", **arguments}
    if message is None:
        assert isinstance(make_sampler(given), sampler)
    else:
        with pytest.raises(ConfigError, match=message):
            make_sampler(given)


def test_a_launcher_that_is_not_installed_is_refused(app):
    node = {"_target_": "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher", "n_jobs": 4}
    ConfigStore.instance().store(group="hydra/launcher", name="joblib", node=node)
    with pytest.raises(ConfigError, match=r"hydra/launcher=joblib: Unknown plugin class.*hydra.sweeper.workers=4"):
        app("sphere", "x=1,2", "hydra/launcher=joblib")
    assert not app.folder.exists()


def test_a_name_and_a_folder_both_count(app):
    app("sphere", "x=1,2", "hydra.sweeper.study_name=mine")
    told = yaml.safe_load((app.folder / "sweep.yaml").read_text())
    assert told["name"] == "mine"
    assert told["study"].startswith("mine-")
    with pytest.raises(ConfigError, match=r"with name mine, this command says other.*hydra.sweep.dir=DIR"):
        app("sphere", "x=1,2", "hydra.sweeper.study_name=other")
    moved = app.folder.rename(app.folder.with_name("moved"))
    app("sphere", "x=1,2,3", "hydra.sweeper.study_name=mine", f"hydra.sweep.dir={moved}")
    assert len(json.loads((moved / "result.json").read_text())["best"]) == 1
    assert yaml.safe_load((moved / "sweep.yaml").read_text())["name"] == "mine"


@pytest.mark.parametrize(
    ("choice", "ours"),
    [(f"hydra/sweeper={name}", ours) for name, ours in SWEEPERS.items()]
    + [(f"hydra/sweeper/sampler={name}", ours) for name, ours in SAMPLERS.items()],
)
def test_choices_of_others(choice, ours):
    with pytest.raises(ConfigError, match=f"Write hydra/sweeper={ours}"):
        refuse_choice(choice)


def test_our_own_program(say):  # noqa: F811
    for words, message in (
        (("--multirun", "hydra/sweeper=optuna", "optimizer=sgd,adam"), "Write hydra/sweeper=bayes"),
        (("--multirun", "hydra/sweeper/sampler=tpe", "optimizer=sgd,adam"), "Write hydra/sweeper=bayes"),
        (("--multirun", "hydra.sweeper.n_jobs=2", "optimizer=sgd,adam"), "Write hydra.sweeper.workers"),
        (("check", "--multirun", "hydra.sweeper.n_job=2", "optimizer=sgd,adam"), "hydra.sweeper has no key 'n_job'"),
        (("hydra.sweeper.n_jobs=2",), "Write hydra.sweeper.workers"),
    ):
        answer = say(*words)
        assert (answer.code, answer.out) == (2, "")
        assert message in answer.err


def test_no_key_of_ours_is_taken_for_anothers():
    from dataclasses import fields

    from runner.sweep.settings import Settings

    assert not KEYS.keys() & {field.name for field in fields(Settings)}
