"""Planted near copies of images and rows are found, and nothing else is."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from runner.cleaning.likeness.near import copies, structure
from runner.cleaning.near_duplicates import NearDuplicates
from runner.engine.data import Data
from runner.engine.spec import Spec
from runner.engine.split import TensorSplit
from runner.errors import ConfigError


def pictures(count, side=48):
    """Smooth coloured patterns uint8 ``(N, side, side, 3)``."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    return [np.asarray(Image.fromarray(c).resize((side, side), Image.Resampling.BICUBIC)) for c in coarse]


def compressed(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file))


def resized(picture):
    small = Image.fromarray(picture).resize((31, 31))
    return np.asarray(small.resize(picture.shape[:2]))


def brightened(picture):
    return (picture * 0.7 + 40).astype(np.uint8)


def images(*parts):
    def split(those):
        return TensorSplit(torch.from_numpy(np.stack(those)).permute(0, 3, 1, 2) / 255, torch.arange(len(those)) % 2)

    named = dict(zip(("train", "val", "test"), map(split, parts)))
    return Data(Spec.classification((3, 48, 48), 2, counts=(1, 1)), named, "")


def test_images_compressed_resized_or_brightened_are_found():
    own = pictures(30)
    train = [*own[:10], compressed(own[12]), resized(own[20]), brightened(own[3]), own[4][:, ::-1]]
    data = images(train, [*own[10:18], brightened(own[22])], own[20:])
    found = NearDuplicates().copies(data)
    assert [(c.part, c.row, c.of_part, c.of_row) for c in found] == [
        ("val", 8, "test", 2),
        ("train", 10, "val", 2),
        ("train", 11, "test", 0),
        ("train", 12, "train", 3),
    ]
    cleaned = NearDuplicates()(data, 0)
    assert cleaned.sizes == {"train": 11, "val": 8, "test": 10}
    assert cleaned.notes[1] == ("1 example of val left out: nearly in another part too, or nearly twice in the same")


def test_pictures_of_one_colour_are_like_nothing():
    red, blue = np.zeros((2, 48, 48, 3), np.uint8)
    red[..., 0], blue[..., 2] = 200, 200
    assert NearDuplicates().copies(images([red, blue, red], pictures(2))) == []


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.floats(0.001, 0.4), st.sampled_from(["chebyshev", "euclidean"]))
def test_copies_are_those_of_comparing_every_two(seed, radius, metric):
    """Beside a loop over all pairs; rows are few and coarse, so that many are equal or near."""
    rng = np.random.default_rng(seed)
    parts = {
        n: (rng.integers(0, 6, (s, 2)) / 10).astype(np.float32) for n, s in (("train", 9), ("val", 4), ("test", 5))
    }
    order = [(n, i) for n in ("test", "val", "train") for i in range(len(parts[n]))]
    norm = {"chebyshev": lambda d: np.abs(d).max(), "euclidean": lambda d: np.sqrt((d**2).sum())}[metric]
    if any(abs(norm(parts[a][i] - parts[b][j]) - radius) < 1e-4 for a, i in order for b, j in order):
        return  # rounding decides
    standing, expected = [], []
    for n, i in order:
        near = [(m, j) for m, j in standing if norm(parts[n][i] - parts[m][j]) <= radius]
        if near:
            expected.append((n, i, *near[0]))
        else:
            standing.append((n, i))
    assert [tuple(copy) for copy in copies(parts, radius, metric)] == expected


def test_the_product_of_two_structures_is_their_correlation():
    rows = np.random.default_rng(1).normal(size=(2, 12)).astype(np.float32)
    product = structure(rows, 3)
    assert product[0] @ product[1] == pytest.approx(np.corrcoef(rows)[0, 1], abs=1e-6)


def test_rows_within_the_tolerance_and_a_thousand_equal_ones():
    rows = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
    train = torch.cat(
        [rows[:20], rows[:1] + 0.009, rows[1:2] + torch.tensor([0, 0, 0, 0, 0.02]), rows[:1].expand(5000, 5)]
    )
    parts = {"train": TensorSplit(train, torch.zeros(len(train), 1)), "val": TensorSplit(rows[20:], torch.zeros(20, 1))}
    data = Data(Spec.regression((5,)), parts, "")
    assert NearDuplicates()(data, 0).sizes == {"train": 21, "val": 20}
    assert NearDuplicates(tolerance=0.03)(data, 0).sizes == {"train": 20, "val": 20}
    assert NearDuplicates(tolerance=0)(data, 0).sizes == {"train": 22, "val": 20}


def test_texts_and_streams_are_refused(go):
    with pytest.raises(ConfigError, match="near_duplicates takes rows of a table or series or images, and these data"):
        go("data=python_functions", "model=gru", "cleaning=[near_duplicates]")
    with pytest.raises(ConfigError, match="cleaning: NearDuplicates needs all examples at once"):
        go("data=digits_stream", "cleaning=[near_duplicates]")
