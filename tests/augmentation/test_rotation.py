import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as TF

from runner.augmentation.rotation import Rotation, rotate
from tests.batches import batch_of


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 9, 6), (2, 5, 12)])
def test_per_image_as_torchvision(shape):
    angles = torch.tensor([0.0, 15.0, -15.0, 90.0, 37.5, 180.0, -123.0])
    images = torch.randn(len(angles), *shape)
    for inputs in (images, images.to(memory_format=torch.channels_last)):
        turned = rotate(inputs, angles, "zeros")
        for result, image, angle in zip(turned, images, angles.tolist(), strict=True):
            expected = TF.rotate(image, angle, interpolation=InterpolationMode.BILINEAR)
            torch.testing.assert_close(result, expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("padding_mode", ["reflect", "replicate"])
def test_corners_hold_values_of_the_image(padding_mode):
    images = torch.full((5, 1, 8, 8), -0.8)
    turned = rotate(images, torch.linspace(-180, 180, 5), padding_mode)
    torch.testing.assert_close(turned, images)


def test_reflection_differs_from_replication_outside_only():
    image = torch.randn(1, 1, 16, 16)
    reflected, replicated = (rotate(image, torch.tensor([30.0]), mode) for mode in ("reflect", "replicate"))
    torch.testing.assert_close(reflected[..., 5:11, 5:11], replicated[..., 5:11, 5:11])
    assert not torch.allclose(reflected, replicated)


def test_draws_are_uniform_and_per_image():
    torch.manual_seed(0)
    # A plane x: turned by a, its centre value stays 0 and its slope along x becomes cos a, along y tells the sign.
    x = torch.linspace(-7.5, 7.5, 16)
    images = x.expand(20000, 1, 16, 16)
    turned = Rotation(degrees=40.0, padding_mode="replicate").on_batch(batch_of(torch.zeros(20000), images)).inputs
    centre = turned[:, 0, 6:10, 6:10]
    slope_x, slope_y = centre.diff(dim=2).mean((1, 2)), centre.diff(dim=1).mean((1, 2))
    angles = torch.rad2deg(torch.atan2(slope_y, slope_x)).sort().values
    torch.testing.assert_close(angles, torch.linspace(-40.0, 40.0, 20000), atol=1.0, rtol=0)


def test_keeps_channels_last():
    images = torch.randn(8, 3, 8, 8).to(memory_format=torch.channels_last)
    assert Rotation().on_batch(batch_of(torch.zeros(8), images)).inputs.is_contiguous(memory_format=torch.channels_last)
