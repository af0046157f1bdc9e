"""Classes of a user's own that are wrong: one paragraph that names the class and what to do about it."""

import pytest

MODULE = """
import math
from dataclasses import dataclass, replace
import numpy
import torch
from torch import nn
from runner.data.digits import Digits
from runner.engine.loss import Loss
from runner.engine.schedule import Schedule, Warmup
from runner.engine.technique import Slot, Technique
from runner.engine.metric import Metric
from runner.init.base import Init
from runner.engine.task import Task
from runner.loss.cross_entropy import CrossEntropy
from runner.task.classification import Classification


class Counting(Technique):
    slot = Slot.WEIGHTS

    def __init__(self):
        self.count, self.average = 0, None

    def after_step(self):
        self.count += 1


class Averaging(Counting):
    def setup(self, fit):
        self.model, self.average = fit.model, [p.detach().clone() for p in fit.model.parameters()]

    def after_step(self):
        for average, parameter in zip(self.average, self.model.parameters()):
            average.lerp_(parameter.detach(), 0.1)

    def state_dict(self):
        return {"count": self.count}


class Drawing(Counting):
    def setup(self, fit):
        self.generator = torch.Generator()

    def after_step(self):
        torch.rand(1, generator=self.generator)


class Mistaken(Counting):  # another of its attributes is as large as the counter that it forgets

    def __init__(self):
        self.count, self.every, self._seen = 0, 10, 0

    def after_step(self):
        self.count += 1
        self._seen += 1

    def state_dict(self):
        return {"every": self.every, "seen": self._seen}


class Anchored(Technique):  # to the weights as they were initialized, which a resumed run does not know
    slot = Slot.PENALTY

    def setup(self, fit):
        self.model, self._anchor = fit.model, [p.detach().clone() for p in fit.model.parameters()]

    def penalty(self):
        return sum(((p - a) ** 2).sum() for p, a in zip(self.model.parameters(), self._anchor))


class Moored(Anchored):
    def state_dict(self):
        return {"anchor": self._anchor}

    def load_state_dict(self, state):
        self._anchor = state["anchor"]


class Derived(Counting):
    not_saved = ("count",)


class Saving(Averaging):
    def after_step(self):
        super().after_step()
        self.count += 1

    def state_dict(self):
        return {"count": float(self.count), "average": [a.clone() for a in self.average]}


class Numpy(Counting):
    def state_dict(self):
        return {"counts": [numpy.float64(self.count)]}


class Misspelt(Technique):
    slot = Slot.MIX

    def on_bacth(self, batch):
        return batch


class Deaf(Technique):
    slot = Slot.MIX


class Placeless(Technique):
    def after_step(self):
        pass


class Elsewhere(Placeless):
    slot = "weigths"


class Short(Technique):
    slot = Slot.MIX

    def on_batch(self):
        return None


class Undirected(Technique):
    slot = Slot.EPOCH
    reports = {"mine": "up"}

    def epoch_scores(self, scores):
        return {"mine": 1.0}


class Negative(Schedule):
    def __init__(self, by="step", worst: float = -1.0):
        self.by, self.worst = by, worst

    def lr(self, t, base_lr):
        return base_lr if t < 7 else self.worst * base_lr


class Boundless(Negative):
    def lr(self, t, base_lr):
        return base_lr if t < 7 else math.inf


class Dividing(Negative):
    def lr(self, t, base_lr):
        return base_lr / (7 - t)


class Heavy(Negative):
    cycle_momentum = True

    def lr(self, t, base_lr):
        return base_lr

    def momentum(self, t):
        return 0.9 + 0.1 * t


class Listening(Negative):
    monitors = True

    def __init__(self):
        self.factor = 1.0

    def on_epoch_end(self, scores):
        self.factor = math.nan

    def state_dict(self):
        return {"factor": self.factor}

    def load_state_dict(self, state):
        self.factor = state["factor"]

    def lr(self, t, base_lr):
        return self.factor * base_lr


class Rateless(Schedule):
    pass


class Falling(Warmup):
    def lr(self, t, length, target):
        return target - 1.0


class Optimizer(torch.optim.Optimizer):
    def __init__(self, params, lr: float = 0.1, momentum: float = 0.9):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        pass


class Rated(Optimizer):
    def __init__(self, params, rate: float = 0.1):
        torch.optim.Optimizer.__init__(self, params, {"rate": rate})


class Stepless(torch.optim.Optimizer):
    def __init__(self, params, lr: float = 0.1):
        super().__init__(params, {"lr": lr})


class Forgetful(torch.optim.SGD):
    updates = 0  # numbers of parameters and of steps, which are in torch's state, are no such counter

    def step(self, closure=None):
        self.updates += 1
        return super().step(closure)


class Narrow(nn.Module):
    def __init__(self, spec, width: int = 7):
        super().__init__()
        self.layer = nn.Linear(64, width)

    def forward(self, inputs):
        return self.layer(inputs.flatten(1))


class Square(nn.Module):
    def forward(self, inputs):
        return inputs @ inputs.mT


class Activated(Narrow):
    def __init__(self, spec):
        super().__init__(spec)
        self.activation, self.output = Square(), nn.Linear(7, spec.num_outputs)

    def forward(self, inputs):
        return self.output(self.activation(super().forward(inputs)))


class Tupled(Narrow):
    def forward(self, inputs):
        return inputs, super().forward(inputs)


class Formless(nn.Module):
    def __init__(self, spec):
        super().__init__()


class Unreduced(CrossEntropy):
    def __call__(self, outputs, batch):
        return nn.functional.cross_entropy(outputs, batch.targets, reduction="none")


class Broken(CrossEntropy):
    def __call__(self, outputs, batch):
        return (outputs - batch.targets).mean()


class Pairwise(Loss):
    def __call__(self, outputs, targets, weight):
        return outputs.mean()


class Counted(Loss):
    tasks = frozenset({"classification"})


class Weighing(CrossEntropy):
    seen = 0

    def __call__(self, outputs, batch):
        self.seen += batch.examples
        return super().__call__(outputs, batch)


class Undrawn(Init):
    pass


class Predicting(Classification):
    def predict(self, outputs):
        return outputs


class Unpredicting(Task):
    loss, targets = Classification.loss, Classification.targets
    num_outputs = Classification.num_outputs


@dataclass(kw_only=True)
class Asked(Digits):
    task: str = "classification"

    def load(self):
        data = super().load()
        return replace(data, spec=replace(data.spec, task=self.task))

    def probe(self):
        return replace(super().probe(), task=self.task)
"""

