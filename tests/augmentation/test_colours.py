"""What changes colours does to each image what torchvision does to it alone, whatever the scaling of the inputs."""

import pytest
import torch
from torchvision.transforms.v2 import functional as TF

from runner.augmentation.autocontrast import Autocontrast, autocontrast
from runner.augmentation.base import PixelValues
from runner.augmentation.blur import Blur, gaussian_blur
from runner.augmentation.color_jitter import (
    ColorJitter,
    adjust_brightness_,
    adjust_contrast_,
    adjust_hue_,
    adjust_saturation_,
)
from runner.augmentation.equalize import Equalize, equalize
from runner.augmentation.grayscale import Grayscale
from runner.augmentation.invert import Invert
from runner.augmentation.posterize import Posterize, posterize
from runner.augmentation.sharpness import Sharpness, adjust_sharpness
from runner.augmentation.solarize import Solarize, solarize
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError
from tests.batches import batch_of

N = 12
CPU = torch.device("cpu")
MEAN, STD = (0.48, 0.45, 0.4), (0.23, 0.22, 0.25)
TECHNIQUES = [
    ColorJitter(),
    Grayscale(0.5),
    Blur(),
    Sharpness(),
    Posterize(),
    Solarize(),
    Autocontrast(),
    Equalize(),
    Invert(),
]
each = pytest.mark.parametrize("technique", TECHNIQUES, ids=lambda t: t.name)


def pictures(channels=3, height=22, width=26):
    """Pixels as files have them, multiples of 1/255; one image is even, one dark, one has extreme values."""
    torch.manual_seed(0)
    pixels = torch.randint(256, (N, channels, height, width)) / 255
    pixels[1] = 0.4
    pixels[2] *= 0.3
    pixels[3] = pixels[3].round()
    return (pixels * 255).round() / 255


def spec_of(channels=3, mean=MEAN, std=STD):
    inputs = Field("image", (channels, 22, 26), mean=tuple(mean)[:channels], std=tuple(std)[:channels])
    return Spec("classification", inputs, Field("class", (), 2), num_outputs=2)


FACTORS = torch.tensor([0.0, 0.3, 0.5, 0.8, 1.0, 1.2, 1.5, 1.9, 2.5, 0.9, 1.1, 0.1])
TURNS = torch.linspace(-0.5, 0.5, N)
BITS = torch.tensor([1, 2, 3, 4, 5, 6, 7, 8, 4, 3, 2, 1])
LIMITS = torch.linspace(0, 1, N)
SIGMAS = torch.linspace(0.1, 3.0, N)


def grey(image):
    return TF.rgb_to_grayscale(image, num_output_channels=3) if len(image) == 3 else image


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("ours", "numbers", "theirs"),
    [
        (adjust_brightness_, FACTORS, TF.adjust_brightness),
        (adjust_contrast_, FACTORS, TF.adjust_contrast),
        (adjust_saturation_, FACTORS, TF.adjust_saturation),
        (adjust_hue_, TURNS, TF.adjust_hue),
        (adjust_sharpness, FACTORS, TF.adjust_sharpness),
        (posterize, BITS, TF.posterize),
        (solarize, LIMITS, TF.solarize),
        (lambda pixels, _: autocontrast(pixels), FACTORS, lambda image, _: TF.autocontrast(image)),
        (lambda pixels, _: equalize(pixels), FACTORS, lambda image, _: TF.equalize(image)),
        (lambda pixels, _: Invert().apply(pixels), FACTORS, lambda image, _: TF.invert(image)),
        (lambda pixels, _: Grayscale().apply(pixels), FACTORS, lambda image, _: grey(image)),
        (lambda pixels, sigma: gaussian_blur(pixels, sigma, 5), SIGMAS, lambda image, s: TF.gaussian_blur(image, 5, s)),
        (lambda pixels, sigma: gaussian_blur(pixels, sigma, 9), SIGMAS, lambda image, s: TF.gaussian_blur(image, 9, s)),
    ],
)
def test_per_image_as_torchvision(ours, numbers, theirs, channels):
    pixels = pictures(channels)
    for given in (pixels, pixels.to(memory_format=torch.channels_last)):
        changed = ours(given.clone(), numbers)
        for result, image, number in zip(changed, pixels, numbers.tolist(), strict=True):
            torch.testing.assert_close(result, theirs(image, number), atol=2e-5, rtol=0)
    assert changed.min() >= 0
    assert changed.max() <= 1 + 1e-6


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (3, 3)])
@each
def test_tiny_images(technique, size, fit):
    technique.setup(fit(spec=spec_of(), device=CPU))
    inputs = torch.randn(2, 3, *size)
    changed = technique.on_batch(batch_of(torch.zeros(2), inputs)).inputs
    assert changed.shape == inputs.shape
    assert changed.isfinite().all()


