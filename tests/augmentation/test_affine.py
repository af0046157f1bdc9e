import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as TF

from runner.augmentation.affine import Affine
from runner.augmentation.geometry.warp import affine_matrix, inverse, warp
from runner.augmentation.rotation import rotate
from runner.errors import ConfigError

DRAWS = torch.tensor(
    [  # degrees, right, down, scale, slant, tilt
        [0.0, 0.0, 0.0, 1.0, 0.0, 0.0],
        [30.0, 0.0, 0.0, 1.0, 0.0, 0.0],
        [0.0, 3.0, -2.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.7, 0.0, 0.0],
        [0.0, 0.0, 0.0, 1.0, 20.0, 0.0],
        [0.0, 0.0, 0.0, 1.0, 0.0, 20.0],
        [-110.0, -1.0, 2.0, 1.3, 12.0, -9.0],
        [15.0, 2.0, 1.0, 0.8, -30.0, 25.0],
    ]
)


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 9, 6), (2, 5, 12)])
def test_per_image_as_torchvision(shape):
    torch.manual_seed(0)
    images = torch.randn(len(DRAWS), *shape)
    for inputs in (images, images.to(memory_format=torch.channels_last)):
        changed = warp(inputs, affine_matrix(*DRAWS.T), "zeros")
        for result, image, draw in zip(changed, images, DRAWS.tolist(), strict=True):
            degrees, right, down, scale, *shear = draw
            expected = TF.affine(
                image, degrees, [int(right), int(down)], scale, shear, interpolation=InterpolationMode.BILINEAR
            )
            torch.testing.assert_close(result, expected, atol=1e-4, rtol=1e-4)


def test_a_rotation_alone_is_rotation():
    torch.manual_seed(0)
    images, degrees = torch.randn(5, 3, 8, 10), torch.linspace(-90, 90, 5)
    zero = torch.zeros(5)
    turned = warp(images, affine_matrix(-degrees, zero, zero, zero + 1, zero, zero))
    torch.testing.assert_close(turned, rotate(images, degrees), atol=1e-4, rtol=1e-4)


def test_the_way_back():
    torch.manual_seed(0)
    matrices = torch.randn(50, 3, 3)
    torch.testing.assert_close(inverse(matrices), torch.linalg.inv(matrices), atol=1e-3, rtol=1e-3)


def test_draws_are_uniform_and_per_image():
    torch.manual_seed(0)
    n = 20000
    technique = Affine(degrees=30.0, translate=0.2, scale=(0.5, 1.5), shear=0.0)
    matrix, height, width = technique.draw(torch.empty(n, 1, 20, 40))
    assert (height, width) == (20, 40)
    angle = torch.rad2deg(torch.atan2(matrix[:, 1, 0], matrix[:, 0, 0]))
    scale = torch.linalg.det(matrix).sqrt()
    torch.testing.assert_close(angle.sort().values, torch.linspace(-30, 30, n), atol=0.8, rtol=0)
    torch.testing.assert_close(scale.sort().values, torch.linspace(0.5, 1.5, n), atol=0.02, rtol=0)
    for column, reach in ((matrix[:, 0, 2], 8), (matrix[:, 1, 2], 4)):
        assert torch.equal(column, column.round())
        assert column.unique().tolist() == list(range(-reach, reach + 1))
        inner = column[column.abs() < reach]
        assert ((inner == 0).float().mean() - 1 / (2 * reach - 1)).abs() < 0.01
    slanted, *_ = Affine(0.0, 0.0, (1.0, 1.0), 20.0).draw(torch.empty(n, 1, 8, 8))
    slant = torch.rad2deg(torch.atan(-slanted[:, 0, 1]))
    torch.testing.assert_close(slant.sort().values, torch.linspace(-20, 20, n), atol=0.6, rtol=0)


def test_refusals():
    with pytest.raises(ConfigError, match=r"affine.scale=\[1.2, 0.8\]: expected the smallest and the largest"):
        Affine(scale=(1.2, 0.8))
