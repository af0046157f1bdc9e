import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2

from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.regularization.cutmix import CutMix, cutmix, draw_box
from runner.regularization.mixup import Mixup, mixup
from runner.regularization.targets.mixing import mix_targets
from tests.batches import batch_of

SPEC = Spec.classification((2, 7, 9), 4)


def together(fit, *techniques, spec=SPEC):
    made = fit(spec=spec, techniques=list(techniques))
    for technique in techniques:
        technique.setup(made)
    return techniques


def batch(seed, n=6):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 2, 7, 9, generator=generator), torch.randint(4, (n,), generator=generator)


@pytest.mark.parametrize(("ours", "theirs"), [(Mixup, v2.MixUp), (CutMix, v2.CutMix)])
@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_as_torchvisions_for_the_same_draws(fit, ours, theirs, alpha):
    (technique,) = together(fit, ours(alpha=alpha))
    reference = theirs(alpha=alpha, num_classes=4)
    for seed in range(20):
        x, y = batch(seed)
        torch.manual_seed(seed)
        made = technique.on_batch(batch_of(y.clone(), x.clone()))
        mixed, targets = made.inputs, made.targets
        torch.manual_seed(seed)
        expected, expected_targets = reference(x, y)
        torch.testing.assert_close(mixed, expected)
        torch.testing.assert_close(targets, expected_targets)


@given(lam=st.floats(0, 1), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_formulas(lam, seed):
    x, y = batch(seed)
    torch.testing.assert_close(mixup(x, lam), lam * x + (1 - lam) * x[[-1, *range(5)]])
    onehot = F.one_hot(y, 4).float()
    torch.testing.assert_close(mix_targets(y, 4, lam), lam * onehot + (1 - lam) * onehot[[-1, *range(5)]])
    torch.testing.assert_close(mix_targets(onehot, 4, lam), mix_targets(y, 4, lam))
    left, top, right, bottom = draw_box(7, 9, lam)
    assert 0 <= left <= right <= 9 and 0 <= top <= bottom <= 7
    mixed, share = cutmix(x, (left, top, right, bottom))
    kept = (mixed == x).all(1)[0]
    assert kept.float().mean().item() == pytest.approx(share)
    assert not kept[top:bottom, left:right].any()


def test_a_batch_of_one_stays(fit):
    (technique,) = together(fit, Mixup())
    x, y = batch(0, 1)
    made = technique.on_batch(batch_of(y, x))
    mixed, targets = made.inputs, made.targets
    torch.testing.assert_close(mixed, x)
    torch.testing.assert_close(targets, F.one_hot(y, 4).float())


@pytest.mark.parametrize("technique", [Mixup, CutMix])
def test_alpha_may_be_typed_as_an_integer(fit, technique):
    torch.manual_seed(0)
    (whole,) = together(fit, technique(alpha=1))
    shares = torch.tensor([whole.draw() for _ in range(2000)])
    assert shares.mean().item() == pytest.approx(1 / 2, abs=0.03)  # Beta(1, 1) is uniform
    assert shares.var().item() == pytest.approx(1 / 12, abs=0.01)


def test_one_or_the_other_and_never_both(fit):
    torch.manual_seed(0)
    mixers = together(fit, CutMix(), Mixup(alpha=1.0))
    counts = {"cutmix": 0, "mixup": 0}
    for seed in range(400):
        x, y = batch(seed)
        made = batch_of(y, x)
        for technique in mixers:
            made = technique.on_batch(made)
        mixed, targets = made.inputs, made.targets
        assert targets.shape == (6, 4)
        rolled = x.roll(1, 0)
        patched = ((mixed == x) | (mixed == rolled)).all()
        counts["cutmix" if patched else "mixup"] += 1
    assert 150 < counts["mixup"] < 250


@pytest.mark.parametrize("technique", [Mixup, CutMix])
def test_share_of_batches(fit, technique):
    torch.manual_seed(0)
    (made,) = together(fit, technique(p=0.25))
    x, y = batch(0)
    mixed = sum(made.on_batch(batch_of(y, x)).targets is not y for _ in range(400))
    assert 70 < mixed < 130


@pytest.mark.parametrize("technique", [Mixup, CutMix])
def test_memory_format_stays(fit, technique):
    (made,) = together(fit, technique(alpha=1.0))
    x, y = batch(0)
    mixed = made.on_batch(batch_of(y, x.to(memory_format=torch.channels_last))).inputs
    assert mixed.is_contiguous(memory_format=torch.channels_last)


def test_needs_classes(fit):
    with pytest.raises(ConfigError, match="expected classes"):
        together(fit, Mixup(), spec=Spec.regression((5,), 1))


def test_scores_are_of_the_hard_targets(go):
    """With `p=0.5` half of the batches reach full accuracy; soft targets would be an error in the metrics."""
    result = go("regularization=[mixup,label_smoothing]", "regularization.mixup.p=0.5", "trainer.max_epochs=6")
    assert result["test"]["accuracy"] > 0.9
    assert 0.7 < result["train"]["accuracy"] <= 1
