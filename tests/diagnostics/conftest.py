"""A fit with the parts that a diagnostic looks at, and runs that end early."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from runner.engine.fit import Fit
from runner.engine.progress import Progress


class Examples:
    """Training batches of one update each."""

    updates_per_epoch = 4

    def __init__(self, inputs, targets, batch):
        self.inputs, self.targets, self.per_update = inputs, targets, batch

    def updates(self, epoch):
        for x, y in zip(self.inputs.split(self.per_update), self.targets.split(self.per_update)):
            yield [(x, y)]


@pytest.fixture
def fit():
    def make(model, inputs=None, targets=None, batch=8, loss=F.cross_entropy, **parts):
        made = object.__new__(Fit)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        optimizer.param_groups[0]["initial_lr"] = 0.1
        defaults = {
            "model": model,
            "network": model,
            "loss": loss,
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
