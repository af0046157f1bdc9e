"""Masks and boxes follow the pixels, as torchvision's do, with the draws that images alone would have."""

from types import SimpleNamespace

import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as TF

from runner.augmentation.affine import Affine
from runner.augmentation.crop import Crop
from runner.augmentation.cutout import Cutout
from runner.augmentation.flip import Flip
from runner.augmentation.perspective import Perspective
from runner.augmentation.policy.base import Policy
from runner.augmentation.policy.operations import matrices as matrices_of
from runner.augmentation.rand_augment import RandAugment
from runner.augmentation.random_erasing import RandomErasing
from runner.augmentation.resized_crop import ResizedCrop
from runner.augmentation.rotation import Rotation
from runner.augmentation.trivial_augment import TrivialAugment
from runner.engine.batch import Batch
from runner.engine.spec import IGNORED, Field, Spec

N, H, W = 24, 20, 28
GEOMETRY = [
    Flip(0.5, 0.5),
    Crop(4, "zeros"),
    Rotation(30.0, "zeros"),
    Cutout(6),
    RandomErasing(),
    Affine(20.0, 0.2, (0.7, 1.4), 20.0, "zeros"),
    Perspective(0.4, 0.8, "zeros"),
    ResizedCrop((0.2, 1.0)),
    RandAugment(1),
    TrivialAugment(),
]
INTERPOLATED = (Rotation, Affine, Perspective, ResizedCrop, RandAugment, TrivialAugment)
each = pytest.mark.parametrize("technique", GEOMETRY, ids=lambda t: t.name)


def examples(kind):
    torch.manual_seed(1)
    inputs = torch.randn(N, 1, H, W)
    if kind == "mask":
        return Batch(inputs, torch.randint(5, (N, H, W)))
    corners = torch.rand(N, 3, 2, 2).sort(2).values * torch.tensor([W, H])
    boxes = torch.cat([torch.randint(4, (N, 3, 1)).float(), corners.flatten(2)], -1)
    boxes[::3, 2] = -1.0
    return Batch(inputs, boxes)


def changed(technique, batch, kind, fit):
    targets = Field(kind, None, 5)
    spec = Spec("segmentation", Field("image", (1, H, W)), targets)
    technique.setup(fit(task=SimpleNamespace(spec=spec), device=torch.device("cpu")))
    torch.manual_seed(7)
    after = technique.on_batch(batch)
    torch.manual_seed(7)
    return after, technique.draw(batch.inputs)


def theirs(technique, thing, draws, n):
    """The same done by torchvision to one image's mask or boxes."""
    if isinstance(technique, Flip):
        for chosen, dim, _ in draws:
            if chosen[n]:
                thing = TF.horizontal_flip(thing) if dim == -1 else TF.vertical_flip(thing)
        return thing
    if isinstance(technique, Crop):
        down, right = (int(draw[n]) for draw in draws)
        padded = TF.pad(thing, [4, 4, 4, 4], fill=IGNORED)
        return TF.crop(padded, 4 + down, 4 + right, H, W)
    if isinstance(technique, Rotation):
        return TF.rotate(thing, float(draws[0][n]), fill=IGNORED)
    if isinstance(technique, ResizedCrop):
        top, left, height, width = (int(draw[n]) for draw in draws)
        if isinstance(thing, tv_tensors.Mask):  # whose resizing takes another pixel than the nearest
            exact = InterpolationMode.NEAREST_EXACT
            return TF.resized_crop(thing.as_subclass(torch.Tensor)[None], top, left, height, width, [H, W], exact)[0]
        return TF.resized_crop(thing, top, left, height, width, [H, W])
    matrices = draws[0]
    if isinstance(technique, Policy):
        made = matrices_of(technique.space, draws[2], H, W)
        matrices = torch.eye(3).repeat(N, 1, 1) if made is None else made
    if isinstance(technique, (Affine, Perspective, Policy)):
        # Places in the result, in pixels from the top left corner, to those in the image.
        there = torch.tensor([[1, 0, W / 2], [0, 1, H / 2], [0, 0, 1.0]]).double()
        back = there @ torch.linalg.inv(matrices[n].double()) @ torch.linalg.inv(there)
        return TF.perspective(thing, None, None, fill=IGNORED, coefficients=(back / back[2, 2]).flatten()[:8].tolist())
    return thing


