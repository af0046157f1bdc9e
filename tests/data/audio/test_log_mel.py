"""Spectrograms against SciPy's transform, and bands against the published formulas."""

import numpy as np
import pytest
import torch
from scipy.signal import stft

from runner.data.audio.log_mel import LogMel
from runner.data.audio.mel import mel_filters, to_hertz, to_mel

RATE = 16_000


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize(("n_fft", "hop"), [(512, 256), (400, 160)])
def test_is_the_short_time_fourier_transform_in_bands(scale, n_fft, hop):
    sound = np.random.default_rng(0).normal(0, 0.1, (3, 4000))
    sound[2] = 0
    made = LogMel(RATE, n_fft, hop, 20, 50.0, 7000.0, scale)(torch.from_numpy(sound).float())
    _, _, transformed = stft(
        sound, RATE, "hann", n_fft, n_fft - hop, boundary="zeros", padded=False, scaling="spectrum"
    )
    power = np.abs(transformed.transpose(0, 2, 1)) ** 2 @ mel_filters(RATE, n_fft, 20, 50.0, 7000.0, scale)
    expected = 1 + 10 * np.log10(np.maximum(power, 1e-10)) / 100
    assert made.shape == (3, 1, 1 + 4000 // hop, 20)
    torch.testing.assert_close(made[:, 0, : expected.shape[1]].double(), torch.from_numpy(expected), atol=1e-4, rtol=0)
    assert made[2].abs().max() < 1e-6  # silence


def test_whole_numbers_and_floats_are_one_sound():
    kept = torch.randint(-3000, 3000, (2, 3000), dtype=torch.int16)
    module = LogMel(RATE, 512, 256, 32, 0.0, 8000.0, "htk", shift=0.6, spread=0.1)
    assert torch.equal(module(kept), module(kept.float() / 32768))
    plain = LogMel(RATE, 512, 256, 32, 0.0, 8000.0, "htk")(kept)
    torch.testing.assert_close(module(kept), (plain - 0.6) / 0.1)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize("hertz", [300.0, 1000.0, 2500.0, 6000.0])
def test_a_tone_is_in_the_band_that_holds_it_and_as_loud_as_it_is(scale, hertz):
    tone = torch.sin(2 * torch.pi * hertz * torch.arange(RATE) / RATE)[None]
    filters = LogMel(RATE, 1024, 256, 40, 0.0, 8000.0, scale)
    mean = filters(tone)[0, 0, 5:-5].mean(0)
    corners = to_hertz(np.linspace(*to_mel(np.array([0.0, 8000.0]), scale), 42), scale)
    loudest = int(mean.argmax())
    assert corners[loudest] < hertz < corners[loudest + 2]
    assert abs(hertz - corners[loudest + 1]) <= abs(hertz - corners[1:-1]).min() + RATE / 1024
    assert 0.90 < float(mean.max()) < 0.97  # -6 decibels, less what lies in the band beside
    softer = filters(tone / 10)[0, 0, 5:-5].mean(0)
    assert float(mean.max() - softer.max()) == pytest.approx(0.2, abs=1e-3)  # a tenth: 20 decibels of 100


def test_mels_are_the_published_ones():
    assert to_mel(np.array([0.0, 700.0, 1000.0, 8000.0]), "htk") == pytest.approx(
        [0, 781.17, 999.99, 2840.02], abs=0.01
    )  # The HTK Book, equation 5.13
    # As librosa.hz_to_mel gives for 60, 110, 220 and 440 Hz (its documentation); 27 steps are ln 6.4.
    assert to_mel(np.array([60.0, 110.0, 220.0, 440.0, 1000.0, 6400.0]), "slaney") == pytest.approx(
        [0.9, 1.65, 3.3, 6.6, 15.0, 42.0]
    )
    hertz = np.linspace(0, 20_000, 101)
    for scale in ("htk", "slaney"):
        assert to_hertz(to_mel(hertz, scale), scale) == pytest.approx(hertz)


def test_neighbouring_bands_share_a_frequency_between_them():
    filters = mel_filters(RATE, 512, 20, 0.0, 8000.0, "htk")
    corners = to_hertz(np.linspace(*to_mel(np.array([0.0, 8000.0]), "htk"), 22), "htk")
    frequencies = np.arange(257) * RATE / 512
    inner = (frequencies >= corners[1]) & (frequencies <= corners[-2])
    triangles = np.stack([np.interp(frequencies, corners[m : m + 3], [0, 1, 0]) for m in range(20)], 1)
    assert filters == pytest.approx(triangles)
    assert filters.max() <= 1
    both = filters.sum(1)[inner]
    # Falling and rising sides of neighbours sum to 1 between two corners.
    assert both == pytest.approx(np.ones_like(both))