TECHNIQUES, LISTED = (
    "regularization",
    ("Counting", "Averaging", "Drawing", "Derived", "Saving", "Numpy", "Misspelt", "Mistaken", "Anchored", "Moored"),
)
LISTED += ("Deaf", "Placeless", "Elsewhere", "Short", "Undirected")
GROUPS = {TECHNIQUES: LISTED}
GROUPS |= {"scheduler": ("Negative", "Boundless", "Dividing", "Heavy", "Listening", "Rateless"), "warmup": ("Falling",)}
GROUPS |= {"optimizer": ("Optimizer", "Rated", "Stepless", "Forgetful"), "init": ("Undrawn",)}
GROUPS |= {"model": ("Narrow", "Activated", "Tupled", "Formless")}
GROUPS |= {"loss": ("Unreduced", "Broken", "Pairwise", "Counted", "Weighing"), "data": ("Asked",)}
ARGUMENTS = {
    "Negative": "worst: -1.0\nby: step\n",
    "Optimizer": "lr: 0.1\nmomentum: 0.9\nbeta: 0.9\n",
    "Asked": "batch_size: 32\ntask: classification\n",
}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A folder with the module and an option for each class."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_plugins.py").write_text(MODULE)
    for group, names in GROUPS.items():
        (folder / "mine" / group).mkdir(parents=True)
        for name in names:
            text = f"_target_: my_plugins.{name}\n{ARGUMENTS.get(name, '')}"
            if group == TECHNIQUES:
                text = f"{name}:\n  {text}"
            (folder / "mine" / group / f"{name}.yaml").write_text(f"# Mine.\n{text}")
    return folder


