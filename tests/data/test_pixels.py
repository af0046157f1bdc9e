"""What stands between image files and a network: the same for training, a checkpoint and a file never seen."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from runner.data.digits import Digits
from runner.data.image.files import Pixels
from runner.data.image_folder import ImageFolder

from .conftest import write_images


def restored(option, transform, folder):
    """A new transform with the state that a checkpoint holds."""
    torch.save(transform.state_dict(), folder / "state.pt")
    fresh = option.transform()
    fresh.load_state_dict(torch.load(folder / "state.pt", weights_only=True))
    return fresh


@pytest.mark.parametrize("scaling", ["none", "standard", "minmax"])
@pytest.mark.parametrize("as_sequence", [False, True])
def test_files_become_the_training_inputs_to_the_bit(tmp_path, scaling, as_sequence):
    write_images(tmp_path / "images", {"a": 9, "b": 8})
    settings = {"root": str(tmp_path / "images"), "image_size": 8, "scaling": scaling, "as_sequence": as_sequence}
    kept, read = (ImageFolder(**settings, in_memory=keep).load() for keep in (True, False))
    transform = restored(ImageFolder(**settings), kept.transform, tmp_path)
    assert transform.field == kept.transform.field == kept.spec.inputs
    for name in ("train", "val", "test"):
        paths = [Path(os.fsdecode(path)) for path in read.parts[name].kept.dataset.paths]
        inputs = kept.parts[name].inputs
        assert torch.equal(transform(paths), inputs)
        assert torch.equal(transform([io.BytesIO(path.read_bytes()) for path in paths]), inputs)
        raw = np.stack([transform.decode(path) for path in paths])
        assert torch.equal(transform.module()(torch.from_numpy(raw)), inputs)
        assert torch.equal(transform.module()(torch.from_numpy(raw).float()), inputs)


@pytest.mark.parametrize("scaling", ["none", "standard"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_another_colour_mode_is_brought_to_that_of_training(tmp_path, scaling, mode):
    """Digits have 17 shades of grey; their pictures have 256 of them, or colours."""
    option, plain = Digits(scaling=scaling), Digits(scaling="none").load().train.inputs[:20]
    data = option.load()
    shades = (plain * 255).round().to(torch.uint8)[:, 0].numpy()
    for number, picture in enumerate(shades):
        Image.fromarray(picture).convert(mode).save(tmp_path / f"{number:02}.png")
    transform = data.transform
    assert torch.equal(transform(sorted(tmp_path.glob("*.png"))), data.train.inputs[:20])


def test_another_size_is_brought_to_that_of_training(tmp_path):
    pixels = Pixels("none", 8, 12, 3)
    pixels.fit_counts(np.ones((3, 256), dtype=np.int64))
    draw = np.random.default_rng(0)
    small = draw.integers(0, 256, (8, 12, 3), dtype=np.uint8)
    for number, factor in enumerate((1, 2, 4)):
        Image.fromarray(np.kron(small, np.ones((factor, factor, 1), dtype=np.uint8))).save(tmp_path / f"{number}.png")
    inputs = pixels(sorted(tmp_path.glob("*.png")))
    assert inputs.shape == (3, 3, 8, 12)
    assert torch.equal(inputs[0], torch.from_numpy(small.transpose(2, 0, 1)).float() / 255)
    assert (inputs[1:] - inputs[0]).abs().mean() < 0.15  # shrunk with antialiasing
    grey = Pixels("none", 8, 12, 1)
    grey.fit_counts(np.ones((1, 256), dtype=np.int64))
    assert grey(sorted(tmp_path.glob("*.png"))).shape == (3, 1, 8, 12)


def test_state_tells_what_images_were_like(tmp_path):
    first = Pixels("standard", 6, 10, 1, ceiling=16)
    raw = np.random.default_rng(0).integers(0, 17, (5, 1, 6, 10), dtype=np.uint8)
    first.fit(raw)
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second = Pixels("none", 1, 1, 3)
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert (second.height, second.width, second.channels, second.ceiling) == (6, 10, 1, 16)
    assert torch.equal(second(raw), first(raw))
    torch.testing.assert_close(first(raw).mean(), torch.tensor(0.0), atol=1e-6, rtol=0)
