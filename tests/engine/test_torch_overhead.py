import subprocess
import sys

import pytest
import torch

from runner.engine.torch_overhead import bare_step

OPTIMIZERS = ["SGD", "Adam", "AdamW", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta", "Adamax"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_bare_step_equals_torchs(name):
    def train(bare):
        torch.manual_seed(0)
        weights = [torch.nn.Parameter(torch.randn(4, 3)), torch.nn.Parameter(torch.randn(3))]
        optimizer = getattr(torch.optim, name)(weights, lr=0.01)
        step = bare_step(optimizer) if bare else optimizer.step
        for _ in range(5):
            for w in weights:
                w.grad = torch.randn_like(w)
            step()
        return weights

    assert all(torch.equal(a, b) for a, b in zip(train(True), train(False)))


def test_hooks_and_other_peoples_optimizers_keep_their_step():
    weight = torch.nn.Parameter(torch.zeros(1))
    hooked = torch.optim.SGD([weight], lr=1.0)
    hooked.register_step_post_hook(lambda *_: None)
    assert bare_step(hooked) == hooked.step

    class Mine(torch.optim.SGD):
        def step(self):
            return "mine"

    mine = Mine([weight], lr=1.0)
    assert bare_step(mine)() == "mine"


@pytest.mark.slow
def test_a_run_does_not_import_the_compiler(tmp_path):
    code = (
        "import sys; sys.argv = ['runner', 'trainer.max_steps=2']\n"
        "from runner.cli.verbs import _dispatch\n"
        "_dispatch(sys.argv[1:])\n"
        "print('imported', [m for m in ('torch._dynamo', 'sklearn', 'torchvision', 'optuna') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported []"
