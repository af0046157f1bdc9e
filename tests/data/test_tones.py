import numpy as np
import torch

from runner.data.tones import KINDS, Tones


def test_clips_are_what_they_are_called():
    option = Tones(examples=60, noise=0.0, scaling="none")
    length = option.length(option.rate)
    clips = {kind: option._clip(7, kind, length) / 32768 for kind in KINDS}
    assert all(np.abs(clip).max() < 1 for clip in clips.values())
    spectra = {}
    for kind, clip in clips.items():
        parts = clip[len(clip) // 4 :].reshape(3, -1)  # behind the latest beginning
        spectra[kind] = [np.abs(np.fft.rfft(part * np.hanning(len(part)), 8192)) for part in parts]
    peaks = {kind: [int(spectrum.argmax()) for spectrum in found] for kind, found in spectra.items()}
    assert max(peaks["tone"]) - min(peaks["tone"]) <= 1
    assert peaks["rising"][0] < peaks["rising"][1] < peaks["rising"][2]
    assert peaks["falling"][0] > peaks["falling"][1] > peaks["falling"][2]
    base = peaks["tone"][0]
    chord = spectra["chord"][1]
    for factor in (1.0, 1.25, 1.5):
        around = chord[round(base * factor) - 3 : round(base * factor) + 4].max()
        assert around > 0.5 * chord.max()
    level = np.abs(clips["tremolo"][1000:]).reshape(-1, 100).max(1)
    assert level.min() < 0.2 * level.max()
    flatness = {kind: np.exp(np.log(s[1] + 1e-9).mean()) / s[1].mean() for kind, s in spectra.items()}
    assert flatness["noise"] > 3 * max(flatness[kind] for kind in KINDS if kind != "noise")


def test_they_are_drawn_once_and_for_all():
    first, again = Tones(examples=60).load(), Tones(examples=60).load()
    assert torch.equal(first.train.kept.inputs, again.train.kept.inputs)
    assert first.fingerprint == again.fingerprint != Tones(examples=66).load().fingerprint
    assert first.spec.class_counts == (7,) * 6
    assert first.train.kept.inputs.unique(dim=0).shape == first.train.kept.inputs.shape
