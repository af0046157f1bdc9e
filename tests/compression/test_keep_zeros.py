"""Training of pruned networks: against torch's masks, and with everything that moves weights."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from runner.compression.keep_zeros import KeepZeros
from runner.compression.masks.magnitude import over_all_layers
from runner.compression.masks.weights import prunable, zeros
from runner.engine.progress import Progress
from runner.errors import Interrupted
from runner.optimizer.wrapper.sam import climb
from runner.run import compose, load, resume, run
from tests.faults.kill_resume import content, same
from tests.regularization.test_all import CNN, SHORT
from tests.test_run import StopAt


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 20), nn.Tanh(), nn.Linear(20, 3))


def cut(model, amount=0.7):
    with torch.no_grad():
        masks = over_all_layers(prunable(model), amount)
        for name, p in prunable(model).items():
            p.mul_(masks[name])
    return masks


def test_a_pruned_network_learns_as_one_whose_layers_multiply_by_masks():
    """With momentum, weight decay, clipping of the norm, two micro-batches, and sharpness-aware steps."""
    ours, theirs = network(), network()
    masks = cut(ours)
    cut(theirs)
    technique = KeepZeros()
    technique.setup(SimpleNamespace(model=ours))
    for name, mask in masks.items():
        prune.custom_from_mask(theirs.get_submodule(name.partition(".")[0]), "weight", mask)
    x, y = torch.randn(2, 40, 6), torch.randn(2, 40, 3)
    optimizers = [
        torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True)
        for net in (ours, theirs)
    ]
    for _ in range(30):
        for net, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            for part in range(2):
                (net(x[part]) - y[part]).square().mean().backward()
            own = [*net.parameters()]
            before = [p.detach().clone() for p in own]
            with torch.no_grad():
                torch._foreach_add_(own, climb(own, [p.grad for p in own], 0.05, False))
            optimizer.zero_grad()
            for part in range(2):
                (net(x[part]) - y[part]).square().mean().backward()
            with torch.no_grad():
                torch._foreach_copy_(own, before)
            nn.utils.clip_grad_norm_(own, 0.3)
            optimizer.step()
        technique.after_step()
    for name, p in prunable(ours).items():
        other = theirs.get_submodule(name.partition(".")[0])
        torch.testing.assert_close(p, other.weight_orig * other.weight_mask, rtol=1e-5, atol=1e-7)
        assert torch.equal(p != 0, masks[name])


WITH = {
    "momentum": ["optimizer=momentum", "optimizer.weight_decay=0.1"],
    "adamw_bf16_accumulated": ["optimizer=adamw", "trainer.precision=bf16", "trainer.accumulate=2"],
    "muon": ["optimizer=muon"],
    "sam": ["optimizer/wrapper=sam"],
    "lookahead": ["optimizer/wrapper=lookahead", "optimizer.wrapper.k=2"],
    "ema": ["regularization=[ema,gradient_noise]", "trainer.clip_norm=1"],
    "swa": ["regularization=[swa]", "regularization.swa.start=1"],
    "thawed": [
        "regularization=[freeze]",
        "regularization.freeze.layers=[conv1]",
        "regularization.freeze.unfreeze_epoch=2",
    ],
}


@pytest.fixture(scope="module")
def pruned(tmp_path_factory):
    """The weights of a network, most of which are zero."""
    folder = tmp_path_factory.mktemp("pruned")
    run(compose([*CNN, *SHORT, "trainer.max_epochs=1"]), folder / "run")
    model = load(folder / "run").model
    cut(model)
    torch.save(model.state_dict(), folder / "pruned.pt")
    return folder / "pruned.pt"


@pytest.mark.parametrize("name", WITH)
def test_zeros_stay_whatever_moves_weights_also_of_a_run_that_was_resumed(name, go, pruned):
    words = [*CNN, *SHORT, *WITH[name], "compression=[keep_zeros]", "init=checkpoint", f"init.path={pruned}"]
    words.append("trainer.max_epochs=3")
    go(*words, folder="whole")
    before = torch.load(pruned, weights_only=True)
    for checkpoint in ("best", "last"):
        for weight, p in prunable(load("whole", checkpoint).model).items():
            assert torch.equal(p == 0, before[weight] == 0)
            assert not torch.equal(p, before[weight])
    with pytest.raises(Interrupted):
        go(*words, folder="cut", progress=StopAt(1))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []


class Heard(Progress):
    """Keeps what is said."""

    def __init__(self):
        self.said = []

    def message(self, text):
        self.said.append(text)


def test_a_network_without_zeros_is_told_of_once(go):
    heard = Heard()
    go(*CNN, *SHORT, "compression=[keep_zeros]", "trainer.max_epochs=2", folder="plain", progress=heard)
    assert sum("there is none to keep" in text for text in heard.said) == 1
    assert max(zeros(prunable(load("plain").model)).values()) == 0
