"""Adapters in a network that was pruned before."""

import torch

from runner.cli.verbs import answer
from runner.run import load


def test_what_was_trained_is_what_is_loaded(go, tmp_path, capsys):
    go("trainer.max_epochs=1")
    assert answer(["prune", "run", "--method", "low_rank", "--amount", "0.3"]) == 0
    (variant,) = (tmp_path / "outputs" / "variants").iterdir()
    start = ["init=checkpoint", f"init.path={variant}", "adapter=lora"]
    result = go(*start, "trainer.max_epochs=1", folder="adapted")
    network = load("adapted")
    assert [change.name for change in network.changes] == ["low_rank"]
    x = torch.randn(5, 1, 8, 8)
    assert torch.equal(network.model(x), load("adapted", "last").model(x)) or result["best_epoch"] == 1
    assert answer(["evaluate", "adapted", "--evaluation", "off"]) == 0
    assert f"{result['test']['accuracy']:.4f}" in capsys.readouterr().out
