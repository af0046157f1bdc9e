import torch

from runner.init.default import Default

from .networks import layers


def test_nothing_changes():
    net, same = layers(), layers()
    Default()(net)
    for a, b in zip(net.state_dict().values(), same.state_dict().values(), strict=True):
        assert torch.equal(a, b)
