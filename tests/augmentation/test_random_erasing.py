import pytest
import torch
from scipy import stats
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as TF

from runner.augmentation.color_jitter import ColorJitter
from runner.augmentation.crop import Crop
from runner.augmentation.cutout import Cutout
from runner.augmentation.noise import Noise
from runner.augmentation.random_erasing import RandomErasing, erase
from runner.augmentation.sharpness import Sharpness
from runner.engine.technique import in_order
from runner.errors import ConfigError


@pytest.mark.parametrize("value", ["random", "zeros"])
def test_per_image_as_torchvisions_erase(value):
    torch.manual_seed(0)
    images = torch.randn(100, 3, 11, 16)
    technique = RandomErasing(p=0.8, value=value)
    draws = technique.draw(images)
    top, left, height, width, put = draws
    erased = 0
    for number, (result, image) in enumerate(zip(erase(images, *draws), images, strict=True)):
        i, j, h, w = (int(part[number]) for part in (top, left, height, width))
        values = put[:, i : i + h, j : j + w] if value == "random" else torch.zeros(1)
        assert torch.equal(result, TF.erase(image, i, j, h, w, values) if h else image)
        erased += h > 0
    assert 60 < erased < 95


@pytest.mark.parametrize("side", [(20, 30), (9, 40)])
def test_draws_are_distributed_as_torchvisions(side):
    torch.manual_seed(0)
    h, w = side
    top, left, height, width, _ = RandomErasing(p=1.0, scale=(0.1, 0.6)).draw(torch.empty(4000, 1, h, w))
    theirs = v2.RandomErasing(p=1.0, scale=(0.1, 0.6), ratio=(0.3, 3.3))
    drawn = [theirs.make_params([torch.empty(1, h, w)]) for _ in range(4000)]
    there = [draw for draw in drawn if draw["v"] is not None]
    kept = height > 0
    assert abs(kept.float().mean().item() - len(there) / 4000) < 0.02
    for ours, name in ((top, "i"), (left, "j"), (height, "h"), (width, "w")):
        assert stats.ks_2samp(ours[kept].tolist(), [draw[name] for draw in there]).pvalue > 1e-3, name


def test_nothing_moves_or_colours_what_was_erased():
    order = [t.name for t in in_order([RandomErasing(), Sharpness(), Cutout(), ColorJitter(), Crop(), Noise()])]
    assert order == ["crop", "color_jitter", "sharpness", "cutout", "random_erasing", "noise"]


def test_a_single_pixel_stays():
    images = torch.randn(4, 1, 1, 1)
    technique = RandomErasing(1.0)
    assert torch.equal(technique.apply(images, *technique.draw(images)), images)


def test_refusals():
    with pytest.raises(ConfigError, match=r"random_erasing.ratio=\[3, 0.3\]"):
        RandomErasing(ratio=(3, 0.3))
