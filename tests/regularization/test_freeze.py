import pytest
import torch
from torch import nn

from runner.errors import ConfigError
from runner.regularization.freeze import Freeze


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
