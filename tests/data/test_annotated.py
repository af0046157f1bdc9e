"""VOC and COCO: what torchvision reads and moves, trained with, and each damage named."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets, tv_tensors
from torchvision.transforms import v2

from runner.data.coco import Coco
from runner.data.voc import CLASSES, Voc, palette
from runner.engine.spec import IGNORED
from runner.engine.split import DatasetSplit, TensorSplit
from runner.errors import ConfigError, Interrupted, RunFailed
from runner.run import resume
from tests.data.annotated import NAMES, SIZES, draw, write_coco, write_voc
from tests.faults.kill_resume import content, same
from tests.test_run import StopAtStep

SIDE = 16
OPTIONS = {
    "voc": lambda root, **more: Voc(root=str(root), image_size=SIDE, classes=NAMES, scaling="none", **more),
    "coco": lambda root, **more: Coco(root=str(root), image_size=SIDE, scaling="none", **more),
}
WRITE = {"voc": write_voc, "coco": write_coco}
each = pytest.mark.parametrize("kind", OPTIONS)


@pytest.fixture(params=OPTIONS)
def kind(request):
    return request.param


@pytest.fixture
def root(kind, tmp_path):
    return WRITE[kind](tmp_path / "data")


def reference(boxes, mask):
    """What torchvision's resizing and cutting make of boxes and masks."""
    move = v2.Compose([v2.Resize(SIDE, v2.InterpolationMode.NEAREST), v2.CenterCrop(SIDE)])
    corners = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 5)
    told = tv_tensors.BoundingBoxes(corners[:, 1:], format="XYXY", canvas_size=mask.shape)
    moved = move(told).as_subclass(torch.Tensor)
    there = (moved[:, 2:] > moved[:, :2]).all(1)
    return torch.cat([corners[there, :1], moved[there]], 1), mask


@each
def test_boxes_are_those_that_torchvision_moves(kind, root):
    data = OPTIONS[kind](root).load()
    assert data.sizes == {"train": 4, "val": 2}
    assert data.spec.targets.shape == (3, 5)
    turned = (0, 1) if kind == "voc" else (1, 0)
    targets = torch.cat([data.train.targets, data.val.targets])
    for found, (_, boxes, mask) in zip(targets, draw(), strict=True):
        expected, _ = reference([[turned[b[0]], *b[1:]] for b in boxes], mask)
        torch.testing.assert_close(found[found[:, 0] >= 0], expected, rtol=0, atol=1e-3)
    assert data.spec.class_names == (NAMES if kind == "voc" else NAMES[::-1])
    assert sum(data.spec.class_counts) == int((data.train.targets[..., 0] >= 0).sum())


@each
def test_masks_are_resized_by_the_nearest_pixel_and_cut_as_their_images(kind, root):
    data = OPTIONS[kind](root, task="segmentation").load()
    targets = torch.cat([data.train.targets, data.val.targets])
    assert data.train.kept.units == SIDE**2
    for found, (width, height), (_, _, mask) in zip(targets, SIZES, draw(), strict=True):
        own = mask.astype(np.int64)
        if kind == "voc":
            own[0] = IGNORED
        else:
            own = np.choose(own, [0, 2, 1])
        scale = SIDE / min(width, height)
        w, h = max(SIDE, int(width * scale)), max(SIDE, int(height * scale))
        resized = np.asarray(Image.fromarray(own.astype(np.int32)).resize((w, h), Image.Resampling.NEAREST))
        left, top = round((w - SIDE) / 2), round((h - SIDE) / 2)
        assert np.array_equal(found.numpy(), resized[top : top + SIDE, left : left + SIDE])
    assert data.spec.class_names[0] == "background"