def test_pixel_values_there_and_back():
    pixels = pictures()
    inputs = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    values = PixelValues(spec_of().inputs, CPU)
    torch.testing.assert_close(values.of(inputs), pixels, atol=1e-6, rtol=0)
    torch.testing.assert_close(values.back(values.of(inputs)), inputs, atol=1e-5, rtol=0)
    plain = PixelValues(Field("image"), CPU)
    assert torch.equal(plain.back(plain.of(pixels)), pixels)


@each
def test_scaled_inputs_are_changed_as_their_pixels_are(technique, fit):
    """The same draws on pixels, and on what scaling makes of them."""
    pixels = pictures()
    scale = [torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD)]
    technique.setup(fit(spec=spec_of(), device=CPU))
    torch.manual_seed(3)
    scaled = technique.on_batch(batch_of(torch.zeros(N), (pixels - scale[0]) / scale[1])).inputs
    technique.setup(fit(spec=spec_of(mean=(), std=()), device=CPU))
    torch.manual_seed(3)
    plain = technique.on_batch(batch_of(torch.zeros(N), pixels)).inputs
    # A pixel that lies on the border between two shades may fall on either side of it.
    close = ((scaled * scale[1] + scale[0]) - plain).abs() < 1e-4
    assert close.float().mean() > 0.97
    assert not torch.equal(plain, pixels)


@each
def test_the_chosen_share_is_changed_and_the_rest_left_to_the_bit(technique, fit):
    torch.manual_seed(0)
    technique.setup(fit(spec=spec_of(), device=CPU))
    image = pictures()[5:6]
    inputs, targets = (image - 0.5).expand(4000, -1, -1, -1), torch.arange(4000)
    batch = technique.on_batch(batch_of(targets, inputs))
    assert batch.targets is targets
    assert torch.equal(inputs[-1:], image - 0.5), "what is given is not written into"
    same = (batch.inputs == inputs).flatten(1).all(1).float().mean().item()
    assert same == pytest.approx(1 - technique.p, abs=0.03)


@each
@pytest.mark.parametrize("count", [1, 5])
def test_keeps_channels_last(technique, count, fit):
    technique.setup(fit(spec=spec_of(), device=CPU))
    images = torch.randn(count, 3, 22, 26).to(memory_format=torch.channels_last)
    changed = technique.on_batch(batch_of(torch.zeros(count), images)).inputs
    assert changed.is_contiguous(memory_format=torch.channels_last)
    torch.manual_seed(1)
    apart = technique.on_batch(batch_of(torch.zeros(count), images)).inputs
    torch.manual_seed(1)
    plain = technique.on_batch(batch_of(torch.zeros(count), images.contiguous())).inputs
    torch.testing.assert_close(apart, plain, atol=1e-5, rtol=0)


def test_the_draws_of_a_jitter():
    """Factors uniform and per image; every order of the four."""
    torch.manual_seed(0)
    technique = ColorJitter(0.4, 2.0, 0.1, 0.2)
    orders = set()
    for _ in range(300):
        orders.add(tuple(change.__name__ for change, _ in technique.draw(torch.empty(1, 3, 2, 2))))
    assert len(orders) == 24
    drawn = dict(technique.draw(torch.empty(20000, 3, 2, 2)))
    bounds = {
        adjust_brightness_: (0.6, 1.4),
        adjust_contrast_: (0.0, 3.0),
        adjust_saturation_: (0.9, 1.1),
        adjust_hue_: (-0.2, 0.2),
    }
    for change, (low, high) in bounds.items():
        expected = torch.linspace(low, high, 20000)
        torch.testing.assert_close(drawn[change].sort().values, expected, atol=0.02 * (high - low), rtol=0)
    assert ColorJitter(0, 0, 0, 0).draw(torch.empty(2, 3, 2, 2)) == ()


def test_sigma_and_sharpness_are_uniform_per_image():
    torch.manual_seed(0)
    images = torch.empty(20000, 3, 30, 40)
    sigma, size = Blur((0.5, 2.5)).draw(images)
    assert size == 3
    assert Blur().draw(torch.empty(1, 3, 224, 300))[1] == 23
    torch.testing.assert_close(sigma.sort().values, torch.linspace(0.5, 2.5, 20000), atol=0.04, rtol=0)
    (factor,) = Sharpness((0.0, 2.0)).draw(images)
    torch.testing.assert_close(factor.sort().values, torch.linspace(0.0, 2.0, 20000), atol=0.04, rtol=0)


def test_refusals():
    with pytest.raises(ConfigError, match=r"blur.sigma=\[2, 1\]: expected the smallest and the largest, at least"):
        Blur((2, 1))
    with pytest.raises(ConfigError, match=r"blur.kernel_size=4: expected an odd"):
        Blur(kernel_size=4)
    with pytest.raises(ConfigError, match=r"sharpness.factor"):
        Sharpness((-1, 1))