@pytest.fixture
def command(own, monkeypatch, capfd):
    """Train with an option of one's own, as the command line does."""

    def give(choice, *more):
        from runner.cli.verbs import answer

        monkeypatch.chdir(own)
        monkeypatch.syspath_prepend(str(own))
        before = set(own.glob("outputs/runs/*"))
        group, _, name = choice.partition("=")
        words = ["--config-dir", "mine", "trainer.max_epochs=2", "trainer.limit_batches=5", "trainer.threads=1"]
        words += [f"{group}=[{name}]" if group == TECHNIQUES else choice, "trusted_targets=[my_plugins]", *more]
        capfd.readouterr()
        code = answer(words)
        error = capfd.readouterr().err
        return code, error, set(own.glob("outputs/runs/*")) - before

    return give


BEFORE = [  # the option, and what the paragraph must say
    ("regularization=Misspelt", "on_bacth()", "an event that does not exist", "Did you mean 'on_batch'"),
    ("regularization=Deaf", "listens to no event", "Events: on_data, on_epoch_start, on_batch"),
    ("regularization=Placeless", "names no slot", "Slot.NAME", "GRADIENTS"),
    ("regularization=Elsewhere", "slot='weigths'", "Did you mean 'WEIGHTS'"),
    ("regularization=Short", "on_batch(self)", "called as on_batch(self, batch)"),
    ("regularization=Undirected", "'mine'", "'up'", "Expected min"),
    ("scheduler=Negative", "scheduler (my_plugins.Negative)", "at update 8 of 10 it gives a learning rate of -0.001"),
    ("scheduler=Boundless", "at update 8 of 10 it gives a learning rate of inf"),
    ("scheduler=Negative scheduler.by=epoch trainer.max_epochs=9", "at update 36 of 45"),
    ("scheduler=Dividing", "my_plugins.Dividing", "at update 8 of 10 it fails: ZeroDivisionError"),
    (
        "scheduler=Heavy optimizer=momentum",
        "my_plugins.Heavy",
        "at update 2 of 10 it gives a momentum of 1.0",
        "[0, 1)",
    ),
    ("scheduler=Rateless", "has no lr(self, t, base_lr)"),
    ("warmup=Falling +warmup.steps=3", "warmup (my_plugins.Falling)", "at update 1 of 10"),
    ("optimizer=Optimizer", "optimizer.beta", "my_plugins.Optimizer has no argument 'beta'", "Arguments: lr, momentum"),
    ("optimizer=Rated", "my_plugins.Rated", "no learning rate", "lr"),
    ("optimizer=Stepless", "has no step(self, closure)"),
    ("model=Narrow", "model (my_plugins.Narrow)", "shape (2, 7)", "Expected a tensor of shape (2, 10)"),
    ("model=Activated", "my_plugins.Activated", "(2, 1, 8, 8)", "'activation' (my_plugins.Square)", "shape (2, 2)"),
    ("model=Tupled", "gives a tuple"),
    ("model=Formless", "has no forward"),
    ("loss=Unreduced", "loss (my_plugins.Unreduced)", "shape (2,)", "a tensor of no dimensions"),
    (
        "data=Asked data.task=my_plugins.Predicting",
        "task (my_plugins.Predicting)",
        "predict() gives a tensor of shape (2, 10)",
        "like the targets' (2,)",
    ),
    (
        "data=Asked data.task=my_plugins.Unpredicting",
        "task (my_plugins.Unpredicting)",
        "predict() fails on tensors of shape (2, 10)",
    ),
    ("data=Asked data.task=my_plugins.Foretelling", "my_plugins has no subclass of runner.engine.task.Task"),
    ("loss=Broken", "my_plugins.Broken", "__call__() fails on tensors of shape (2, 10) and (2,)"),
    ("loss=Pairwise", "__call__(self, outputs, targets, weight)", "called as __call__(self, outputs, batch)"),
    ("loss=Counted", "has no __call__(self, outputs, batch)"),
    ("init=Undrawn", "has no fill(self, weight, gain)"),
]


