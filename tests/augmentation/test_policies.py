"""Policies: the spaces and the operations are torchvision's, the draws are per image, a batch runs by operations."""

import pytest
import torch
from scipy import stats
from torchvision.transforms import InterpolationMode, v2

from runner.augmentation.aug_mix import BINS as MIX_BINS
from runner.augmentation.aug_mix import AugMix
from runner.augmentation.policy.operations import Draw, apply, drawn
from runner.augmentation.rand_augment import BINS, RandAugment
from runner.augmentation.trivial_augment import TrivialAugment
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError
from tests.batches import batch_of

CPU = torch.device("cpu")
H, W = 36, 44
THEIRS = {
    "identity": "Identity",
    "shear_x": "ShearX",
    "shear_y": "ShearY",
    "translate_x": "TranslateX",
    "translate_y": "TranslateY",
    "rotation": "Rotate",
    "brightness": "Brightness",
    "saturation": "Color",
    "contrast": "Contrast",
    "sharpness": "Sharpness",
    "posterize": "Posterize",
    "solarize": "Solarize",
    "autocontrast": "AutoContrast",
    "equalize": "Equalize",
}
EACH = pytest.mark.parametrize(
    ("ours", "theirs", "bins"),
    [(RandAugment, v2.RandAugment, BINS), (TrivialAugment, v2.TrivialAugmentWide, BINS), (AugMix, v2.AugMix, MIX_BINS)],
    ids=["rand_augment", "trivial_augment", "aug_mix"],
)
POLICIES = pytest.mark.parametrize("technique", [RandAugment(), TrivialAugment(), AugMix()], ids=lambda t: t.name)


def pictures(count, channels=3):
    torch.manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(count, channels, 6, 6), (H, W), mode="bicubic").clamp(0, 1)
    return (smooth * 255).round() / 255


def spec(kind="class"):
    inputs = Field("image", (3, H, W), mean=(0.5, 0.4, 0.6), std=(0.2, 0.25, 0.3))
    return Spec("classification", inputs, Field(kind, (), 2), num_outputs=2)


@EACH
def test_the_spaces_are_torchvisions(ours, theirs, bins):
    space = theirs._AUGMENTATION_SPACE
    assert {THEIRS[name] for name in ours.space} == set(space)
    for name, strength in ours.space.items():
        magnitudes, signed = space[THEIRS[name]]
        expected = magnitudes(bins, H, W)
        assert strength.signed == signed
        if expected is not None:
            torch.testing.assert_close(strength.bins(bins, H, W), expected.float(), atol=1e-4, rtol=1e-5)


@EACH
def test_every_operation_of_every_strength_is_torchvisions(ours, theirs, bins):
    """One batch holds them all, each image with another."""
    numbers, magnitudes = [], []
    for number, strength in enumerate(ours.space.values()):
        for value in strength.bins(bins, H, W)[:: 1 if bins == MIX_BINS else 6].tolist():
            numbers += [number, number] if strength.signed else [number]
            magnitudes += [value, -value] if strength.signed else [value]
    pixels = pictures(len(numbers))
    changed = apply(ours.space, pixels, Draw(torch.tensor(numbers), torch.tensor(magnitudes)), "zeros")
    reference, names = theirs(), list(ours.space)
    for result, image, number, magnitude in zip(changed, pixels, numbers, magnitudes, strict=True):
        expected = reference._apply_image_or_video_transform(
            image, THEIRS[names[number]], magnitude, interpolation=InterpolationMode.BILINEAR, fill=reference._fill
        )
        close = ((result - expected).abs() < 2e-3).float().mean()
        assert close > (0.995 if names[number] in ("posterize", "equalize") else 0.9999), (names[number], magnitude)


@POLICIES
def test_an_image_is_changed_as_it_is_alone(technique, fit):
    """Whatever the other images of its batch are given."""
    technique.setup(fit(spec=spec(), device=CPU))
    pixels = pictures(40)
    draws = technique.draw(pixels)
    together = technique.apply(pixels.clone(), *draws)
    for number in range(0, 40, 7):
        one = slice(number, number + 1)
        if isinstance(technique, AugMix):
            itself, shares, chains, lengths = draws
            cut = [[Draw(d.number[one], d.magnitude[one]) for d in chain] for chain in chains]
            alone = technique.apply(pixels[one].clone(), itself[one], shares[one], cut, lengths[one])
        else:
            alone = technique.apply(
                pixels[one].clone(), H, W, *(Draw(d.number[one], d.magnitude[one]) for d in draws[2:])
            )
        torch.testing.assert_close(alone[0], together[number], atol=1e-5, rtol=0)


