import pytest
import torch
from scipy import stats
from torchvision.transforms.v2 import RandomResizedCrop
from torchvision.transforms.v2 import functional as TF

from runner.augmentation.resized_crop import ResizedCrop, resized_crop
from runner.errors import ConfigError


@pytest.mark.parametrize("shape", [(3, 12, 12), (1, 9, 16)])
def test_per_image_as_torchvision(shape):
    torch.manual_seed(0)
    _, h, w = shape
    technique = ResizedCrop((0.05, 1.0))
    images = torch.randn(200, *shape)
    draws = technique.draw(images)
    for inputs in (images, images.to(memory_format=torch.channels_last)):
        for result, image, *draw in zip(resized_crop(inputs, *draws), images, *draws, strict=True):
            top, left, height, width = (int(value) for value in draw)
            expected = TF.resized_crop(image, top, left, height, width, [h, w], antialias=True)
            torch.testing.assert_close(result, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("h", "w"), [(20, 24), (12, 60)])  # in the second some fall back on the middle
def test_draws_are_distributed_as_torchvisions(h, w):
    torch.manual_seed(0)
    ours = torch.stack(ResizedCrop((0.5, 1.0), (0.75, 4 / 3)).draw(torch.empty(4000, 1, h, w)), 1)
    theirs = RandomResizedCrop((h, w), scale=(0.5, 1.0), ratio=(0.75, 4 / 3))
    names = ("top", "left", "height", "width")
    drawn = [theirs.make_params([torch.empty(1, h, w)]) for _ in range(4000)]
    for number, name in enumerate(names):
        given = [draw[name] for draw in drawn]
        assert stats.ks_2samp(ours[:, number].tolist(), given).pvalue > 1e-3, name


def test_refusals():
    with pytest.raises(ConfigError, match=r"resized_crop.scale=\[0.5, 1.5\]: expected .* in \[0.001, 1\]"):
        ResizedCrop(scale=(0.5, 1.5))
