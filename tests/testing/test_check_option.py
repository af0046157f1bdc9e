"""What the author of an option is told: nothing where it is right, and what is wrong where something is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from runner.engine.metric import Statistic
from runner.engine.spec import Spec
from runner.errors import ConfigError, RunFailed
from runner.metric.accuracy import Accuracy
from runner.task.classification import Classification
from runner.testing import CHECKS, TestedOption, check_option
from runner.testing.checks import alike, as_its_signature, checks_of, described
from runner.testing.contracts import check_metric, check_task
from tests.batches import batch_of

ROOT = Path(__file__).parents[2]
MODULE = """
from dataclasses import dataclass, replace

import torch
from torch import nn
from runner.data.iris import Iris
from runner.engine.loss import Loss
from runner.engine.technique import Slot, Technique


class Good(Technique):
    slot = Slot.AVERAGE

    def __init__(self, decay: float = 0.9):
        self.decay, self.mean = decay, None

    def setup(self, fit):
        self.weight = next(fit.model.parameters())

    def after_step(self):
        self.mean = self.weight.detach().clone() if self.mean is None else self.mean.lerp(self.weight.detach(), 0.1)

    def state_dict(self):
        return {"mean": self.mean}

    def load_state_dict(self, state):
        self.mean = state["mean"]


class Unreturned(Good):
    def load_state_dict(self, state):
        pass


class Forgetful(Good):
    def state_dict(self):
        return {}


class Drawn(Good):
    def after_step(self):
        super().after_step()
        with torch.no_grad():
            self.weight.mul_(1 - 1e-3 * self.mean.abs().mean())

    def load_state_dict(self, state):
        pass


class Summed(Loss):
    tasks = frozenset({"classification"})

    def __call__(self, outputs, batch):
        return nn.functional.cross_entropy(outputs, batch.targets, reduction="sum")