def test_a_mixture_follows_its_formula(fit):
    technique = AugMix(width=2)
    pixels = pictures(10)
    itself, shares, chains, lengths = technique.draw(pixels)
    torch.testing.assert_close(itself + shares.sum(1), torch.ones(10))
    expected = itself[:, None, None, None] * pixels
    for number, chain in enumerate(chains):
        for row in range(10):
            image = pixels[row : row + 1]
            for draw in chain[: int(lengths[row, number])]:
                image = apply(
                    technique.space, image, Draw(draw.number[row : row + 1], draw.magnitude[row : row + 1]), "zeros"
                )
            expected[row] += shares[row, number] * image[0]
    torch.testing.assert_close(technique.apply(pixels, itself, shares, chains, lengths), expected.clamp(0, 1))


def test_draws_are_uniform_and_per_image():
    torch.manual_seed(0)
    n, images = 14000, torch.empty(14000, 3, H, W)
    for technique, strengths in ((RandAugment(3, 9), 1), (TrivialAugment(), BINS)):
        _, _, *draws = technique.draw(images)
        assert len(draws) == (3 if strengths == 1 else 1)
        for draw in draws:
            counts = torch.bincount(draw.number, minlength=14).tolist()
            assert stats.chisquare(counts).pvalue > 1e-3
            rotated = draw.magnitude[draw.number == 5]
            assert abs((rotated > 0).float().mean().item() - 0.5 * (1 if strengths == 1 else 30 / 31)) < 0.06
            assert len(rotated.abs().unique()) == strengths
    assert not torch.equal(*(draw.number for draw in RandAugment(2).draw(images)[2:]))
    itself, shares, chains, lengths = AugMix(severity=3).draw(images)
    assert stats.kstest(itself, "uniform").pvalue > 1e-3  # Beta(1, 1)
    assert torch.bincount(lengths.flatten()).tolist()[0] == 0
    assert stats.chisquare(torch.bincount(lengths.flatten())[1:]).pvalue > 1e-3
    assert stats.kstest(shares[:, 0] / (1 - itself), "beta", (1, 2)).pvalue > 1e-3  # a part of Dirichlet(1, 1, 1)
    assert (AugMix(depth=2).draw(images)[3] == 2).all()
    posterized = chains[0][0].magnitude[chains[0][0].number == list(AugMix.space).index("posterize")]
    assert set(posterized.tolist()) == {4.0, 3.0}  # bins 0 to 2 of ten
    assert n == len(lengths)


def test_nothing_is_drawn_from_a_generator_of_its_own():
    torch.manual_seed(5)
    first = drawn(RandAugment.space, 50, torch.full((50,), 9), BINS, H, W)
    torch.manual_seed(5)
    second = drawn(RandAugment.space, 50, torch.full((50,), 9), BINS, H, W)
    assert torch.equal(first.number, second.number)
    assert torch.equal(first.magnitude, second.magnitude)


@POLICIES
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_batches_of_one_and_channels_last(technique, channels, fit):
    inputs = Field("image", (channels, H, W), mean=(0.5,) * channels, std=(0.2,) * channels)
    technique.setup(fit(spec=Spec("classification", inputs, Field("class", (), 2), num_outputs=2), device=CPU))
    for seed in range(20):
        images = torch.randn(1 + seed % 2, channels, H, W).to(memory_format=torch.channels_last)
        before = images.clone()
        changed = technique.on_batch(batch_of(torch.zeros(len(images)), images)).inputs
        assert changed.is_contiguous(memory_format=torch.channels_last)
        assert changed.isfinite().all()
        assert torch.equal(images, before)


def test_what_is_mixed_has_no_place(fit):
    with pytest.raises(ConfigError, match=r"no one place.*rand_augment"):
        AugMix().setup(fit(spec=spec("mask"), device=CPU))
