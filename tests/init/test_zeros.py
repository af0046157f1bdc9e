import logging

import torch
from torch import nn
from torch.nn import functional as F

from runner.init.zeros import Zeros


def test_equal_neurons_stay_equal_and_the_log_says_so(caplog):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))
    with caplog.at_level(logging.WARNING):
        Zeros()(net)
    assert "symmetry" in caplog.text
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    x, y = torch.randn(30, 5), torch.randint(3, (30,))
    for _ in range(20):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    assert torch.equal(net[0].weight, net[0].weight[:1].expand(8, 5))
    assert net[2].bias.abs().max() > 0
