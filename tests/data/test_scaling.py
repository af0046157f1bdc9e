import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from runner.data.parts.scaling import fit_images, fit_table, histogram

REFERENCE = {"standard": StandardScaler, "minmax": MinMaxScaler}


@given(
    st.sampled_from(["standard", "minmax"]),
    arrays(np.float64, (17, 4), elements=st.integers(-1000, 1000).map(float)),
)
def test_tables_are_scaled_like_sklearn(scaling, rows):
    train, rest = rows[:12], rows[12:]
    reference = REFERENCE[scaling]().fit(train)
    scale = fit_table(train, scaling)
    assert np.allclose(scale.table(train), reference.transform(train), atol=1e-5)
    assert np.allclose(scale.table(rest), reference.transform(rest), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8, -3.7e-9])
@pytest.mark.parametrize("scaling", ["standard", "minmax"])
def test_a_constant_feature_becomes_zero(scaling, value):
    rows = np.full((1001, 1), value)
    assert np.all(fit_table(rows, scaling).table(rows) == 0)


def test_tiny_values_are_no_constant():
    rows = np.random.default_rng(0).normal(size=(100, 1)) * 1e-30
    assert fit_table(rows, "standard").table(rows).std() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("scaling", ["standard", "minmax"])
def test_images_are_scaled_per_channel_like_sklearn(scaling):
    rng = np.random.default_rng(0)
    pixels = rng.integers(3, [[[[50]], [[200]], [[256]]]], (20, 3, 6, 5)).astype(np.uint8)
    flat = pixels.transpose(0, 2, 3, 1).reshape(-1, 3).astype(float)
    expected = REFERENCE[scaling]().fit_transform(flat).reshape(20, 6, 5, 3).transpose(0, 3, 1, 2)
    assert np.allclose(fit_images(histogram(pixels), scaling).images(pixels), expected, atol=1e-5)


def test_histograms_of_pieces_add_up():
    pixels = np.random.default_rng(0).integers(0, 256, (30, 2, 4, 4), dtype=np.uint8)
    pieces = sum(histogram(piece) for piece in np.split(pixels, 3))
    assert np.array_equal(pieces, histogram(pixels))


def test_images_left_as_they_are_lie_between_0_and_1():
    pixels = np.array([0, 8, 16], dtype=np.uint8).reshape(1, 1, 1, 3)
    assert fit_images(histogram(pixels), "none", ceiling=16).images(pixels).ravel().tolist() == [0, 0.5, 1]


def test_a_constant_channel_becomes_zero():
    pixels = np.full((2, 1, 3, 3), 77, dtype=np.uint8)
    for scaling in ("standard", "minmax"):
        assert np.all(fit_images(histogram(pixels), scaling).images(pixels) == 0)


@pytest.mark.parametrize("scaling", ["imagenet", "symmetric"])
@pytest.mark.parametrize("channels", [1, 3])
def test_constants_of_published_weights_are_those_of_torchvision(scaling, channels):
    """Whatever the training images are; the mean over the colours for grey ones."""
    from torchvision.models import ResNet18_Weights
    from torchvision.transforms.v2.functional import normalize

    preset = ResNet18_Weights.DEFAULT.transforms()
    mean, std = (preset.mean, preset.std) if scaling == "imagenet" else ([0.5] * 3, [0.5] * 3)
    pixels = np.random.default_rng(0).integers(0, 256, (4, channels, 5, 6), dtype=np.uint8)
    scaled = fit_images(histogram(pixels[:1]), scaling).images(pixels)
    if channels == 1:
        mean, std = [np.mean(mean)], [np.mean(std)]
    expected = normalize(torch.from_numpy(pixels) / 255, mean, std)
    np.testing.assert_allclose(scaled, expected.numpy(), rtol=1e-4, atol=1e-5)
