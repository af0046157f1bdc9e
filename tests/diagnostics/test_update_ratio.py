import pytest
import torch
from torch import nn

from runner.diagnostics.update_ratio import UpdateRatio, update_ratios


def test_ratios_by_hand():
    before = [torch.tensor([3.0, 4.0]), torch.zeros(2), torch.tensor([[1.0]])]
    after = [torch.tensor([3.0, 4.5]), torch.zeros(2), torch.tensor([[-1.0]])]
    torch.testing.assert_close(update_ratios(before, after), torch.tensor([0.1, 0.0, 2.0]))


def one_update(fit, technique, factor):
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    parts = fit(model)
    technique.setup(parts)
    technique.before_step()
    with torch.no_grad():
        model[0].weight.mul_(1 + factor)
    return parts, technique.on_interval(1)


def test_the_update_itself_is_measured(fit):
    technique = UpdateRatio()
    _, scores = one_update(fit, technique, 0.02)
    assert scores == {"update_ratio/0": pytest.approx(0.02, rel=1e-4), "update_ratio/1": 0.0}


def test_weights_are_kept_only_for_updates_that_end_an_interval(fit):
    technique = UpdateRatio()
    parts = fit(nn.Linear(2, 2))
    parts.settings.log_every = 3
    technique.setup(parts)
    kept = []
    for step in range(6):
        parts.state.epoch_step = step % 4
        technique.before_step()
        kept.append(bool(technique.before))
        technique.before = []
    assert kept == [False, False, True, False, False, False]


def test_too_fast_and_too_slow_are_told_apart(fit):
    technique = UpdateRatio()
    one_update(fit, technique, 0.5)
    fast, slow = technique.advice()
    assert "layer 0 by 0.5 of the weights" in fast
    assert "too high" in fast
    assert "layer 1 by 0 of the weights" in slow
    assert "higher optimizer.lr" in slow


def test_small_updates_at_the_end_of_a_schedule_are_meant(fit):
    technique = UpdateRatio()
    parts = fit(nn.Linear(2, 2))
    technique.setup(parts)
    parts.optimizer.param_groups[0]["lr"] = 0.001
    technique.before_step()
    technique.on_interval(1)
    assert technique.advice() == []


def test_a_rate_that_is_too_high_is_named_in_a_run(go):
    fast = ["optimizer.lr=0.5", "scheduler=constant", "trainer.max_steps=2", "trainer.log_every=1"]
    fast += ["diagnostics=[update_ratio]"]
    assert any("too high" in s for s in go(*fast, folder="fast")["advice"])
    assert go("trainer.max_epochs=2", "diagnostics=[update_ratio]", folder="fine")["advice"] == []
