"""Test-time augmentation is the mean over views, by hand; through `evaluate`, `predict` and ensembles."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as TF

from runner.errors import ConfigError
from runner.run import compose, evaluate_run, load, run
from runner.run.assembly import load_data
from runner.run.ensemble import Ensemble
from runner.run.views import views_of, with_views

QUICK = ["trainer.max_epochs=2", "trainer.threads=1", "trainer.images=0", "trainer.limit_batches=5"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A classifier of digits, and a network for masks."""
    folder = tmp_path_factory.mktemp("views")
    run(compose(["model=cnn", "model.channels=[4]", "model.head=[8]", *QUICK]), folder / "digits")
    masks = ["data=digit_composites", "data.images=60", "data.size=16", "model=unet", "model.channels=4"]
    run(compose([*masks, "model.depth=2", *QUICK]), folder / "masks")
    return folder


def by_hand(inputs):
    """Views as torchvision makes them: an eighth of 8 pixels is 1."""
    padded = TF.pad(inputs, [1, 1, 1, 1], padding_mode="reflect")
    shifted = [TF.crop(padded, top, left, 8, 8) for top in (0, 2) for left in (0, 2)]
    flipped = [TF.horizontal_flip(inputs)]
    padded = TF.pad(flipped[0], [1, 1, 1, 1], padding_mode="reflect")
    flipped_shifted = [TF.crop(padded, top, left, 8, 8) for top in (0, 2) for left in (0, 2)]
    return {
        "flip": [inputs, *flipped],
        "shift": [inputs, *shifted],
        "flip_shift": [inputs, *shifted, *flipped, *flipped_shifted],
    }


@pytest.mark.parametrize("views", ["flip", "shift", "flip_shift"])
def test_probabilities_are_the_mean_over_views(trained, views):
    network = load(trained / "digits")
    batch = load_data(network.recipe).parts["test"].read(torch.arange(50))
    for ours, theirs in zip(views_of(views), by_hand(batch.inputs)[views], strict=True):
        assert torch.equal(ours(batch.inputs), theirs)
    each = [network.outputs(batch.changed(view)).softmax(1) for view in by_hand(batch.inputs)[views]]
    expected = torch.stack(each).mean(0)
    given = with_views(network, views).outputs(batch).softmax(1)
    torch.testing.assert_close(given, expected, atol=1e-6, rtol=1e-5)
    assert not torch.allclose(given, each[0], atol=1e-3)


def test_a_mask_is_mirrored_back(trained):
    network = load(trained / "masks")
    batch = load_data(network.recipe).parts["test"].read(torch.arange(6))
    mirrored = network.outputs(batch.changed(batch.inputs.flip(-1))).flip(-1)
    expected = network.task.combine(torch.stack([network.outputs(batch), mirrored]))
    torch.testing.assert_close(with_views(network, "flip").outputs(batch), expected)
    with pytest.raises(ConfigError, match="Take --tta flip"):
        with_views(network, "shift")


def test_through_the_command_line(trained, say):
    place = str(trained / "digits")
    said = say("evaluate", place, "--tta", "shift", "--device", "cpu", "--evaluation", "summary")
    assert said.code == 0
    scores = evaluate_run(place, views="shift", device="cpu")
    assert scores != evaluate_run(place, device="cpu")
    assert f"{scores['loss']:.4g}"[:5] in said.out
    assert (trained / "digits" / "evaluation" / "test-shift" / "evaluation.json").is_file()
    Image.new("L", (8, 8), 90).save("a.png")
    assert say("predict", place, "a.png", "--tta", "flip", "--output", "out.jsonl").code == 0
    (row,) = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert row == {"input": "a.png", **with_views(load(place), "flip").predict([Path("a.png")])[0]}
    said = say("evaluate", place, "--tta", "flips")
    assert said.code == 2 and "expected flip, shift or flip_shift" in said.err


def test_members_of_an_ensemble_are_asked_each(trained):
    network = load(trained / "digits")
    batch = load_data(network.recipe).parts["test"].read(torch.arange(20))
    pair = with_views(Ensemble.of([network, network]), "shift")
    torch.testing.assert_close(
        pair.outputs(batch).softmax(1), with_views(network, "shift").outputs(batch).softmax(1), atol=1e-6, rtol=1e-5
    )


def test_what_is_no_image_is_refused(tmp_path):
    run(compose(["data=iris", "model.hidden=[4]", *QUICK]), tmp_path / "table")
    with pytest.raises(ConfigError, match="of images"):
        with_views(load(tmp_path / "table"), "flip")
