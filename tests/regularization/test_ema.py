import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from runner.errors import ConfigError
from runner.regularization.ema import EMA, pull


def steps(model, techniques=(), reference=None, number=25):
    """Random walks of the weights; everything is told after each step."""
    torch.manual_seed(1)
    seen = []
    for _ in range(number):
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn_like(p))
        seen.append([p.detach().clone() for p in model.parameters()])
        for technique in techniques:
            technique.after_step()
        if reference is not None:
            reference.update_parameters(model)
    return seen


def inside(technique, model):
    with technique.around_evaluation():
        return [p.detach().clone() for p in model.parameters()]


def test_with_correction_it_is_the_weighted_mean_of_all_weights_so_far(fit):
    model = nn.Linear(3, 2).double()
    technique = EMA(decay=0.9)
    technique.setup(fit(model=model))
    seen = steps(model, [technique])
    shares = [0.9 ** (len(seen) - 1 - i) for i in range(len(seen))]
    for i, average in enumerate(inside(technique, model)):
        expected = sum(s * tensors[i] for s, tensors in zip(shares, seen)) / sum(shares)
        torch.testing.assert_close(average, expected)


def test_without_correction_it_is_torchs(fit):
    model = nn.Linear(3, 2).double()
    technique = EMA(decay=0.9, bias_correction=False)
    technique.setup(fit(model=model))
    reference = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    reference.update_parameters(model)  # torch starts at the weights it is first shown
    steps(model, [technique], reference)
    for ours, theirs in zip(inside(technique, model), reference.module.parameters()):
        torch.testing.assert_close(ours, theirs)


@given(decay=st.floats(0, 0.9999), update=st.integers(1, 10**5))
@settings(max_examples=100, deadline=None)
def test_pull_starts_at_one_and_falls_to_its_limit(decay, update):
    assert pull(1, decay, True) == 1.0
    assert 1 - decay <= pull(update, decay, True) <= 1.0
    assert pull(update, decay, False) == 1 - decay


def test_weights_come_back_bit_by_bit_and_buffers_are_averaged(fit):
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    technique = EMA(decay=0.5)
    technique.setup(fit(model=model))
    for _ in range(3):
        model(torch.randn(8, 3))
        steps(model, [technique], number=1)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with technique.around_evaluation():
        changed = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == set(before) - {"1.num_batches_tracked"}
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_best_checkpoint_holds_the_average_and_last_the_weights(go):
    result = go("regularization=[ema]", "trainer.max_epochs=3", "regularization.ema.decay=0.99")
    assert result["best_epoch"] == 3
    last = torch.load("run/checkpoints/last.pt", weights_only=True)
    best = torch.load("run/checkpoints/best.pt", weights_only=True)
    average = last["techniques"]["ema"]["average"]
    assert all(torch.equal(best["model"][name], tensor) for name, tensor in average.items())
    assert not any(torch.equal(last["model"][name], tensor) for name, tensor in average.items())


def test_swa_beside_it_is_refused(go):
    with pytest.raises(ConfigError, match="ema can't be combined with swa"):
        go("regularization=[swa,ema]")
