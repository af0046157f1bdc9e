"""Networks large enough to measure the distribution of their weights."""

import torch
from torch import nn
from torch.nn import functional as F

from tests.batches import batch_of


def layers(activation="relu", bias=5.0):
    """A dense layer 1500 -> 1000, a convolution 96 -> 64 of 5x5 pixels, and a batch norm; biases and norm not zero."""
    torch.manual_seed(0)
    net = nn.ModuleDict({"dense": nn.Linear(1500, 1000), "conv": nn.Conv2d(96, 64, 5), "norm": nn.BatchNorm2d(64)})
    for module in net.values():
        nn.init.constant_(module.bias, bias)
    net.activation = activation
    return net


FUNCTIONS = {"identity": lambda z: z, "prelu": nn.PReLU(), "softmax": lambda z: F.softmax(z, 1)}


def deep(activation, depth=20, width=800):
    """Dense layers of one width; the activation is a module between them, so that its slope can be seen."""
    f = FUNCTIONS.get(activation) or getattr(F, activation)
    torch.manual_seed(0)
    net = nn.Sequential(*(nn.Sequential(nn.Linear(width, width), Function(f)) for _ in range(depth)))
    net.activation = activation
    return net


class Function(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, x):
        return self.f(x)


def variances(activation, init, depth=20, width=800):
    """Mean square of the activations behind each of `depth` dense layers, for normal inputs; the first layer's is 1."""
    net = deep(activation, depth, width)
    init(net)
    h, seen = torch.randn(200, width), []
    if init.examples:
        init.adapt(net, batch_of(h))
    with torch.no_grad():
        for layer in net:
            h = layer(h)
            seen.append(h.square().mean().item())
    return [s / seen[0] for s in seen]
