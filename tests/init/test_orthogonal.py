import math

import pytest
import torch
from torch import nn

from runner.init.orthogonal import Orthogonal


@pytest.mark.parametrize(
    ("gain", "activation", "factor"), [(1.0, "relu", 1), (None, "relu", math.sqrt(2)), (2.0, "tanh", 2)]
)
@pytest.mark.parametrize("module", [nn.Linear(90, 40), nn.Linear(40, 90), nn.Conv2d(8, 20, 3)])
def test_rows_or_columns_are_orthonormal_times_gain(module, gain, activation, factor):
    net = nn.Sequential(module)
    net.activation = activation
    Orthogonal(gain)(net)
    matrix = module.weight.detach().flatten(1)
    gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    torch.testing.assert_close(gram, factor**2 * torch.eye(len(gram)), atol=1e-5, rtol=0)
