"""The ready runs of ``debug=``."""

import pytest
import torch

from runner.config.options import Options
from runner.engine.batches import Batches
from runner.run import compose
from tests.cli.conftest import QUICK


def test_overfit_batch_trains_on_one_batch_and_learns_it(go, monkeypatch):
    seen, updates = [], Batches.updates

    def watched(batches, epoch, start=0, **kept):
        for update in updates(batches, epoch, start, **kept):
            seen.append(update[0].inputs.clone())
            yield update

    monkeypatch.setattr(Batches, "updates", watched)
    result = go("debug=overfit_batch", "trainer.images=0")
    assert len(seen) >= 200
    assert all(torch.equal(inputs, seen[-1]) for inputs in seen[-200:])
    assert result["train"]["accuracy"] == 1.0
    assert result["train"]["loss"] < 0.05


@pytest.mark.parametrize("experiment", Options().names("experiment"))
def test_overfit_batch_leaves_out_what_keeps_a_network_from_it(experiment):
    config = compose([f"experiment={experiment}", "debug=overfit_batch"])
    assert config.trainer.reshuffle is False
    assert not [name for name, node in config.regularization.items() if "_target_" in node]
    assert not config.augmentation


def test_one_step(go):
    assert go("debug=one_step", *QUICK[2:])["step"] == 1