class Centred(nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.layer = nn.Linear(spec.input_shape[0], spec.num_outputs)

    def forward(self, inputs):
        return self.layer(inputs - inputs.mean(0))


@dataclass(kw_only=True)
class Leaking(Iris):
    def load(self):
        data = super().load()
        return replace(data, parts={**data.parts, "val": data.parts["train"]})


@dataclass(kw_only=True)
class Shuffled(Iris):
    def load(self):
        data = super().load()
        order = torch.randperm(len(data.train))
        train = replace(data.train, inputs=data.train.inputs[order], targets=data.train.targets[order])
        return replace(data, parts={**data.parts, "train": train})
"""
DATA = "batch_size: 32\ndrop_last: false\nnum_workers: 0\nsplit: [0.7, 0.15, 0.15]\nsplit_seed: 0\nfraction: 1.0\n"
DATA += "folds: null\nfold: 0\nscaling: standard\n"
HEAD = "# What it is and when to choose it.\n# Somebody 2026.\n"
OPTIONS = {
    "regularization": dict.fromkeys(("Good", "Unreturned", "Forgetful", "Drawn"), "decay: 0.9"),
    "loss": dict.fromkeys(("Summed",), "") | {"Pairs": "weight: null\nnormalize: false"},
    "model": {"Centred": ""},
    "data": {"Leaking": DATA, "Shuffled": DATA},
}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A module with right and wrong classes, and an option for each."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_checked.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    for group, names in OPTIONS.items():
        (folder / "mine" / group).mkdir(parents=True)
        for name, values in names.items():
            text = f"_target_: my_checked.{name}\n{values}\n"
            if group == "regularization":
                text = f"{name}:\n  " + text.strip().replace("\n", "\n  ") + "\n"
            (folder / "mine" / group / f"{name}.yaml").write_text(HEAD + text)
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("my_checked", None)


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("optimizer", "adamw"),
        ("model", "mlp"),
        pytest.param("loss", "cross_entropy", marks=pytest.mark.long),
        pytest.param("data", "wine", marks=pytest.mark.long),
    ],
)
def test_ours_keep_to_it(group, name, tmp_path):
    check_option(group, name, tmp_path)


@pytest.mark.slow
def test_what_is_right_passes(own, tmp_path):
    check_option("regularization", "Good", tmp_path, config_dir=str(own / "mine"), trusted_targets=["my_checked"])


WRONG = [
    ("regularization", "Unreturned", AssertionError, "a resumed run differs"),
    ("regularization", "Forgetful", RunFailed, "its attribute mean changed in training"),
    pytest.param("regularization", "Drawn", AssertionError, "a resumed run differs", marks=pytest.mark.long),
    ("loss", "Summed", AssertionError, "no mean"),
    ("model", "Centred", AssertionError, "not close"),
    ("data", "Leaking", AssertionError, "examples of val stand in train too"),
    ("data", "Shuffled", AssertionError, "other examples in train when it is loaded again|a resumed run differs"),
]


@pytest.mark.parametrize(("group", "name", "error", "said"), WRONG, ids=lambda part: part if type(part) is str else "")
def test_what_is_wrong_is_told(group, name, error, said, own, tmp_path):
    with pytest.raises(error, match=said):
        check_option(group, name, tmp_path, config_dir=str(own / "mine"), trusted_targets=["my_checked"])


def test_a_metric_that_depends_on_the_batches_is_told():
    class Mean(Statistic):
        def summarize(self, scored):
            return (scored.predictions == scored.targets).double().mean()

    class PerBatch(Accuracy):
        statistic = Mean

        def compute(self, total):
            return total

    batches = [batch_of(torch.tensor([n % 2]), torch.zeros(1, 4)) for n in range(6)]
    outputs = [torch.tensor([[0.0, 1.0]]) for _ in range(6)]
    check_metric(Accuracy, Classification(Spec.classification((4,), 2)), batches, outputs)
    with pytest.raises(AssertionError, match=r"accuracy is 0.5 of all examples together and 3.0 one by one"):
        check_metric(PerBatch, Classification(Spec.classification((4,), 2)), batches, outputs)


class Wide(Classification):
    def rows(self, outputs):
        return super().rows(outputs)[:-1]


class Unwritable(Classification):
    def rows(self, outputs):
        return [{"prediction": torch.tensor(0)} for _ in outputs]


class Unsure(Classification):
    def probabilities(self, outputs):
        return outputs


@pytest.mark.parametrize(
    ("task", "error", "said"),
    [
        (Wide, AssertionError, "5 rows for 6 examples"),
        (Unwritable, TypeError, "not JSON serializable"),
        (Unsure, AssertionError, "outside of"),
    ],
)
def test_a_task_that_breaks_its_contract_is_told(task, error, said):
    batches = [batch_of(torch.tensor([n % 2]), torch.zeros(1, 4)) for n in range(6)]
    outputs = [torch.tensor([[-3.0, 4.0]]) for _ in range(6)]
    spec = Spec.classification((4,), 2)
    check_task(Classification(spec), batches, outputs)
    with pytest.raises(error, match=said):
        check_task(task(spec), batches, outputs)


def test_the_file_is_looked_at(tmp_path):
    def option(text):
        (tmp_path / "mine/optimizer").mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine/optimizer/mine.yaml").write_text(text)
        return TestedOption("optimizer", "mine", tmp_path, str(tmp_path / "mine"))

    values = "_target_: runner.optimizer.lion.Lion\nlr: 1e-4\nbetas: [0.9, 0.99]\nweight_decay: 0.1\n"
    for text, said in (
        (values, "no comment"),
        ("# Mine.\n" + values, "says too little"),
        ("# A fine optimizer of mine\n" + values, "no sentence"),
    ):
        with pytest.raises(AssertionError, match=said):
            described(option(text))
    described(option(HEAD + values))
    as_its_signature(option(HEAD + values))
    as_its_signature(option(HEAD + values.replace("lr: 1e-4\n", "")))  # which is left to the class
    for text, said in (
        ("_target_: runner.init.checkpoint.Checkpoint\n", "leaves out: path"),
        (values + "extra: 1\n", "no arguments: extra"),
        (values.replace("0.99]", "0.95]"), "betas: .* in the signature"),
    ):
        with pytest.raises(AssertionError, match=said):
            as_its_signature(option(text))
    assert alike([0.9, 1], (0.9, 1.0)) and not alike(True, 1) and not alike([1], 1)


def test_what_is_nowhere_is_refused_as_on_the_command_line(tmp_path):
    with pytest.raises(ConfigError, match="seldom"):
        check_option("optimizer", "adam", tmp_path, overrides=["optimizer.seldom=1"])


def test_every_group_with_options_has_checks():
    assert all(len(checks_of(group)) >= 5 for group in (*CHECKS, "optimizer", "warmup", "optimizer/wrapper"))


@pytest.mark.long
def test_with_pytest_each_check_has_an_outcome(own):
    """As somebody calls it who has only the package, in a folder of his own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "runner.testing"]
    command += ["-p", "runner.testing.plugin", "--config-dir", "mine", "--trust", "my_checked"]
    command += ["--option", "regularization=Good", "--option", "regularization=Unreturned"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{own}"}
    done = subprocess.run(command, cwd=own, env=environment, capture_output=True, text=True, check=False)
    assert "2 failed, 8 passed" in done.stdout, done.stdout + done.stderr
    assert "regularization=Unreturned-resumes" in done.stdout
