from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from runner.data import image_folder
from runner.data.image.files import decode
from runner.data.image_folder import ImageFolder
from runner.engine.memory import available_memory
from runner.engine.spec import Field, Spec
from runner.engine.split import DatasetSplit, TensorSplit
from runner.errors import ConfigError, RunFailed

from .conftest import write_images


@pytest.fixture
def root(tmp_path):
    write_images(tmp_path / "images", {"cat": 20, "dog": 14, "eel": 7})
    return tmp_path / "images"


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 48))
@settings(deadline=None, max_examples=40)
def test_decoding_is_torchvisions_resize_and_centre_crop(tmp_path_factory, width, height, size):
    path = tmp_path_factory.mktemp("images") / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
    reference = v2.Compose([v2.Resize(size), v2.CenterCrop(size), v2.PILToTensor()])
    assert np.array_equal(decode(path, size, size), reference(Image.open(path)).numpy())


def test_grey_palette_16_bit_and_transparent_images_become_rgb(tmp_path):
    grey = np.arange(0, 160, 10, dtype=np.uint8).reshape(4, 4)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey).convert("P").save(tmp_path / "palette.gif")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    for name in ("grey.png", "palette.gif", "deep.png"):
        assert np.array_equal(decode(tmp_path / name, 4, 4), np.stack([grey] * 3)), name
    Image.fromarray(np.zeros((4, 4, 4), dtype=np.uint8)).save(tmp_path / "clear.png")
    assert np.all(decode(tmp_path / "clear.png", 4, 4) == 255)


def test_the_cameras_orientation_is_applied(tmp_path):
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    pixels[:4] = 255
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = 6  # turned by a quarter
    image.save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(decode(tmp_path / "a.png", 8, 8), np.rot90(pixels, -1).transpose(2, 0, 1))


def test_classes_are_folders(root):
    (root / ".cache").mkdir()
    (root / "cat" / "notes.txt").write_text("no image")
    (root / "cat" / "more").mkdir()
    (root / "cat" / "000.png").rename(root / "cat" / "more" / "a.PNG")
    splits = ImageFolder(root=str(root), image_size=8).load()
    targets = Field("class", (), 3, ("cat", "dog", "eel"))
    assert ImageFolder(root=str(root)).probe() == Spec("classification", Field("image"), targets)
    assert splits.spec.class_names == ("cat", "dog", "eel")
    assert splits.spec.input_shape == (3, 8, 8)
    total = sum(torch.bincount(part.targets, minlength=3) for part in (splits.train, splits.val, splits.test))
    assert total.tolist() == [20, 14, 7]
    assert sum(splits.spec.class_counts) == len(splits.train)


def contents(split):
    return split.inputs, split.targets


@pytest.mark.parametrize("scaling", ["none", "standard", "minmax"])
def test_read_while_training_equals_in_memory(root, scaling):
    loaded, read = (
        ImageFolder(root=str(root), image_size=8, scaling=scaling, fraction=0.5, in_memory=keep).load()
        for keep in (True, False)
    )
    assert read.spec == loaded.spec
    assert read.fingerprint == loaded.fingerprint
    for name in ("train", "val", "test"):
        assert isinstance(loaded.parts[name].kept, TensorSplit)
        assert isinstance(read.parts[name].kept, DatasetSplit)
        for a, b in zip(contents(loaded.parts[name]), contents(read.parts[name]), strict=True):
            assert torch.equal(a, b)
            assert a.dtype == b.dtype
    if scaling == "standard":
        assert torch.allclose(loaded.train.inputs.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-5)


@pytest.mark.slow
def test_workers_can_read_it(root):
    split = ImageFolder(root=str(root), image_size=8, in_memory=False).load().train
    spawned = DataLoader(split.kept.dataset, batch_size=5, num_workers=1, multiprocessing_context="spawn")
    inputs, targets = next(iter(spawned))
    expected = contents(split)
    assert torch.equal(split.scale(inputs), expected[0][:5])
    assert torch.equal(targets, expected[1][:5])