@each
def test_masks_are_torchvisions(technique, fit):
    batch = examples("mask")
    after, draws = changed(technique, batch, "mask", fit)
    assert after.targets.dtype == torch.int64
    for n in range(N):
        expected = theirs(technique, tv_tensors.Mask(batch.targets[n]), draws, n)
        share = 0.97 if isinstance(technique, INTERPOLATED) else 1.0  # halfway between two pixels either is the nearest
        assert (after.targets[n] == expected).float().mean() >= share
    assert torch.equal(after.targets == IGNORED, after.targets < 0)


@each
def test_boxes_are_torchvisions_cut_and_emptied_ones_are_none(technique, fit):
    batch = examples("boxes")
    after, draws = changed(technique, batch, "boxes", fit)
    gone = 0
    for n in range(N):
        for before, box in zip(batch.targets[n], after.targets[n], strict=True):
            if before[0] < 0:
                assert (box == -1).all()
                continue
            given = tv_tensors.BoundingBoxes(before[None, 1:], format="XYXY", canvas_size=(H, W))
            expected = TF.clamp_bounding_boxes(theirs(technique, given, draws, n))[0].as_subclass(torch.Tensor)
            if (expected[2:] <= expected[:2]).any():
                assert (box == -1).all()
                gone += 1
                continue
            assert box[0] == before[0]
            torch.testing.assert_close(box[1:], expected, atol=2e-4, rtol=0)
    assert gone == 0 or isinstance(technique, (Crop, *INTERPOLATED))


@each
def test_the_inside_of_a_mask_goes_where_the_pixels_go(technique, fit):
    """An image that is its own mask stays so (as far as interpolation allows)."""
    torch.manual_seed(3)
    mask = torch.zeros(N, H, W, dtype=torch.long)
    mask[:, 5:15, 8:20] = 1
    after, _ = changed(technique, Batch(mask[:, None].float(), mask), "mask", fit)
    if isinstance(technique, Policy):
        return  # which changes colours too
    if isinstance(technique, (Cutout, RandomErasing)):
        assert torch.equal(after.targets, mask)
        return
    known = after.targets != IGNORED
    agree = ((after.inputs[:, 0] > 0.5).long() == after.targets)[known].float().mean()
    assert agree > (0.97 if isinstance(technique, INTERPOLATED) else 0.9999)


@each
def test_images_are_changed_alike_whatever_the_targets_are(technique, fit):
    batch = examples("mask")
    with_mask, _ = changed(technique, batch, "mask", fit)
    classes = Batch(batch.inputs, torch.arange(N))
    alone, _ = changed(technique, classes, "class", fit)
    assert torch.equal(with_mask.inputs, alone.inputs)
    assert alone.targets is classes.targets


@each
def test_masks_of_things_move_as_masks_and_boxes_do(technique, fit):
    batch, masks = examples("boxes"), torch.randint(2, (N, 3, H, W), generator=torch.Generator().manual_seed(2))
    both = Batch(batch.inputs, torch.cat([batch.targets, masks.flatten(2).float()], 2))
    after, _ = changed(technique, both, "instances", fit)
    boxes, _ = changed(technique, batch, "boxes", fit)
    assert torch.equal(after.inputs, boxes.inputs)
    assert torch.equal(after.targets[..., :5], boxes.targets)
    for thing, moved in zip(masks.unbind(1), after.targets[..., 5:].unflatten(2, (H, W)).unbind(1), strict=True):
        alone, _ = changed(technique, Batch(batch.inputs, thing), "mask", fit)
        assert torch.equal(moved, alone.targets.clamp(min=0).float())


def test_a_box_that_is_moved_out_is_none(fit):
    technique = Crop(4, "zeros")
    spec = Spec("detection", Field("image", (1, H, W)), Field("boxes", (1, 5), 2))
    technique.setup(fit(task=SimpleNamespace(spec=spec)))
    boxes = torch.tensor([[[1.0, 0.0, 0.0, 3.0, 3.0]], [[1.0, 0.0, 0.0, 5.0, 3.0]]])
    moved = technique.apply_to_boxes(boxes, torch.tensor([0, 0]), torch.tensor([3, 3]))
    assert moved.tolist() == [[[-1.0] * 5], [[1.0, 0.0, 0.0, 2.0, 3.0]]]