@pytest.mark.parametrize("case", BEFORE, ids=lambda case: case[0])
def test_refused_before_training(case, command):
    text, *said = case
    code, error, left = command(*text.split())
    assert (code, left) == (2, set()), error
    assert error.startswith("error: ")
    assert error.count("\n") == 1, error
    for part in ("my_plugins.", *said):
        assert part in error


WHILE = [
    ("regularization=Counting", "my_plugins.Counting: its attribute count changed", "not_saved = ('count',)"),
    ("regularization=Averaging", "my_plugins.Averaging: its attribute average changed"),
    ("regularization=Mistaken", "my_plugins.Mistaken: its attribute count changed"),
    ("regularization=Anchored", "my_plugins.Anchored: its attribute _anchor came from the weights in setup()"),
    ("regularization=Drawing", "my_plugins.Drawing: its attribute generator changed"),
    ("regularization=Numpy", "holds a numpy.float64 at 'counts/0'", "can't be read back"),
    ("optimizer=Forgetful", "my_plugins.Forgetful: its attribute updates changed"),
    ("loss=Weighing", "my_plugins.Weighing: its attribute seen changed", "return it from state_dict()"),
    ("scheduler=Listening", "my_plugins.Listening", "at update 6 of 10 it gives a learning rate of nan"),
]


@pytest.mark.parametrize("case", WHILE, ids=lambda case: case[0])
def test_a_run_ends_where_it_turns_out(case, command):
    text, *said = case
    code, error, left = command(text)
    assert (code, len(left)) == (1, 1), error
    assert error.startswith("error: ")
    assert error.count("\n") == 1, error
    for part in said:
        assert part in error
    assert not list(left.pop().glob("checkpoints/last.pt")) or "nan" in error


@pytest.mark.parametrize("name", ["Derived", "Saving", "Moored"])
def test_what_is_declared_or_saved_in_another_form_is_fine(name, command):
    code, error, _ = command(f"regularization={name}")
    assert (code, error) == (0, "")


def test_what_shows_late_is_told_and_costs_no_night(command, monkeypatch):
    monkeypatch.setattr("runner.engine.unsaved._EARLY", 0.0)
    code, error, (folder,) = command("regularization=Counting", "trainer.checkpoint.every_seconds=0")
    assert (code, error) == (0, "")
    assert (folder / "checkpoints" / "last.pt").exists()
    assert (folder / "run.log").read_text().count("my_plugins.Counting: its attribute count changed") == 1


def test_a_metric_without_a_direction_is_refused(tmp_path, monkeypatch):
    import runner.metric
    from runner.errors import ConfigError

    source = "from runner.metric.accuracy import Accuracy\n\n\nclass Mine(Accuracy):\n    name = 'mine'\n"
    (tmp_path / "mine_metric.py").write_text(source + "    direction = 'up'\n")
    monkeypatch.setattr(runner.metric, "__path__", [*runner.metric.__path__, str(tmp_path)])
    runner.metric.all_metrics.cache_clear()
    try:
        with pytest.raises(ConfigError, match=r"runner\.metric\.mine_metric\.Mine.*direction 'up'.*min.*max"):
            runner.metric.all_metrics()
    finally:
        runner.metric.all_metrics.cache_clear()
