import numpy as np
import pytest
import torch
from PIL import Image

from runner.data.digits import Digits
from runner.data.image_folder import ImageFolder
from runner.engine.spec import Field


def test_each_row_is_a_step():
    images, rows = Digits().load(), Digits(as_sequence=True).load()
    assert rows.spec.input_shape == (8, 8)
    for part in ("train", "val", "test"):
        torch.testing.assert_close(rows.parts[part].inputs, images.parts[part].inputs[:, 0])
        assert torch.equal(rows.parts[part].targets, images.parts[part].targets)
    assert rows.fingerprint == images.fingerprint


@pytest.mark.parametrize("in_memory", [True, False])
def test_channels_stand_behind_each_other(tmp_path, in_memory):
    draw = np.random.default_rng(0)
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(6):
            Image.fromarray(draw.integers(0, 256, (6, 6, 3), dtype=np.uint8)).save(tmp_path / name / f"{i}.png")
    options = {"root": str(tmp_path), "image_size": 6, "in_memory": in_memory, "scaling": "none"}
    images, rows = ImageFolder(**options).load(), ImageFolder(**options, as_sequence=True).load()
    assert rows.spec.input_shape == (6, 18)
    assert len(rows.val) == len(images.val)
    image, row = images.val.inputs[0], rows.val.inputs[0]
    torch.testing.assert_close(row, torch.cat(list(image), dim=1))


def test_the_probe_knows_what_an_example_is():
    assert Digits(as_sequence=True).probe().inputs == Field("series")
    assert Digits().probe().inputs == Field("image")
