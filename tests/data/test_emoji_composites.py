"""Composites of emoji: mixed as Pillow mixes them, exact masks and boxes, no emoji in two parts."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from runner.data.composites.drawing import Glyphs, compose
from runner.data.emoji_composites import EmojiComposites, resized
from runner.errors import ConfigError
from tests.data.test_emoji import package
from tests.fetch.conftest import file_of


def drawn(count=7, side=12, seed=0):
    """Glyphs of any colours, opaque in the middle and half transparent at the edges."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (count, 3, side, side), dtype=np.uint8)
    opacity = random.integers(0, 256, (count, side, side), dtype=np.uint8)
    opacity[:, 2:-2, 2:-2] = 255
    return Glyphs(pixels, opacity, np.arange(count))


def test_images_are_what_pillow_composes_and_masks_are_whose_half_a_pixel_is():
    glyphs = drawn()
    made = compose(glyphs, 20, 40, (3, 3), 1.0, (0, 0), 255)
    for image, mask, boxes in zip(made.pixels, made.masks, made.boxes, strict=True):
        canvas, classes = Image.new("RGBA", (40, 40), "white"), np.zeros((40, 40), np.int64)
        for label, left, top, right, bottom in boxes.astype(int).tolist():
            own = glyphs.opacity[label] >= 128
            assert (right - left, bottom - top) == (np.ptp(own.any(0).nonzero()) + 1, np.ptp(own.any(1).nonzero()) + 1)
            x, y = left - int(own.any(0).argmax()), top - int(own.any(1).argmax())
            drawing = np.concatenate([glyphs.pixels[label], glyphs.opacity[label][None]]).transpose(1, 2, 0)
            canvas.alpha_composite(Image.fromarray(drawing), (x, y))
            classes[y : y + 12, x : x + 12][own] = label + 1
        assert np.abs(np.asarray(canvas)[..., :3].transpose(2, 0, 1).astype(int) - image).max() <= 2
        assert np.array_equal(mask, classes)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A package of squares, taken for the published one."""
    (published,) = (p for p in EmojiComposites.published if p.name.endswith("twitter"))
    (name,) = published.files
    package(tmp_path / name, "twitter", lambda i: (i, 10))
    own = dataclasses.replace(published, files={name: file_of((tmp_path / name).read_bytes())})
    monkeypatch.setattr(EmojiComposites, "published", (own,))
    return str(tmp_path)


def test_masks_boxes_and_labels_tell_the_same_and_no_emoji_is_in_two_parts(root):
    options = {"root": root, "images": 60, "overlap": 0.0, "scaling": "none", "sides": (16, 24), "emoji": (0, 3)}
    masks, boxes, labels = (
        EmojiComposites(task=task, **options).load() for task in ("segmentation", "detection", "multilabel")
    )
    assert torch.equal(masks.train.inputs, boxes.train.inputs) and masks.spec.inputs.shape == (3, 64, 64)
    for mask, rows, label in zip(masks.train.targets, boxes.train.targets, labels.train.targets, strict=True):
        rows = rows[rows[:, 0] >= 0].long()
        assert set(label.nonzero().flatten().tolist()) == set(rows[:, 0].tolist())
        covered = torch.zeros_like(mask)
        for category, left, top, right, bottom in rows.tolist():
            assert (mask[top:bottom, left:right] == category + 1).all()  # they are squares
            assert right - left == bottom - top and 8 <= right - left <= 14
            covered[top:bottom, left:right] = 1
        assert torch.equal(mask > 0, covered > 0)
    reds = []
    for part in boxes.parts.values():
        found = set()
        for image, rows in zip(part.inputs, part.targets, strict=True):
            middles = (rows[rows[:, 0] >= 0][:, 1:].view(-1, 2, 2).mean(1)).long()
            found |= {round(float(image[0, y, x]) * 255) for x, y in middles.tolist()}
        reds.append(found)
    assert reds[0] and not (reds[0] & reds[1] or reds[0] & reds[2] or reds[1] & reds[2])
    assert masks.spec.class_names[0] == "none" and len(masks.spec.class_names) == 10


def test_what_is_transparent_does_not_show_at_the_edges_of_another_size():
    pixels = np.zeros((1, 64, 64, 4), np.uint8)
    pixels[:, 10:50, 10:50] = (200, 100, 50, 255)
    made = resized(pixels, 17, 20)[0]
    there = made[3] > 32
    assert there.any() and np.abs(made[:3, there].T.astype(int) - (200, 100, 50)).max() <= 8
    assert made.shape == (4, 20, 20) and not made[3, 0].any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"emoji": (3, 1)}, r"data\.emoji=\[3, 1\]"),
        ({"sides": (20, 10)}, r"data\.sides=\[20, 10\]"),
        ({"sides": (20, 80)}, r"at most data\.size=64"),
    ],
)
def test_what_is_no_range_is_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        EmojiComposites(**options)


def test_a_folder_without_the_package_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.root=.*: expected a folder with emoji-datasource-twitter"):
        EmojiComposites(root=str(tmp_path)).probe()
