import pytest
import torch
from torchvision.transforms.v2 import functional as TF

from runner.augmentation.crop import Crop, shift
from runner.engine.spec import Spec
from runner.errors import ConfigError
from tests.batches import batch_of

TORCHVISION = {"reflect": "reflect", "replicate": "edge", "zeros": "constant"}


@pytest.mark.parametrize("padding_mode", list(TORCHVISION))
@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 6, 9)])
def test_per_image_as_torchvision(padding_mode, shape):
    c, h, w = shape
    reach = 3
    moves = torch.cartesian_prod(torch.arange(-reach, reach + 1), torch.arange(-reach, reach + 1))
    images = torch.randn(len(moves), c, h, w)
    for inputs in (images, images.to(memory_format=torch.channels_last)):
        moved = shift(inputs, moves[:, 0], moves[:, 1], padding_mode)
        for result, image, (down, right) in zip(moved, images, moves.tolist(), strict=True):
            padded = TF.pad(image, [reach] * 4, padding_mode=TORCHVISION[padding_mode])
            assert torch.equal(result, TF.crop(padded, reach + down, reach + right, h, w))


def test_draws_are_uniform_and_per_image(fit):
    torch.manual_seed(0)
    technique = Crop(padding=2, padding_mode="zeros")
    technique.setup(fit(spec=Spec.classification((1, 5, 5), 2)))
    images = torch.zeros(25000, 1, 5, 5)
    images[:, :, 2, 2] = 1.0  # ends where the draw tells
    changed = technique.on_batch(batch_of(torch.zeros(25000), images)).inputs
    torch.testing.assert_close(changed.mean(0)[0], torch.full((5, 5), 1 / 25), atol=0.005, rtol=0)
    torch.testing.assert_close(changed.sum((1, 2, 3)), torch.ones(25000))


@pytest.mark.parametrize(
    ("shape", "reach"), [((3, 32, 32), (4, 4)), ((1, 8, 8), (1, 1)), ((1, 28, 64), (4, 8)), ((1, 1, 4), (0, 1))]
)
def test_an_eighth_of_the_side_unless_told(fit, shape, reach):
    technique = Crop()
    technique.setup(fit(spec=Spec.classification(shape, 2)))
    assert (technique.down, technique.right) == reach
    images = torch.randn(64, *shape)
    assert technique.on_batch(batch_of(torch.zeros(64), images)).inputs.shape == images.shape


def test_keeps_channels_last(fit):
    technique = Crop()
    technique.setup(fit(spec=Spec.classification((3, 8, 8), 2)))
    images = torch.randn(8, 3, 8, 8).to(memory_format=torch.channels_last)
    assert technique.on_batch(batch_of(torch.zeros(8), images)).inputs.is_contiguous(memory_format=torch.channels_last)


def test_refusals(fit):
    with pytest.raises(ConfigError, match=r"crop.padding=8: expected less than .* 8\."):
        Crop(padding=8).setup(fit(spec=Spec.classification((1, 8, 9), 2)))