def test_masks_of_the_first_size_are_those_of_torchvision_and_pycocotools(tmp_path):
    """Before anything is resized, against what the publishers' own readers give."""
    voc, coco = write_voc(tmp_path / "VOCdevkit/VOC2012"), write_coco(tmp_path / "coco")
    theirs = datasets.CocoDetection(coco / "train2017", coco / "annotations/instances_train2017.json")
    items = Coco(root=str(coco), task="segmentation").listing().parts["train"]
    for number, item in enumerate(items):
        _, annotations = theirs[number]
        expected = np.zeros(item.size[::-1], np.int64)
        for entry in sorted(annotations, key=lambda a: -a["area"]):
            expected[theirs.coco.annToMask(entry) > 0] = {3: 1, 7: 2}[entry["category_id"]]
        assert np.array_equal(item.mask(*item.size), expected)
    (tmp_path / "VOCdevkit/VOC2012/ImageSets/Main/test.txt").write_text("0\n")
    listing = Voc(root=str(tmp_path), classes=NAMES).listing()
    assert list(listing.parts) == ["train", "val", "test"]
    for number in range(4):
        mask = Image.open(voc / f"SegmentationClass/{number}.png")
        item = Voc(root=str(voc), task="segmentation").listing().parts["train"][number]
        expected = np.asarray(mask).astype(np.int64)
        assert np.array_equal(item.mask(*mask.size), np.where(expected == 255, IGNORED, expected))


def test_the_palette_is_the_publishers_and_its_colours_are_read_as_its_numbers(tmp_path):
    assert palette(256)[[0, 1, 2, 8, 15, 20, 255]].tolist() == [
        [0, 0, 0], [128, 0, 0], [0, 128, 0], [64, 0, 0], [192, 128, 128], [0, 64, 128], [224, 224, 192],
    ]  # fmt: skip
    root = write_voc(tmp_path / "data")
    before = OPTIONS["voc"](root, task="segmentation").load()
    for path in (root / "SegmentationClass").iterdir():
        Image.open(path).convert("RGB").save(path)
    after = OPTIONS["voc"](root, task="segmentation").load()
    assert torch.equal(before.train.targets, after.train.targets)
    path = root / "SegmentationClass/1.png"
    Image.new("RGB", SIZES[1], (1, 2, 3)).save(path)
    with pytest.raises(RunFailed, match="colours that are not of the challenge's palette"):
        OPTIONS["voc"](root, task="segmentation").load()


@each
@pytest.mark.parametrize("task", ["detection", "segmentation", "multilabel"])
def test_files_read_while_training_are_those_in_memory(kind, root, task):
    kept, read = (OPTIONS[kind](root, task=task, in_memory=where).load() for where in (True, False))
    assert isinstance(kept.train.kept, TensorSplit) and isinstance(read.train.kept, DatasetSplit)
    assert kept.fingerprint == read.fingerprint
    rows = torch.arange(4)
    one, other = kept.train.read(rows), read.train.read(rows)
    assert torch.equal(one.inputs, other.inputs) and torch.equal(one.targets, other.targets)
    assert one.units == other.units
    assert kept.train.place(2) == read.train.place(2)
    if task == "multilabel":
        assert one.targets.sum() > 0 and kept.spec.targets.counts == tuple(one.targets.sum(0).int().tolist())


def test_what_is_a_crowd_is_no_box_and_counts_for_nothing(tmp_path):
    root = write_coco(tmp_path / "data")
    path = root / "annotations/instances_train2017.json"
    file = json.loads(path.read_text())
    file["annotations"][0]["iscrowd"] = 1
    file["annotations"][1]["bbox"][2] = 0
    path.write_text(json.dumps(file))
    boxes, masks = (OPTIONS["coco"](root, task=task).load() for task in ("detection", "segmentation"))
    assert boxes.notes == ("1 crowd regions count for nothing", "1 boxes without an area left out")
    numbers = boxes.train.targets[..., 0]
    assert (numbers <= -2).sum() == 1
    assert boxes.spec.targets.counts == tuple((numbers == c).sum().item() for c in range(boxes.spec.num_classes))
    present = OPTIONS["coco"](root, task="multilabel").load().train.targets
    assert present.sum(1).tolist() == [float(len(set(row[row >= 0].tolist()))) for row in numbers]
    assert (masks.train.targets == IGNORED).any()


