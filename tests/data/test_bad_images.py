"""Images that can't be read, or not as they stand: stopped at or skipped by choice, each told, nothing else changed."""

import json
import signal
import struct
import time
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from runner.data.image.files import decode
from runner.data.image_folder import ImageFolder
from runner.errors import ConfigError, Interrupted, RunFailed
from runner.run import compose, resume, run
from tests.faults.kill_resume import content as left_by
from tests.faults.kill_resume import same, start
from tests.test_run import StopAtStep

from .conftest import write_images


@pytest.fixture
def root(tmp_path):
    write_images(tmp_path / "images", {"cat": 30, "dog": 25})
    return tmp_path / "images"


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def bomb(path):
    """A PNG that says it is 60,000 pixels high and wide."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def thin(path):
    """A small file, wide and one pixel high: made as high as wanted, it is a bomb."""
    Image.new("L", (3_000_000, 1)).save(path)


def no_image(path):
    path.write_text("<html>not found</html>")


def empty(path):
    path.write_bytes(b"")


BAD = pytest.mark.parametrize("spoil", [cut, bomb, thin, no_image, empty])


@BAD
@pytest.mark.parametrize("keep", [True, False])
def test_stops_and_names_the_file_and_the_way_out(root, spoil, keep):
    spoil(root / "dog" / "003.png")
    with pytest.raises(RunFailed, match=r"dog/003\.png can't be read .* data\.on_bad_image=skip leaves"):
        ImageFolder(root=str(root), image_size=8, in_memory=keep, split=(0.9, 0.1, 0.0), fraction=1.0).load()


def content(data):
    """Which image is in which part, by its place."""
    return {
        name: {split.place(row): split.read(torch.tensor([row])).inputs for row in range(len(split))}
        for name, split in data.parts.items()
    }


@BAD
@pytest.mark.parametrize("keep", [True, False])
def test_skips_counts_and_moves_no_other(root, spoil, keep):
    option = ImageFolder(root=str(root), image_size=8, in_memory=keep, on_bad_image="skip", scaling="none")
    whole = option.load()
    assert not any("can't be read" in note for note in whole.notes)
    before = content(whole)
    gone = {name: next(iter(places)) for name, places in before.items()}
    for place in gone.values():
        spoil(root / place.removeprefix(f"{root}/"))
    data = option.load()
    (note,) = [note for note in data.notes if "can't be read" in note]
    assert note.startswith("3 of 55 images can't be read and are left out: ")
    after = content(data)
    for name, places in before.items():
        assert gone[name] in note
        assert after[name].keys() == places.keys() - {gone[name]}
        assert all(torch.equal(inputs, places[place]) for place, inputs in after[name].items())
    assert sum(data.spec.class_counts) == len(data.train)


def test_the_statistics_are_those_of_what_is_left(root):
    options = [ImageFolder(root=str(root), image_size=8, in_memory=keep, on_bad_image="skip") for keep in (True, False)]
    cut(root / "cat" / "004.png")
    kept, read = (option.load() for option in options)
    assert kept.spec == read.spec
    inputs = kept.train.inputs
    torch.testing.assert_close(inputs.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    assert torch.equal(read.train.read(torch.arange(len(read.train))).inputs, inputs)


def test_nothing_left_is_said(tmp_path):
    for part in ("train", "val"):
        write_images(tmp_path / part, {"a": 3, "b": 3})
    for path in (tmp_path / "val").rglob("*.png"):
        cut(path)
    with pytest.raises(RunFailed, match=r"none of the images of val can be read, such as .*a/000.png"):
        ImageFolder(root=str(tmp_path), image_size=8, on_bad_image="skip").load()


def test_a_run_goes_on_and_says_it(root, tmp_path, caplog):
    cut(root / "cat" / "001.png")
    choice = ["data=image_folder", f"data.root={root}", "data.image_size=8", "model.hidden=[4]", "trainer.max_epochs=1"]
    with caplog.at_level("INFO"):
        run(compose([*choice, "data.on_bad_image=skip", "trainer.images=0"]), tmp_path / "run")
    assert "1 of 55 images can't be read and are left out" in caplog.text


def test_cmyk_16_bit_palette_and_animated_images(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    image = Image.fromarray(colours)
    image.convert("CMYK").save(tmp_path / "cmyk.tif")
    assert np.array_equal(decode(tmp_path / "cmyk.tif", 6, 6), np.asarray(image).transpose(2, 0, 1))
    palette = image.quantize(36)
    palette.save(tmp_path / "palette.png")
    assert np.array_equal(decode(tmp_path / "palette.png", 6, 6), np.asarray(palette.convert("RGB")).transpose(2, 0, 1))
    other = Image.fromarray(255 - colours)
    image.save(tmp_path / "moving.png", save_all=True, append_images=[other])
    assert np.array_equal(decode(tmp_path / "moving.png", 6, 6), colours.transpose(2, 0, 1))
    grey = colours[..., 0]
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.tif")
    assert np.array_equal(decode(tmp_path / "deep.tif", 6, 6), np.stack([grey] * 3))


@pytest.mark.parametrize(("width", "height"), [(300, 200), (120, 260), (40, 30), (256, 256)])
def test_resize_and_centre_crop_are_torchvisions(tmp_path, width, height):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    reference = v2.Compose([v2.Resize(64), v2.CenterCrop(56), v2.PILToTensor()])
    option = ImageFolder(root=str(tmp_path), image_size=56, resize=64)
    assert np.array_equal(option.transform().decode(path), reference(Image.open(path)).numpy())
    with pytest.raises(ConfigError, match=r"data.resize=40: expected at least data.image_size=56"):
        ImageFolder(root=str(tmp_path), image_size=56, resize=40)


@pytest.mark.slow
def test_images_read_while_training_go_on_exactly_in_the_middle_of_an_epoch(root, go, tmp_path):
    """Some are skipped, workers read, policies draw; the cut is in the second epoch, and the rest is read at once."""
    cut(root / "cat" / "001.png")
    overrides = ["data=image_folder", f"data.root={root}", "data.image_size=8", "data.in_memory=false"]
    overrides += ["data.num_workers=1", "data.batch_size=2", "data.on_bad_image=skip", "model.hidden=[4]"]
    overrides += ["augmentation=[flip,affine,color_jitter,rand_augment,random_erasing]", "trainer.max_epochs=2"]
    overrides += ["trainer.log_every=1", "trainer.images=0"]
    go(*overrides, folder="whole")
    with pytest.raises(Interrupted):
        go(*overrides, folder="cut", progress=StopAtStep(24))
    resume("cut", ["data.in_memory=true", "data.num_workers=0"])
    differ = same(left_by(tmp_path / "whole"), left_by(tmp_path / "cut"))
    assert {line.partition(":")[0].rpartition("/")[2] for line in differ} == {"num_workers", "in_memory"}


def killed_within_an_epoch(overrides, folder):
    """Whether a run of its own process was killed with a checkpoint from the middle of an epoch but the first."""
    process = start([*overrides, f"hydra.run.dir={folder.name}"], folder.parent)
    last = folder / "checkpoints/last.pt"
    while process.poll() is None:
        time.sleep(0.02)
        if not last.exists():
            continue
        process.send_signal(signal.SIGSTOP)  # what is looked at is what the kill leaves
        position = torch.load(last, weights_only=True)["position"]
        if position["epoch"] and position["epoch_step"]:
            process.kill()
            process.communicate()
            return True
        process.send_signal(signal.SIGCONT)
    process.communicate()
    return False


@pytest.mark.long
def test_a_run_killed_while_workers_decode_goes_on_exactly_where_it_was(root, go, tmp_path):
    overrides = ["data=image_folder", f"data.root={root}", "data.image_size=8", "data.in_memory=false"]
    overrides += ["data.num_workers=2", "data.batch_size=1", "data.scaling=none", "model.hidden=[4]"]
    overrides += ["augmentation=[flip,noise]", "trainer.max_epochs=4", "trainer.images=0", "trainer.threads=1"]
    overrides += ["trainer.checkpoint.every_seconds=0.02"]
    go(*overrides, folder="whole")
    for attempt in range(5):  # a machine under load may let a run end before it is killed
        folder = tmp_path / f"killed{attempt}"
        if killed_within_an_epoch(overrides, folder):
            break
    else:
        pytest.fail("every run ended before it could be killed")
    assert not (folder / "result.json").exists()
    resume(folder)
    assert same(left_by(tmp_path / "whole"), left_by(folder)) == []
    assert json.loads((folder / "manifest.json").read_text())["status"] == "completed"