def test_auto_keeps_what_fits(root, monkeypatch):
    option = ImageFolder(root=str(root), image_size=8)
    assert isinstance(option.load().train.kept, TensorSplit)
    monkeypatch.setattr(image_folder, "available_memory", lambda: 41 * 3 * 64 * 2 * 4 - 1)
    assert isinstance(option.load().train.kept, DatasetSplit)
    assert 2**26 < available_memory() < 2**50


def test_folders_of_parts_are_used(tmp_path):
    for part, count in (("train", 12), ("val", 5), ("test", 3)):
        write_images(tmp_path / part, {"a": count, "b": count}, seed=count)
    splits = ImageFolder(root=str(tmp_path), image_size=8).load()
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [24, 10, 6]
    expected = {decode(path, 8, 8).tobytes() for path in (tmp_path / "val").rglob("*.png")}
    raw = ImageFolder(root=str(tmp_path), image_size=8, scaling="none").load().val.inputs
    assert {(row * 255).round().to(torch.uint8).numpy().tobytes() for row in raw} == expected


def test_missing_parts_are_taken_from_train_or_absent(tmp_path):
    write_images(tmp_path / "train", {"a": 20, "b": 20})
    splits = ImageFolder(root=str(tmp_path), image_size=8, split=(0.6, 0.2, 0.2)).load()
    assert [len(splits.train), len(splits.val), splits.test] == [30, 10, None]
    assert splits.notes == ("no folder val: taken from train", "no folder test: no test")
    write_images(tmp_path / "valid", {"a": 2, "b": 2})
    assert len(ImageFolder(root=str(tmp_path), image_size=8).load().val) == 4


def test_a_class_may_be_called_train(tmp_path):
    write_images(tmp_path, {"train": 8, "tram": 8})
    assert ImageFolder(root=str(tmp_path), image_size=8).load().spec.class_names == ("train", "tram")


def test_a_class_that_training_does_not_know_is_refused(tmp_path):
    write_images(tmp_path / "train", {"cat": 4, "dog": 4})
    write_images(tmp_path / "val", {"cat": 4, "dgo": 4})
    with pytest.raises(RunFailed, match="Did you mean 'dog'"):
        ImageFolder(root=str(tmp_path), image_size=8).load()


@pytest.mark.parametrize("keep", [True, False])
def test_a_damaged_image_is_named(root, keep):
    path = root / "dog" / "003.png"
    path.write_bytes(path.read_bytes()[:200])

    def read_all():
        splits = ImageFolder(root=str(root), image_size=8, in_memory=keep).load()
        return [contents(splits.parts[name]) for name in ("train", "val", "test")]

    with pytest.raises(RunFailed, match=r"dog/003\.png can't be read"):
        read_all()


def test_wrong_roots_are_wrong_commands(root, tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'images'"):
        ImageFolder(root=str(tmp_path / "image")).probe()
    with pytest.raises(ConfigError, match="at least two"):
        ImageFolder(root=str(root / "cat")).probe()
    (root / "fox").mkdir()
    with pytest.raises(ConfigError, match=r"no image in .*fox"):
        ImageFolder(root=str(root)).probe()


def test_the_fingerprint_follows_names_and_content(root):
    before = ImageFolder(root=str(root), image_size=8).load().fingerprint
    (root / "cat" / "000.png").rename(root / "cat" / "zzz.png")
    renamed = ImageFolder(root=str(root), image_size=8).load().fingerprint
    write_images(root, {"dog": 3}, seed=9)  # other pixels under the same names
    changed = ImageFolder(root=str(root), image_size=8).load().fingerprint
    assert len({before, renamed, changed}) == 3


def test_classes_of_images_that_are_read_while_training_are_known_without_reading_them(root):
    split = ImageFolder(root=str(root), image_size=8, in_memory=False).load().train
    read = torch.cat([split.read(rows).targets for rows in torch.arange(len(split)).split(4)])
    nothing = replace(split, kept=replace(split.kept, dataset=None))  # which could not be read
    assert torch.equal(nothing.classes(), read)
