"""The sweeper and its keys as an application's own config file says them, with values that refer to others."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import get_class
from omegaconf import OmegaConf

from runner.errors import ConfigError
from tests.apps.sphere import sphere

KEYS = "x: 10.0\ny: 10.0\nz: foo\nerror: false\nsleep: 0.0\nseed: 0\nbudget: 3\nname: mine\nvalues: 1,2\n"


@pytest.fixture
def show(tmp_path, monkeypatch, capfd):
    """What a dry run says of an application with a config file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")

    def give(text, *words):
        (tmp_path / "conf").mkdir(exist_ok=True)
        (tmp_path / "conf/config.yaml").write_text(text + KEYS)
        monkeypatch.setattr(sys, "argv", ["sphere", *words, "hydra.sweeper.dry_run=true"])
        GlobalHydra.instance().clear()
        task = sphere.__wrapped__
        hydra.main(version_base=None, config_path=str(tmp_path / "conf"), config_name="config")(task)()
        return capfd.readouterr().out

    return give


def test_the_sweeper_its_mode_and_its_params(show):
    said = show(
        """
defaults: [override hydra/sweeper: random, _self_]
hydra:
  mode: MULTIRUN
  sweeper:
    n_trials: 7
    params: {x: 'interval(0, 1)', y: [1, 2, 4], z: 'a,b', seed: 3, error: false}
"""
    )
    for line in ("x: interval(0.0, 1.0)\n", "y: 1,2,4\n", "z: a,b\n", "points: 7; trials: 7"):
        assert line in said
    assert "seed" not in said.partition("points")[0]  # one value: it stays


def test_values_of_yaml(show):
    params = "{x: [[1, 2], [3, null], []], y: [1, null, true, 1e-05], z: [[{a: 1}, 'a,b'], {b: 'c d'}, 'e,f']}"
    said = show(f"defaults: [override hydra/sweeper: grid, _self_]\nhydra: {{sweeper: {{params: {params}}}}}\n", "-m")
    for line in ("x: [1,2],[3,null],[]\n", "y: 1,null,True,1e-05\n", "points: 48 of 48"):
        assert line in said
    assert r"z=[{a:1},a\,b]" in said


def test_no_values(show):
    with pytest.raises(ConfigError, match=r"params\.x: no values\..* \[\[\]\]"):
        show("defaults: [override hydra/sweeper: grid, _self_]\nhydra: {sweeper: {params: {x: []}}}\n", "-m")


def test_the_command_line_wins(show):
    file = "defaults: [override hydra/sweeper: bayes, _self_]\nhydra: {sweeper: {params: {x: '1,2', y: '1,2'}}}\n"
    said = show(file, "-m", "hydra/sweeper=grid", "x=5,6,7", "y=3")
    assert "x: 5,6,7\n" in said
    assert "points: 3 of 3" in said


def test_values_that_refer_to_others(show, monkeypatch):
    monkeypatch.setenv("HOW_MANY", "2")
    said = show(
        """
defaults: [override hydra/sweeper: random, _self_]
hydra:
  sweeper:
    n_trials: ${budget}
    repeats: ${oc.decode:${oc.env:HOW_MANY}}
    study_name: sweep-of-${name}
    objectives: ['${name}']
    params: {x: '${values}', y: 'interval(0, ${budget})'}
""",
        "-m",
        "budget=5",
    )
    assert "x: 1,2\n" in said
    assert "y: interval(0.0, 5.0)\n" in said
    assert "points: 5; trials: 10; folder: " in said
    assert "sweep-of-mine" in said
    assert "minimize mine" in said


def test_a_value_that_refers_to_nothing(show):
    with pytest.raises(Exception, match="nowhere"):
        show("hydra: {sweeper: {params: {x: '${nowhere}'}}}\n", "-m", "hydra/sweeper=grid")


def test_keys_of_others_in_a_file_are_named(show):
    with pytest.raises(ConfigError, match=r"n_jobs=2.*Write hydra.sweeper.workers"):
        show("defaults: [override hydra/sweeper: grid, _self_]\nhydra: {sweeper: {n_jobs: 2}}\n", "-m", "x=1,2")


def test_our_option_files_are_as_they_are_written(show):
    """Opening them for keys that they lack leaves the rest as Hydra composes it from the files."""
    from hydra import compose, initialize_config_dir

    from hydra_plugins import runner_sweeper

    for path in sorted((OPTIONS := runner_sweeper.Path(runner_sweeper.__file__).parent / "conf").rglob("*.yaml")):
        with initialize_config_dir(version_base="1.3", config_dir=str(OPTIONS)):
            config = compose(overrides=[f"hydra/{path.parent.name}={path.stem}"], return_hydra_config=True)
        assert config.hydra[path.parent.name] == OmegaConf.load(path)


@pytest.mark.parametrize("name", ["local", "ray", "slurm"])
def test_a_launchers_file_is_its_signature(name):
    from hydra_plugins import runner_sweeper

    file = Path(runner_sweeper.__file__).parent / f"conf/hydra/launcher/{name}.yaml"
    assert file.read_text().startswith("# ")
    said = OmegaConf.to_container(OmegaConf.load(file))
    kind = get_class(said.pop("_target_"))
    supplied = ("count", "application", "state", "modules")
    wanted = {p.name: p.default for p in inspect.signature(kind).parameters.values() if p.name not in supplied}
    assert said == wanted
