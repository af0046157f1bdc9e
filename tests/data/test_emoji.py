"""Emoji: from packages of the test's own, and the real ones where they are on this machine."""

import dataclasses
import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from runner.data.emoji import Emoji
from runner.data.image.emoji import CATEGORIES, on_background, read_drawings
from runner.errors import ConfigError, RunFailed
from tests.fetch.conftest import file_of

EMOJI = 60  # each in two tones; the first is a component, which belongs to no category


def package(path, vendor, paint):
    """A package of a vendor's: opaque squares of 32 pixels on a transparent ground, coloured by `paint`."""
    entries, files = [], {}
    for i in range(EMOJI):
        name, toned = f"{i:04x}.png", f"{i:04x}-1f3fb.png"
        entry = {"image": name, "category": CATEGORIES[i % 9] if i else "Component"}
        entries.append(entry | {"skin_variations": {"1F3FB": {"image": toned}}})
        for shade, file in enumerate((name, toned)):
            pixels = np.zeros((64, 64, 4), np.uint8)
            pixels[16:48, 16:48] = (*paint(i), shade, 255)
            content = io.BytesIO()
            Image.fromarray(pixels).save(content, "PNG")
            files[f"package/img/{vendor}/64/{file}"] = content.getvalue()
    files["package/emoji.json"] = json.dumps(entries).encode()
    files[f"package/img/{vendor}/sheets/64.png"] = b"no picture of an emoji"
    files["package/index.js"] = b"process.exit(1)"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Both packages in a folder, taken for the published ones."""
    own = []
    paints = {"twitter": lambda i: (i, 10), "google": lambda i: (i, 200)}
    for published in Emoji.published:
        vendor, (name,) = published.name.removeprefix("emoji_"), published.files
        package(tmp_path / name, vendor, paints[vendor])
        own.append(dataclasses.replace(published, files={name: file_of((tmp_path / name).read_bytes())}))
    monkeypatch.setattr(Emoji, "published", tuple(own))
    return str(tmp_path)


def centres(part):
    """Which emoji, whose, and in which tone: red, green and blue of the pixel in the middle ``(N, 3)``."""
    return (part.inputs[:, :, 32, 32] * 255).round().int().numpy()


def test_reads_what_belongs_to_a_category(root, tmp_path):
    drawings = read_drawings(tmp_path / "emoji-datasource-twitter-16.0.0.tgz", "twitter")
    assert drawings.pixels.shape == (2 * (EMOJI - 1), 64, 64, 4)
    assert np.array_equal(drawings.categories, np.repeat(np.arange(1, EMOJI) % 9, 2))
    assert np.array_equal(drawings.emoji, np.repeat(np.arange(1, EMOJI), 2))
    assert np.array_equal(drawings.pixels[:, 32, 32, 0], drawings.emoji)
    assert (drawings.pixels[:, 0, 0, 3] == 0).all()


@pytest.mark.parametrize(("background", "value"), [("white", 1.0), ("black", 0.0), ("grey", 128 / 255)])
def test_the_ground(background, value, root):
    data = Emoji(root=root, background=background, scaling="none").load()
    assert np.allclose(data.train.inputs[:, :, 0, 0], value)


def test_half_transparent_pixels_are_mixed():
    pixels = np.full((1, 64, 64, 4), (200, 0, 100, 128), np.uint8)
    shown = on_background(pixels, (0, 0, 0), 32)
    assert shown.shape == (1, 3, 32, 32)
    assert np.abs(shown[0, :, 5, 5] - np.array([200, 0, 100]) * 128 / 255).max() <= 1


def test_an_emoji_is_in_one_part_with_all_its_tones(root):
    data = Emoji(root=root, scaling="none").load()
    parts = [centres(part) for part in (data.train, data.val, data.test)]
    emoji = [set(part[:, 0]) for part in parts]
    assert sum(map(len, emoji)) == len(set.union(*emoji)) == EMOJI - 1
    assert all(len(part) == 2 * len(own) for part, own in zip(parts, emoji, strict=True))
    for part, split in zip(parts, (data.train, data.val, data.test), strict=True):
        assert np.array_equal(part[:, 0] % 9, split.targets.numpy())
    folds = [Emoji(root=root, folds=3, fold=k, scaling="none").load() for k in range(3)]
    held = [set(centres(data.val)[:, 0]) for data in folds]
    assert set.union(*held) == emoji[0] | emoji[1] and sum(map(len, held)) == len(set.union(*held))


def test_the_other_vendor_draws_the_same_test_emoji(root):
    same = Emoji(root=root, scaling="none").load()
    shifted = Emoji(root=root, test_vendor="google", scaling="none").load()
    assert np.array_equal(same.train.inputs, shifted.train.inputs)
    assert np.array_equal(centres(same.test)[:, 0], centres(shifted.test)[:, 0])
    assert set(centres(same.test)[:, 1]) == {10} and set(centres(shifted.test)[:, 1]) == {200}
    assert same.fingerprint != shifted.fingerprint
    assert shifted.test.place(0).startswith("google/") and shifted.train.place(0).startswith("twitter/")


def test_nothing_of_the_test_part_reaches_the_scaling(root):
    scales = [Emoji(root=root, test_vendor=vendor).load().transform.state_dict() for vendor in ("twitter", "google")]
    assert scales[0] == scales[1]


def test_vendors_that_draw_different_emoji_are_refused(root, tmp_path, monkeypatch):
    published = Emoji.published[1]
    (name,) = published.files
    monkeypatch.setattr("tests.data.test_emoji.EMOJI", 40)
    package(tmp_path / name, "google", lambda i: (i, 200))
    other = dataclasses.replace(published, files={name: file_of((tmp_path / name).read_bytes())})
    monkeypatch.setattr(Emoji, "published", (Emoji.published[0], other))
    with pytest.raises(RunFailed, match="do not draw the same emoji"):
        Emoji(root=root, test_vendor="google").load()


def test_bad_settings(root, tmp_path):
    with pytest.raises(ConfigError, match="leaves nothing for the test"):
        Emoji(root=root, test_vendor="google", split=(0.8, 0.2, 0.0)).probe()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"expected a folder with emoji-datasource-twitter-16.0.0.tgz"):
        Emoji(root=str(tmp_path / "empty")).probe()


@pytest.mark.slow
@pytest.mark.skipif(
    not all(published.on_machine() for published in Emoji.published), reason="not on this machine; `runner fetch emoji`"
)
def test_the_real_drawings():
    data = Emoji(test_vendor="google").load()
    assert [len(data.train), len(data.val), len(data.test)] == [2641, 571, 569]
    assert data.spec.inputs.shape == (3, 64, 64) and min(data.spec.targets.counts) == 59
