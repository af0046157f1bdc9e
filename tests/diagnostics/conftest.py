"""A fit with the parts that a diagnostic looks at, and runs that end early."""

from types import SimpleNamespace

import pytest
import torch

from runner.engine.batch import Batch
from runner.engine.fit import Fit
from runner.engine.progress import Progress
from runner.engine.spec import Spec
from runner.loss.cross_entropy import CrossEntropy


class Examples:
    """Training batches of one update each, in the order given."""

    updates_per_epoch = 4

    def __init__(self, inputs, targets, batch):
        self.inputs, self.targets, self.per_update = inputs, targets, batch

    def order(self, epoch):
        return torch.arange(len(self.targets))

    def read(self, rows):
        return Batch(self.inputs[rows], self.targets[rows])

    def updates(self, epoch):
        for rows in self.order(epoch).split(self.per_update):
            yield [self.read(rows)]


@pytest.fixture
def fit():
    def make(model, inputs=None, targets=None, batch=8, loss=None, **parts):
        made = object.__new__(Fit)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        optimizer.param_groups[0]["initial_lr"] = 0.1
        defaults = {
            "model": model,
            "network": model,
            "loss": loss or CrossEntropy(Spec.classification((1,), 2)),
            "optimizer": optimizer,
            "train": Examples(inputs, targets, batch),
            "state": SimpleNamespace(epoch=0, epoch_step=0, step=0),
            "settings": SimpleNamespace(log_every=1),
            "plan": SimpleNamespace(updates_per_epoch=Examples.updates_per_epoch),
            "precision": SimpleNamespace(scaler=None),
            "device": torch.device("cpu"),
            "progress": Progress(),
        }
        made.__dict__.update(defaults | parts)
        return made

    return make