def test_the_smaller_thing_is_in_front_in_a_mask(tmp_path):
    root = write_coco(tmp_path / "data")
    path = root / "annotations/instances_train2017.json"
    file = json.loads(path.read_text())
    square = [[0, 0, 10, 0, 10, 10, 0, 10]]
    common = {"image_id": 100, "iscrowd": 0}
    small = {"id": 90, "category_id": 3, "bbox": [2, 2, 4, 4], "area": 16, "segmentation": [[2, 2, 6, 2, 6, 6, 2, 6]]}
    large = {"id": 91, "category_id": 7, "bbox": [0, 0, 10, 10], "area": 100, "segmentation": square}
    for order in ([small, large], [large, small]):
        file["annotations"] = [common | entry for entry in order]
        path.write_text(json.dumps(file))
        (item, *_) = Coco(root=str(root), task="segmentation").listing().parts["train"]
        mask = item.mask(*item.size)
        assert (mask[4, 4], mask[8, 8], mask[20, 20]) == (1, 2, 0)


def test_what_is_difficult_is_left_out_unless_it_is_asked_for(tmp_path):
    root = write_voc(tmp_path / "data", difficult=1)
    data = OPTIONS["voc"](root).load()
    assert (data.train.targets == -1).all() and "difficult are left out" in data.notes[0]
    assert (OPTIONS["voc"](root, difficult=True).load().train.targets[..., 0] >= 0).any()


def test_without_a_list_of_val_the_shares_divide_train(tmp_path):
    root = write_voc(tmp_path / "data")
    (root / "ImageSets/Main/val.txt").unlink()
    assert OPTIONS["voc"](root).load().sizes == {"train": 3, "val": 1}
    assert OPTIONS["voc"](root, folds=2, fold=1).load().sizes == {"train": 2, "val": 2}


BOMB = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">]><annotation>&y;</annotation>'
INCLUDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><annotation>&x;</annotation>'


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: BOMB, "declares a document type"),
        (lambda text: INCLUDE, "declares a document type"),
        (lambda text: BOMB.encode("utf-16"), "declares a document type"),
        (lambda text: text[:80], "can't be read as XML"),
        (lambda text: "", "can't be read as XML"),
        (lambda text: text.replace("dog", "dgo").replace("cat", "dgo"), "there is no class 'dgo'. Did you mean 'dog'"),
        (lambda text: text.replace("<xmin>", "<xmin>x"), "xmin is 'x"),
        (lambda text: text.replace("<xmin>", "<xmin>nan<!--").replace("</xmin>", "--></xmin>"), "xmin is 'nan'"),
        (lambda text: text.replace("<xmax>", "<xmax>9"), "is not inside its image of 24 x 36 pixels"),
        (lambda text: text.replace("<ymax>", "<ymax>-"), "is not inside its image"),
        (lambda text: text.replace("<width>24", "<width>25"), "has 24 x 36 pixels, but .* says 25 x 36"),
        (lambda text: text.replace("bndbox", "box"), "xmin is ''"),
    ],
)
def test_a_damaged_annotation_is_named(change, said, tmp_path):
    root = write_voc(tmp_path / "data")
    path = root / "Annotations/1.xml"
    changed = change(path.read_text())
    path.write_bytes(changed) if isinstance(changed, bytes) else path.write_text(changed)
    with pytest.raises(RunFailed, match=said) as caught:
        OPTIONS["voc"](root).load()
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def edited(**changes):
    """A change of the first annotation of a file of instances."""

    def change(file):
        file["annotations"][0] |= changes

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edited(category_id=4), "the annotation 1 has the category 4, which is not in the file. Known: 3, 7"),
        (edited(image_id=4), "the annotation 1 is of the image 4"),
        (edited(bbox=[0, 0, 999, 3]), "is not inside its image"),
        (edited(bbox=[-5, 0, 9, 3]), "is not inside its image"),
        (edited(bbox=[0, 0, 9]), r"has the box \[0, 0, 9\]. Expected left, top, width and height"),
        (edited(bbox=["a", 0, 9, 1]), "has the box"),
        (edited(segmentation=[[1, 2, 3, 4]]), "a region can't be drawn .a polygon has fewer than three corners"),
        (edited(segmentation={"size": [3, 3], "counts": [9]}), "a region can't be drawn .a mask of"),
        (edited(segmentation={"size": [36, 24], "counts": [9]}), "run lengths that do not fill the image"),
        (edited(segmentation=None), "a region can't be drawn"),
        (lambda file: file["images"][1].update(file_name="../0.png"), "Expected a name in"),
        (lambda file: file["images"][1].update(file_name="nine.png"), "there is no such image, which"),
        (lambda file: file["images"][1].update(width=25), "has 24 x 36 pixels, but"),
        (lambda file: file["images"][1].pop("width"), r"images\[1\] has no 'width' of type int"),
        (lambda file: file.pop("annotations"), "has no list 'annotations'"),
        (lambda file: file["categories"].clear(), "has no category"),
    ],
)
def test_a_damaged_file_of_instances_is_named(change, said, tmp_path):
    root = write_coco(tmp_path / "data")
    path = root / "annotations/instances_train2017.json"
    file = json.loads(path.read_text())
    change(file)
    path.write_text(json.dumps(file))
    with pytest.raises(RunFailed, match=said) as caught:
        OPTIONS["coco"](root, task="segmentation").load()
    assert str(root) in str(caught.value) and "\n" not in str(caught.value)


