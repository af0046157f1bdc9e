"""Multilabel, segmentation and detection from the command to the result, on composites of digits."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from runner.config.check import resolved
from runner.data.digit_composites import DigitComposites
from runner.engine.batch import Batch
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, Interrupted
from runner.run import compose, evaluate_run, resume
from runner.task.detection import Detection
from runner.task.multilabel import MultiLabel
from runner.task.segmentation import Segmentation
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep
from tests.trained import with_data

SMALL = ("data=digit_composites", "data.images=150", "data.size=16", "data.batch_size=16", "trainer.images=0")
TASKS = {
    "multilabel": (*SMALL, "data.task=multilabel", "model=cnn", "model.channels=[4]", "model.head=[8]"),
    "segmentation": (*SMALL, "model=unet", "model.channels=4", "model.depth=2"),
    "detection": (*SMALL, "data.task=detection", "model=detector", "model.channels=[4,8]"),
}
MORE = ("optimizer=momentum", "optimizer.lr=0.01", "trainer.precision=bf16", "trainer.accumulate=2")
MORE += ("augmentation=[flip,crop,rotation,cutout]", "trainer.max_epochs=3", "trainer.log_every=2")
each = pytest.mark.parametrize("task", TASKS)


@each
def test_interrupted_in_mid_epoch_and_resumed_equals_uninterrupted(task, go):
    kept = ("metric=[average_precision]",) if task == "multilabel" else ()
    go(*TASKS[task], *MORE, *kept, folder="whole")
    with pytest.raises(Interrupted):
        go(*TASKS[task], *MORE, *kept, folder="cut", progress=StopAtStep(6))
    position = torch.load("cut/checkpoints/last.pt", weights_only=True)["position"]
    assert position["epoch_step"] > 0
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []


@each
def test_micro_batches_add_up_to_the_whole_batch(task, go):
    common = (*TASKS[task], "model.norm=none", "trainer.max_epochs=1", "optimizer=sgd", "optimizer.lr=0.01")
    go(*common, folder="whole")
    go(*common, "data.batch_size=4", "trainer.accumulate=4", folder="parts")
    whole, parts = (torch.load(f"{f}/checkpoints/last.pt", weights_only=True)["model"] for f in ("whole", "parts"))
    for name, weight in whole.items():
        torch.testing.assert_close(parts[name], weight, rtol=1e-4, atol=1e-6)


@each
def test_what_is_told_of_image_files_is_what_evaluation_saw(task, go, tmp_path):
    go(*TASKS[task], "trainer.max_epochs=1")
    network, data = with_data("run")
    model = network.model
    raw = data.transform.scale
    files = []
    pixels = (data.test.inputs[:5] * float(raw.spread[0]) + float(raw.shift[0])).round()
    for n, image in enumerate(pixels):
        files.append(tmp_path / f"{n}.png")
        Image.fromarray((image[0] * (255 / 16)).round().byte().numpy()).save(files[-1])
    inputs = data.transform(files)
    assert torch.equal(inputs, data.test.inputs[:5])
    with torch.no_grad():
        assert torch.equal(model(inputs), model(data.test.read(torch.arange(5)).inputs))
        rows = network.task.rows(model(inputs))
    assert len(rows) == 5
    json.dumps(rows)
    assert evaluate_run("run")["loss"] > 0


@pytest.mark.parametrize(
    ("overrides", "learns"),
    [
        ((*TASKS["segmentation"], "model.depth=3", "model.channels=8"), ("mean_iou", 0.2)),  # all background: 0.09
        ((*TASKS["detection"], "model.channels=[8,16,32]"), ("map50", 0.25)),  # nothing by chance
    ],
)
@pytest.mark.long
def test_learns(overrides, learns, go):
    name, least = learns
    more = ("data.images=1600", "data.batch_size=8", "optimizer.lr=0.005", "trainer.max_epochs=12", "data.digits=[1,2]")
    assert go(*overrides, *more)["test"][name] > least


@each
@pytest.mark.parametrize("technique", ["label_smoothing", "mixup", "cutmix"])
def test_what_mixes_classes_is_refused_in_a_paragraph(task, technique, go):
    with pytest.raises(ConfigError, match=rf"regularization={technique}: .* these data are for {task}"):
        go(*TASKS[task], f"regularization=[{technique}]")


@each
@pytest.mark.parametrize("average", ["ema", "swa"])
def test_other_techniques_work(task, average, go):
    techniques = f"regularization=[{average},l2,gradient_noise,spatial_dropout]"
    if task == "multilabel":
        techniques = techniques.replace(",spatial_dropout", ",dropout")
    result = go(
        *TASKS[task], techniques, "optimizer/wrapper=sam", "warmup=linear",
        "trainer.clip_norm=1", "trainer.max_epochs=2", "diagnostics=[gradient_norm,dead_units]",
    )  # fmt: skip
    assert result["status"] == "completed"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ((*TASKS["segmentation"], "model=mlp"), "model=mlp takes data for .* these are for segmentation"),
        (("model=unet",), "model=unet takes data for segmentation, and these are for classification"),
        ((*TASKS["detection"], "data.size=17"), r"model\.channels=\[4, 8\]: 2 stages"),
        ((*SMALL, "data.digits=[3,1]", "model=unet"), r"data\.digits=\[3, 1\]"),
        ((*TASKS["detection"], "loss=cross_entropy"), "loss=cross_entropy: is for"),
        ((*TASKS["segmentation"], "task=detection"), "task=detection: these data are for segmentation"),
        ((*TASKS["segmentation"], "loss=distillation", "loss.teacher=x"), "loss"),
    ],
)
def test_what_does_not_fit_is_refused(overrides, said, go):
    overrides = [o for o in overrides if not (o.startswith("model.") and "model=mlp" in overrides)]
    with pytest.raises(ConfigError, match=said):
        go(*dict.fromkeys(overrides), "trainer.max_epochs=1")


def labels_spec(count=3):
    return Spec("multilabel", Field("table", (4,)), Field("labels", (count,), count, ("a", "b", "c")))


def test_labels_are_told_from_the_threshold_on():
    outputs = torch.tensor([[0.0, 2.0, -2.0]])
    assert MultiLabel(labels_spec()).predict(outputs).tolist() == [[1, 1, 0]]
    assert MultiLabel(labels_spec(), threshold=0.6).predict(outputs).tolist() == [[0, 1, 0]]
    (row,) = MultiLabel(labels_spec()).rows(outputs)
    assert row["prediction"] == "a;b"
    assert row["probability_b"] == pytest.approx(torch.tensor(2.0).sigmoid().item())


def test_labels_and_their_members_are_combined_by_probability():
    outputs = torch.randn(3, 5, 3)
    combined = MultiLabel(labels_spec()).combine(outputs).sigmoid()
    torch.testing.assert_close(combined, outputs.sigmoid().mean(0))


def test_masks_are_the_most_probable_class_of_each_pixel():
    spec = Spec("segmentation", Field("image", (1, 2, 2)), Field("mask", (2, 2), 2, ("none", "x")), num_outputs=2)
    outputs = torch.tensor([[[[0.0, 1], [0, 1]], [[1.0, 0], [0.5, 0]]]])
    (row,) = Segmentation(spec).rows(outputs)
    assert row == {"prediction": [[1, 0], [1, 0]], "share_none": 0.5, "share_x": 0.5}
    Segmentation(spec).check(outputs, Batch(torch.zeros(1, 1, 2, 2), torch.zeros(1, 2, 2)))


def test_boxes_are_told_by_name_and_cut_at_the_image():
    spec = Spec("detection", Field("image", (1, 8, 8)), Field("boxes", (1, 5), 2, ("x", "y")), num_outputs=6)
    outputs = torch.full((1, 2, 2, 6), -20.0)
    outputs[0, 0, 0] = torch.tensor([-1.0, 1, 5, 9, -20, 20])
    (row,) = Detection(spec).rows(outputs)
    (box,) = row["prediction"]
    assert row["boxes"] == 1
    assert box == pytest.approx({"class": "y", "left": 0, "top": 1, "right": 5, "bottom": 8, "score": 1})
    assert Detection(spec).predict(outputs).shape == (1, 25, 6)


def test_images_are_a_function_of_their_number_and_of_digits_of_their_part():
    few, many = (DigitComposites(task="detection", images=n).load() for n in (100, 400))
    assert torch.equal(few.train.targets, many.train.targets[: len(few.train)])
    part = DigitComposites(task="detection", images=400, fraction=0.25).load()
    assert torch.equal(part.train.targets, many.train.targets[: len(part.train)])
    assert torch.equal(part.test.inputs.sign(), many.test.inputs.sign())


def test_masks_boxes_and_labels_tell_the_same():
    options = {"images": 300, "digits": (0, 4), "overlap": 0.0, "scaling": "none", "split": (0.5, 0.5, 0.0)}
    masks, boxes, labels = (
        DigitComposites(task=task, **options).load().train for task in ("segmentation", "detection", "multilabel")
    )
    assert torch.equal(masks.inputs, boxes.inputs)
    assert torch.equal(masks.targets > 0, masks.inputs[:, 0] > 0)
    empty = 0
    for mask, rows, label in zip(masks.targets, boxes.targets, labels.targets):
        rows = rows[rows[:, 0] >= 0]
        empty += not len(rows)
        assert set(label.nonzero().flatten().tolist()) == set(rows[:, 0].long().tolist())
        covered = torch.zeros_like(mask)
        for digit, left, top, right, bottom in rows.long().tolist():
            inside = mask[top:bottom, left:right] == digit + 1
            assert inside.any(0)[[0, -1]].all() and inside.any(1)[[0, -1]].all()  # the ink touches every side
            covered[top:bottom, left:right] = 1
        assert not mask[covered == 0].any()
    assert empty


def test_masks_of_things_are_those_of_their_classes_and_lie_in_their_boxes():
    options = {"images": 300, "digits": (0, 4), "overlap": 0.5}
    masks, boxes, things = (
        DigitComposites(task=task, **options).load().train
        for task in ("segmentation", "detection", "instance_segmentation")
    )
    assert torch.equal(things.targets[..., :5], boxes.targets)
    own = things.targets[..., 5:].unflatten(2, (32, 32))
    assert (own.sum(1) <= 1).all()  # the thing in front has the pixel
    assert torch.equal((own * (1 + boxes.targets[..., 0, None, None])).sum(1).long(), masks.targets)
    touched = 0
    for rows, each_mask in zip(boxes.targets, own, strict=True):
        for (digit, left, top, right, bottom), mask in zip(rows.long().tolist(), each_mask, strict=True):
            assert bool(mask.any()) == (digit >= 0)
            assert digit < 0 or mask.sum() == mask[top:bottom, left:right].sum()
            touched += digit >= 0 and bool(mask[top].any() and mask[bottom - 1].any())
    assert touched > 200


def test_a_label_without_an_example_breaks_nothing(go):
    from runner.data.composites import option

    original = option.present
    option.present = lambda boxes, classes: original(boxes, classes) * (torch.arange(10).numpy() != 3).astype("float32")
    try:
        result = go(*TASKS["multilabel"], "metric=[average_precision,auroc,precision,recall]", "trainer.max_epochs=1")
    finally:
        option.present = original
    assert all(value == value for value in result["val"].values())


def test_the_option_of_a_task_is_resolved_and_kept(go):
    go(*TASKS["multilabel"], "task=multilabel", "task.threshold=0.3", "trainer.max_epochs=1")
    network, _ = with_data("run")
    assert network.task.threshold == 0.3
    assert resolved(compose([]))["task"] == {}


@pytest.mark.parametrize("technique", ["confidence_penalty", "rdrop"])
@pytest.mark.parametrize("task", ["multilabel", "detection"])
def test_penalties_on_classes_are_refused_where_an_example_has_not_one(task, technique, go):
    with pytest.raises(ConfigError, match=rf"regularization={technique}: .* are (labels|boxes), expected classes"):
        go(*TASKS[task], f"regularization=[{technique}]")
