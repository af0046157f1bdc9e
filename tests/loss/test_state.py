"""A loss may change while a network learns; its state is in the checkpoint."""

import torch

from runner.engine import checkpoint
from runner.run import compose, resume, run

MODULE = """
from runner.loss.cross_entropy import CrossEntropy


class Levelled(CrossEntropy):
    '''Cross-entropy over its own running mean: what it was changes every gradient.'''

    def __init__(self, spec):
        super().__init__(spec)
        self.mean, self.seen = None, 0

    def __call__(self, outputs, batch):
        value = super().__call__(outputs, batch)
        if value.requires_grad:
            now = value.detach()
            self.mean = now if self.mean is None else 0.9 * self.mean + 0.1 * now
            self.seen += batch.examples
        return value if self.mean is None else value / self.mean

    def state_dict(self):
        return {"mean": self.mean, "seen": self.seen}

    def load_state_dict(self, state):
        self.mean, self.seen = state["mean"], state["seen"]
"""


def test_it_is_saved_and_taken_back_on_resuming(tmp_path, monkeypatch):
    (tmp_path / "my_models.py").write_text(MODULE)
    (tmp_path / "mine" / "loss").mkdir(parents=True)
    (tmp_path / "mine" / "loss" / "levelled.yaml").write_text("# Mine.\n_target_: my_models.Levelled\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    words = ["loss=levelled", "trusted_targets=[my_models]", "trainer.threads=1", "scheduler=constant"]
    words += ["model.hidden=[8]", "trainer.max_epochs=4"]
    run(compose(words, "mine"), tmp_path / "whole", None, words)
    cut = [*words, "trainer.max_steps=57"]  # in the middle of the second epoch
    run(compose(cut, "mine"), tmp_path / "cut", None, cut)
    resume("cut", ["trainer.max_steps=null"], trusted_targets=["my_models"])
    whole, cut = (
        checkpoint.load(tmp_path / n / "checkpoints" / "last.pt", torch.device("cpu")) for n in ("whole", "cut")
    )
    assert whole["loss"]["seen"] == cut["loss"]["seen"] == 4 * 1258
    assert torch.equal(whole["loss"]["mean"], cut["loss"]["mean"])
    assert all(torch.equal(tensor, cut["model"][name]) for name, tensor in whole["model"].items())