@each
def test_a_damaged_image_or_mask_is_named(kind, root):
    image = root / {"voc": "JPEGImages/1.png", "coco": "train2017/1.png"}[kind]
    pixels = image.read_bytes()
    image.write_bytes(pixels[: len(pixels) // 2])
    with pytest.raises(RunFailed, match="can't be read as an image"):
        OPTIONS[kind](root).load()
    turned = Image.new("RGB", SIZES[1])
    exif = turned.getexif()
    exif[0x0112] = 3
    turned.save(image, exif=exif)
    with pytest.raises(RunFailed, match="is turned by its EXIF orientation"):
        OPTIONS[kind](root).load()
    image.unlink()
    with pytest.raises(RunFailed, match="there is no such image"):
        OPTIONS[kind](root).load()
    if kind == "voc":
        image.write_bytes(pixels)
        mask = root / "SegmentationClass/1.png"
        for changed, said in (
            (Image.new("L", (5, 5)), "its mask has 5 x 5 pixels, but .* has 24 x 36"),
            (Image.new("L", SIZES[1], 9), "holds 9 as a class"),
        ):
            changed.save(mask)
            with pytest.raises(RunFailed, match=said):
                OPTIONS["voc"](root, task="segmentation").load()
        mask.unlink()
        with pytest.raises(RunFailed, match=r"1\.png: there is no such file"):
            OPTIONS["voc"](root, task="segmentation").load()


def test_a_folder_without_what_is_expected_is_refused_before_anything_is_read(tmp_path, go):
    for data in ("voc", "coco"):
        with pytest.raises(ConfigError, match=r"data\.root=.*: there is no such folder"):
            go(f"data={data}", f"data.root={tmp_path}/nowhere", "model=detector")
        with pytest.raises(ConfigError, match=r"ImageSets|instances_train2017"):
            go(f"data={data}", f"data.root={tmp_path}", "model=detector")
    write_voc(tmp_path / "VOC2007")
    write_voc(tmp_path / "VOC2012")
    with pytest.raises(ConfigError, match="there is 2 of them"):
        Voc(root=str(tmp_path)).probe()
    assert Voc(root=str(tmp_path / "VOC2012")).probe().class_names == CLASSES
    (tmp_path / "VOC2012/ImageSets/Main/train.txt").write_text("../0\n")
    with pytest.raises(RunFailed, match=r"'\.\./0' is no name of an image"):
        Voc(root=str(tmp_path / "VOC2012")).load()


@each
@pytest.mark.parametrize("task", ["detection", "segmentation"])
def test_a_run_is_resumed_exactly(kind, root, task, go, tmp_path):
    model = {"detection": ("detector", "model.channels=[4,8]"), "segmentation": ("unet", "model.channels=4")}[task]
    overrides = [f"data={kind}", f"data.root={root}", f"data.task={task}", "data.image_size=16", "data.batch_size=2"]
    overrides += [f"model={model[0]}", model[1], "augmentation=[flip,crop]", "trainer.max_epochs=3"]
    overrides += ["data.in_memory=false", "trainer.log_every=1", "trainer.images=0"]
    overrides += ["data.classes=[cat,dog]"] if kind == "voc" else []
    go(*overrides, folder="whole")
    with pytest.raises(Interrupted):
        go(*overrides, folder="cut", progress=StopAtStep(3))
    resume("cut")
    assert same(content(tmp_path / "whole"), content(tmp_path / "cut")) == []
