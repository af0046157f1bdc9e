import torch
from torch.nn import functional as F

from runner.engine.spec import Spec
from runner.loss.auto import Auto
from runner.loss.cross_entropy import CrossEntropy
from runner.loss.mse import MSE


def test_classification_gets_cross_entropy():
    spec = Spec.classification((4,), 2)
    loss = Auto(spec)
    outputs, targets = torch.randn(9, 2), torch.randint(2, (9,))
    assert type(loss) is CrossEntropy
    assert Auto.num_outputs(spec) == loss.num_outputs(spec) == 2
    assert torch.equal(loss(outputs, targets), F.cross_entropy(outputs, targets))


def test_regression_gets_mean_squared_error():
    loss = Auto(Spec.regression((4,), 3))
    outputs, targets = torch.randn(9, 3), torch.randn(9, 3)
    assert type(loss) is MSE
    assert torch.equal(loss(outputs, targets), F.mse_loss(outputs, targets))


def test_the_tasks_are_those_of_the_two():
    assert Auto.tasks == CrossEntropy.tasks | MSE.tasks
