import itertools

import pytest
import torch
from torch import nn

from runner.config.build import build_optimizer
from runner.config.groups import BY_NAME
from runner.config.options import Options
from runner.config.recipe import Node
from runner.errors import ConfigError, Interrupted
from runner.regularization.freeze import Freeze
from runner.run import resume
from tests.test_run import StopAt


def weights(folder, name="last"):
    return torch.load(f"{folder}/checkpoints/{name}.pt", weights_only=True)["model"]


COMMON = ["model=cnn", "model.channels=[4]", "model.head=[8]", "optimizer=adamw", "optimizer.weight_decay=0.1"]
COMMON += ["trainer.limit_batches=3"]


def changed(a, b):
    return {name for name in a if not torch.equal(a[name], b[name])}


@pytest.mark.parametrize(
    ("layers", "trained"),
    [
        (None, {"output.weight", "output.bias"}),
        ("[conv1,norm1]", {"linear1.weight", "linear1.bias", "output.weight", "output.bias"}),
        ("['*.bias']", {"conv1.weight", "norm1.weight", "linear1.weight", "output.weight"}),
    ],
)
def test_frozen_parameters_are_bit_equal_after_training(go, layers, trained):
    overrides = [*COMMON, "regularization=[freeze,l2,max_norm,gradient_noise]", "trainer.checkpoint.every_epochs=1"]
    overrides += [f"regularization.freeze.layers={layers}"] if layers else []
    go(*overrides, "trainer.max_epochs=3", folder="frozen")
    begin, end = weights("frozen", "epoch-0001"), weights("frozen")
    statistics = {name for name in begin if "running" in name or "tracked" in name}
    expected = trained | (statistics if layers == "['*.bias']" else set())
    assert changed(begin, end) == expected


def test_unfreezing_step_by_step(go):
    overrides = [*COMMON, "regularization=[freeze]", "regularization.freeze.layers=[conv1,norm1,linear1]"]
    overrides += ["regularization.freeze.unfreeze_epoch=[4,4,3]", "trainer.checkpoint.every_epochs=1"]
    go(*overrides, "trainer.max_epochs=4")
    at = [weights("run", f"epoch-000{epoch}") for epoch in (1, 2, 3, 4)]
    output = {"output.weight", "output.bias"}
    linear = {"linear1.weight", "linear1.bias"}
    assert changed(at[0], at[1]) == output
    assert changed(at[1], at[2]) == output | linear
    assert changed(at[2], at[3]) == set(at[0])


def test_mistakes(fit, go):
    model = nn.ModuleDict({"conv1": nn.Linear(2, 2), "output": nn.Linear(2, 2)})
    with pytest.raises(ConfigError, match=r"'conf1' matches no parameter.*Did you mean 'conv1'"):
        Freeze(("conf1",)).setup(fit(model=model))
    with pytest.raises(ConfigError, match="nothing to train"):
        Freeze(("*",)).setup(fit(model=model))
    with pytest.raises(ConfigError, match="single layer"):
        Freeze().setup(fit(model=nn.Linear(2, 2)))
    with pytest.raises(ConfigError, match="has 2 epochs for 1 layers"):
        Freeze(("conv1",), (1, 2))
    with pytest.raises(ConfigError, match="expected"):
        go("regularization=[freeze]", "regularization.freeze.unfreeze_epoch=0")


OPTIMIZERS = Options().names("optimizer")


@pytest.mark.long
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_goes_on_with_layers_that_are_unfrozen(go, optimizer):
    """Also where the run was interrupted in front of the unfreezing, and where it was behind it."""
    overrides = ["data=iris", f"optimizer={optimizer}", "model.hidden=[8,8]", "regularization=[freeze]"]
    overrides += ["regularization.freeze.layers=[linear1,linear2]", "regularization.freeze.unfreeze_epoch=[3,2]"]
    overrides += ["trainer.limit_batches=2", "trainer.max_epochs=4", "trainer.checkpoint.every_epochs=1"]
    go(*overrides, folder="whole")
    at = [weights("whole", f"epoch-000{epoch}") for epoch in (1, 2, 3, 4)]
    layers = [{name.partition(".")[0] for name in changed(a, b)} for a, b in itertools.pairwise(at)]
    assert layers == [{"linear2", "output"}, {"linear1", "linear2", "output"}, {"linear1", "linear2", "output"}]
    for epoch in (1, 2):
        with pytest.raises(Interrupted):
            go(*overrides, folder=f"cut-{epoch}", progress=StopAt(epoch))
        resume(f"cut-{epoch}")
        assert changed(weights("whole"), weights(f"cut-{epoch}")) == set()


@pytest.mark.parametrize("dampening", [0, 0.5])
def test_momentum_of_unfrozen_layers_starts_with_their_first_gradient_as_torchs(dampening):
    """Against torch's plain loops, which know of each parameter whether it has a momentum."""
    values = {"_target_": "torch.optim.SGD", "lr": 0.1, "momentum": 0.9, "dampening": dampening}
    node = Node("optimizer", values, (), BY_NAME["optimizer"])
    ours, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    optimizer = build_optimizer(node, ours, "cpu")
    reference = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9, dampening=dampening, foreach=False)
    for step in range(4):
        x = torch.randn(5, 3)
        for model, opt in ((ours, optimizer), (theirs, reference)):
            model.weight.requires_grad_(step > 1)
            opt.zero_grad()
            model(x).square().sum().backward()
            opt.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)
