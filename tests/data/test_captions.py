"""Captions: of COCO against torchvision's reader, of composites against their boxes; trained, cut off, predicted."""

import json

import numpy as np
import pytest
import torch
from torchvision import datasets

from runner.cli.verbs import answer
from runner.data.coco import Coco
from runner.data.digit_composites import DigitComposites
from runner.engine.spec import END, IGNORED, START
from runner.errors import ConfigError, Interrupted, RunFailed
from runner.run import resume
from tests.data.annotated import write_captions, write_coco
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep


@pytest.fixture
def root(tmp_path):
    return write_captions(write_coco(tmp_path / "coco"))


def told(data, batch):
    rows = [[t for t in row if t != IGNORED] for row in batch.targets.tolist()]
    assert all(row[-1] == END for row in rows)
    for row, before in zip(rows, batch.more["decoder_inputs"].tolist()):
        assert before[: len(row)] == [START, *row[:-1]]
    return [" ".join(data.spec.targets.names[token] for token in row[:-1]) for row in rows]


@pytest.mark.parametrize("in_memory", [True, False])
def test_every_caption_is_an_example_with_its_image(root, in_memory):
    data = Coco(root=str(root), image_size=16, task="captions", scaling="none", in_memory=in_memory).load()
    assert data.sizes == {"train": 5, "val": 4}
    theirs = datasets.CocoCaptions(str(root / "train2017"), str(root / "annotations/captions_train2017.json"))
    batch = data.train.read(torch.arange(5))
    expected = [text.lower() for _, texts in theirs for text in texts]
    joined = [text.replace(",", " ,").replace(".", " .").split() for text in expected]
    assert told(data, batch) == [" ".join(words) for words in joined]
    images = Coco(root=str(root), image_size=16, scaling="none").load().train.read(torch.tensor([0, 0, 1, 1, 3]))
    assert torch.equal(batch.inputs, images.inputs)
    assert batch.units == sum(map(len, joined)) + 5
    assert data.train.place(4).endswith("3.png")
    shuffled = next(iter(data.train.batches(0, torch.tensor([4, 0, 2]), 3, iter)))
    assert told(data, shuffled) == [told(data, batch)[row] for row in (4, 0, 2)]
    assert torch.equal(shuffled.inputs, batch.inputs[[4, 0, 2]])


def test_a_vocabulary_and_a_length_of_the_training_part(root):
    data = Coco(root=str(root), image_size=16, task="captions", vocabulary=7, longest=3).load()
    assert all(len(text.split()) <= 3 for text in told(data, data.train.read(torch.arange(5))))
    assert len(data.spec.targets.names) == 7
    whole = Coco(root=str(root), image_size=16, task="captions").load()
    assert "104" not in whole.spec.targets.names and "<unknown>" in told(whole, whole.val.read(torch.arange(4)))[0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda c: c["annotations"][0].update(image_id=7), "the image 7, which is not in the file"),
        (lambda c: c["annotations"][1].pop("caption"), r"annotations\[1\] has no 'caption' of type str"),
        (lambda c: c["annotations"].clear(), "train: none of its 4 images has a caption"),
        (lambda c: c.pop("images"), "has no list 'images'"),
        (lambda c: c["images"][0].update(file_name="../1.png"), "Expected a name in"),
    ],
)
def test_damaged_files_are_named(root, wrong, message):
    path = root / "annotations/captions_train2017.json"
    found = json.loads(path.read_text())
    wrong(found)
    path.write_text(json.dumps(found))
    with pytest.raises(RunFailed, match=message):
        Coco(root=str(root), image_size=16, task="captions").load()


def test_no_captions_and_a_network_for_something_else(root):
    (root / "annotations/captions_train2017.json").unlink()
    with pytest.raises(ConfigError, match=r"captions_train2017\.json"):
        Coco(root=str(root), task="captions").probe()
    assert answer(["data=voc", "data.root=.", "data.task=captions"]) == 2
    assert answer(["data=digit_composites", "data.task=captions", "model=resnet"]) == 2
    assert answer(["data=digit_composites", "model=captioner"]) == 2


def test_composites_are_told_from_left_to_right():
    boxes = DigitComposites(images=60, task="detection").load().train.read(torch.arange(42)).targets.numpy()
    data = DigitComposites(images=60, task="captions").load()
    for text, things in zip(told(data, data.train.read(torch.arange(42))), boxes):
        things = things[things[:, 0] >= 0]
        assert text.split() == [str(int(c)) for c in things[np.argsort(things[:, 1], kind="stable"), 0]]


SMALL = (
    "data=digit_composites",
    "data.task=captions",
    "data.images=150",
    "data.size=16",
    "data.batch_size=10",
    "model=captioner",
    "model.width=0.25",
    "model.hidden=8",
    "trainer.max_epochs=2",
    "trainer.log_every=3",
)


@pytest.mark.parametrize("more", [("trainer.accumulate=2",), ("trainer.precision=bf16", "augmentation=[noise]")])
def test_interrupted_and_resumed_equals_uninterrupted(go, tmp_path, more):
    go(*SMALL, *more, folder="whole")
    with pytest.raises(Interrupted):
        go(*SMALL, *more, folder="cut", progress=StopAtStep(9))
    resume("cut")
    assert same(content(tmp_path / "whole"), content(tmp_path / "cut")) == []


def test_photographs_are_told_from_files_and_the_last_word_is_decoded(go, root, tmp_path):
    words = ("data=coco", f"data.root={root}", "data.task=captions", "data.image_size=16", "data.batch_size=4")
    go(*words, *SMALL[5:], "data.num_workers=1", "data.in_memory=false")
    assert answer(["predict", "run", str(root / "val2017/4.png"), "--output", "told.csv"]) == 0
    rows = (tmp_path / "told.csv").read_text().splitlines()
    assert len(rows) == 2 and "prediction" in rows[0]
