import pytest
import torch
from torch.nn import functional as F

from runner.config.targets import resolve
from runner.engine.loss import Loss
from runner.engine.spec import Spec
from runner.loss.auto import Auto
from runner.loss.cross_entropy import CrossEntropy
from runner.loss.mse import MSE
from runner.task import all_tasks, task_named
from tests.batches import batch_of


def test_classification_gets_cross_entropy():
    spec = Spec.classification((4,), 2)
    loss = Auto(spec)
    outputs, targets = torch.randn(9, 2), torch.randint(2, (9,))
    assert type(loss) is CrossEntropy
    assert Auto.num_outputs(spec) == loss.num_outputs(spec) == 2
    assert torch.equal(loss(outputs, batch_of(targets)), F.cross_entropy(outputs, targets))


def test_regression_gets_mean_squared_error():
    loss = Auto(Spec.regression((4,), 3))
    outputs, targets = torch.randn(9, 3), torch.randn(9, 3)
    assert type(loss) is MSE
    assert torch.equal(loss(outputs, batch_of(targets)), F.mse_loss(outputs, targets))


@pytest.mark.parametrize("name", all_tasks())
def test_every_task_names_a_loss_that_fits_it(name):
    loss = resolve(task_named(name).loss, "loss")
    assert issubclass(loss, Loss)
    assert loss.tasks is None or name in loss.tasks
    assert Auto.tasks is None
