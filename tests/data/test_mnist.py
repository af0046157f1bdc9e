import pytest
import torch

from runner.data.mnist import Mnist
from runner.engine.spec import Field, Spec
from runner.errors import RunFailed


def test_probe_needs_no_files(no_cache):
    assert Mnist().probe() == Spec("classification", Field("image"), Field("class", (), 10))


@pytest.mark.skipif(not Mnist.published[0].on_machine(), reason="the files are not on this machine")
def test_the_real_set():
    splits = Mnist().load()
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [54_000, 6_000, 10_000]
    assert splits.train.inputs.shape == (54_000, 1, 28, 28)
    assert splits.train.inputs.mean().item() == pytest.approx(0, abs=1e-4)
    assert splits.train.inputs.std().item() == pytest.approx(1, abs=1e-4)
    counts = sum(torch.bincount(part.targets, minlength=10) for part in (splits.train, splits.val))
    assert counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert torch.bincount(splits.test.targets).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.slow
def test_pixel_mean_is_the_known_one_and_the_set_can_be_fetched(no_cache):
    """Mean and deviation of the 60,000 as the field knows them."""
    try:
        splits = Mnist(scaling="none").load()
    except RunFailed as error:
        pytest.skip(str(error))
    pixels = torch.cat([splits.train.inputs, splits.val.inputs])
    assert pixels.mean().item() == pytest.approx(0.1307, abs=1e-4)
    assert pixels.std().item() == pytest.approx(0.3081, abs=1e-4)
