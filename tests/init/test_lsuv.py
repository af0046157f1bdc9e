import pytest
import torch
from torch import nn

from runner.engine.spec import Spec
from runner.engine.split import DatasetSplit, TensorSplit
from runner.engine.state import seed_for
from runner.init.lsuv import Lsuv, in_order
from runner.model.cnn import CNN
from runner.model.mlp import MLP
from runner.model.resnet import ResNet
from tests.batches import batch_of

from .networks import variances

SPEC = Spec.classification((1, 8, 8), 10)


def outputs(net, x):
    """What every dense and convolutional layer gives."""
    seen = {}
    hooks = [
        m.register_forward_hook(lambda _, __, y, name=name: seen.update({name: y}))
        for name, m in net.named_modules()
        if isinstance(m, nn.Linear | nn.Conv2d)
    ]
    with torch.no_grad():
        net.eval()(x)
    for hook in hooks:
        hook.remove()
    return seen


BUILD = {
    "mlp": lambda activation: MLP(SPEC, (32,) * 6, activation),
    "cnn": lambda activation: CNN(SPEC, activation=activation),
    "resnet": lambda activation: ResNet(SPEC, width=0.5, activation=activation),
}


@pytest.mark.parametrize("activation", ["relu", "tanh", "silu"])
@pytest.mark.parametrize("build", BUILD.values(), ids=BUILD)
def test_every_layers_output_has_variance_one(build, activation):
    torch.manual_seed(0)
    net, x = build(activation).train(), 3 * torch.randn(64, 1, 8, 8) + 1
    init = Lsuv()
    init(net)
    init.adapt(net, batch_of(torch.zeros(len(x)), x))
    assert net.training
    for name, y in outputs(net, x).items():
        assert y.var().item() == pytest.approx(1.0, abs=0.021), name
    some = batch_of(torch.zeros(2), torch.randn(2, 3))
    assert in_order(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)), some)[0].in_features == 3


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "mish", "tanh"])
def test_variance_survives_20_layers_of_any_activation(activation):
    seen = variances(activation, Lsuv(), width=200)
    assert 0.5 < min(seen) <= max(seen) < 2


def test_layers_are_taken_as_they_run_not_as_they_stand():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.second, self.first = nn.Linear(4, 2), nn.Linear(3, 4)

        def forward(self, x):
            return self.second(self.first(x))

    net = Backwards()
    assert in_order(net, batch_of(torch.zeros(2), torch.randn(2, 3))) == [net.first, net.second]


def test_dead_layers_are_left_alone():
    net = MLP(SPEC, (4, 4))
    init = Lsuv()
    init(net)
    init.adapt(net, batch_of(torch.zeros(len(torch.zeros(8, 1, 8, 8))), torch.zeros(8, 1, 8, 8)))
    assert all(p.isfinite().all() for p in net.parameters())


def test_examples_are_drawn_from_all_rows_of_any_split():
    x, y = torch.arange(500.0).unsqueeze(1), torch.zeros(500)
    tensors, dataset = TensorSplit(x, y), DatasetSplit(torch.utils.data.TensorDataset(x, y), 500)
    drawn = tensors.sample(100, 3).inputs
    assert torch.equal(drawn, dataset.sample(100, 3).inputs)
    assert not torch.equal(drawn, tensors.sample(100, 4).inputs)
    assert len(drawn.unique()) == 100 and 200 < drawn.mean() < 300
    assert torch.equal(dataset.sample(900, 3).inputs.sort(0).values, x)


def test_rows_sorted_by_class_are_all_seen(go):
    """The first 30 training rows of iris are of one class; outputs must vary by 1 over all of them."""
    go("data=iris", "init=lsuv", "init.examples=30", "trainer.max_steps=1", "optimizer=sgd", "optimizer.lr=0")
    from runner.run import load
    from runner.run.assembly import load_data

    network = load("run", "last")
    train = load_data(network.recipe).train
    assert train.targets[:30].unique().numel() == 1
    assert outputs(network.model, train.inputs)["linear1"].var().item() == pytest.approx(1.0, abs=0.2)


def test_a_run_sees_its_own_data(go):
    go("init=lsuv", "trainer.max_steps=1", "optimizer=sgd", "optimizer.lr=0", "model.hidden=[32,32]")
    from runner.run import load
    from runner.run.assembly import load_data

    network = load("run", "last")
    train = load_data(network.recipe).train
    for y in outputs(network.model, train.sample(256, seed_for(0, "init")).inputs).values():
        assert y.var().item() == pytest.approx(1.0, abs=0.021)
