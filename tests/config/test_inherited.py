"""Arguments that a class has and its option file leaves out: they can be given, shown and are recorded."""

from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import QUICK

FILES = {
    "my_models.py": """
from dataclasses import dataclass
from torch import nn
from runner.data.digits import Digits
from runner.model.mlp import MLP
from runner.regularization.mixup import Mixup
from runner.data.base import DataOption


@dataclass(kw_only=True)
class Mine(Digits):
    noise: float = 0.0


class Wide(MLP):
    pass


class Mixing(Mixup):
    pass


class Sizeless(Digits):
    def __init__(self, noise: float = 0.0):
        super().__init__()
""",
    "mine/data/mine.yaml": "# Mine.\n_target_: my_models.Mine\nnoise: 0.5\n",
    "mine/data/sizeless.yaml": "# Mine.\n_target_: my_models.Sizeless\nnoise: 0.5\n",
    "mine/model/wide.yaml": "# Mine.\n_target_: my_models.Wide\nhidden: [8]\n",
    "mine/optimizer/slow.yaml": "# Mine.\n_target_: torch.optim.SGD\nlr: 1e-2\n",
    "mine/regularization/mixing.yaml": "# Mine.\nmixing:\n  _target_: my_models.Mixing\n",
}
OWN = ("--config-dir", "mine", "trusted_targets=[my_models]", *QUICK[:-1])


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.fixture
def answer(capfd):
    def give(*words):
        from runner.cli.verbs import answer

        capfd.readouterr()
        code = answer(list(words))
        return code, *capfd.readouterr()

    return give


def config():
    return yaml.safe_load(Path("run/config.yaml").read_text())


def test_what_a_file_leaves_to_the_class_has_its_default(answer):
    assert answer(*OWN, "data=mine", "model=wide", "optimizer=slow", "hydra.run.dir=run")[0] == 0
    assert (config()["data"]["batch_size"], config()["data"]["noise"]) == (32, 0.5)
    assert (config()["model"]["hidden"], config()["model"]["activation"]) == ([8], "relu")
    assert config()["optimizer"]["momentum"] == 0
    code, _, error = answer("rerun", "run", "data.batch_size=8", "trusted_targets=[my_models]")
    assert (code, error) == (0, "")


def test_and_can_be_given(answer):
    values = {"data.batch_size": 8, "model.dropout": 0.5, "optimizer.momentum": 0.9, "regularization.mixing.alpha": 0.7}
    typed = [f"{key}={value}" for key, value in values.items()]
    choices = ("data=mine", "model=wide", "optimizer=slow", "regularization=[mixing]", "hydra.run.dir=run")
    code, _, error = answer(*OWN, *choices, *typed)
    assert (code, error) == (0, "")
    for key, value in values.items():
        node = config()
        for part in key.split("."):
            node = node[part]
        assert node == value
    code, _, error = answer("rerun", "run", "scheduler=constant", "trusted_targets=[my_models]")  # composes anew
    assert (code, error) == (0, "")


@pytest.mark.slow
def test_a_sweep_over_them(answer):
    sweep = ("-m", "data.batch_size=8,16", "hydra.sweep.dir=sweep", "hydra.sweeper.plots=false")
    code, _, error = answer(*OWN, *sweep, "data=mine", "optimizer.lr=0.1")
    assert (code, error) == (0, "")
    trials = sorted(Path("sweep/trials").glob("*/config.yaml"))
    assert sorted(yaml.safe_load(path.read_text())["data"]["batch_size"] for path in trials) == [8, 16]


def test_dropout_reaches_a_network_whose_file_does_not_list_it(answer):
    assert answer("check", *OWN, "model=wide", "regularization=[dropout]")[:2] == (0, "ok\n")


def test_they_are_shown(answer):
    _, out, _ = answer("show", "data/mine", *OWN[:3])
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.startswith("data.")}
    assert rows["data.batch_size"][0] == "32"
    assert rows["data.noise"][0] == "0.5"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("data=mine", "data.batch_sise=8"), "Did you mean 'batch_size'"),
        (("data=mine", "data.batch_size=0"), "data.batch_size=0: expected an integer of at least 1"),
        (("model=wide", "model.droput=0.1"), "Did you mean 'dropout'"),
        (("data=sizeless",), "takes no batch_size"),
        (("data=sizeless", "data.batch_size=3"), "data.batch_size=3"),
    ],
)
def test_what_no_class_takes_is_refused(answer, words, said):
    code, _, error = answer("check", *OWN, *words)
    assert code == 2
    assert said in error and error.count("\n") == 1
