import pytest
import torch

from runner.data.fashion_mnist import FashionMnist
from runner.engine.spec import Field, Spec
from runner.errors import RunFailed


def test_probe_needs_no_files(no_cache):
    assert FashionMnist().probe() == Spec("classification", Field("image"), Field("class", (), 10))


@pytest.mark.slow
@pytest.mark.skipif(not FashionMnist.published[0].on_machine(), reason="the files are not on this machine")
def test_the_real_set():
    splits = FashionMnist().load()
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [54_000, 6_000, 10_000]
    assert splits.train.inputs.shape == (54_000, 1, 28, 28)
    assert splits.train.inputs.mean().item() == pytest.approx(0, abs=1e-4)
    assert splits.train.inputs.std().item() == pytest.approx(1, abs=1e-4)
    counts = sum(torch.bincount(part.targets, minlength=10) for part in (splits.train, splits.val))
    assert counts.tolist() == [6000] * 10
    assert torch.bincount(splits.test.targets).tolist() == [1000] * 10


@pytest.mark.slow
def test_pixel_mean_is_the_known_one_and_the_set_can_be_fetched(no_cache):
    """Mean and deviation of the 60,000 as the field knows them."""
    try:
        splits = FashionMnist(scaling="none").load()
    except RunFailed as error:
        pytest.skip(str(error))
    pixels = torch.cat([splits.train.inputs, splits.val.inputs])
    assert pixels.mean().item() == pytest.approx(0.2860, abs=1e-4)
    assert pixels.std().item() == pytest.approx(0.3530, abs=1e-4)
