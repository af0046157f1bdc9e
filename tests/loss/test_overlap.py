import pytest
import torch
from torchmetrics.functional import f1_score, jaccard_index

from runner.engine.batch import Batch
from runner.engine.spec import IGNORED
from runner.loss.dice import Dice
from runner.loss.iou import IoU
from runner.loss.masks.overlap import overlap

LOSSES = {"dice": Dice, "iou": IoU}


def value(kind, outputs, targets, smooth=1.0):
    return LOSSES[kind](smooth)(outputs, Batch(outputs, targets))


def masks(seed=0):
    generator = torch.Generator().manual_seed(seed)
    outputs = 3 * torch.randn(4, 3, 8, 8, dtype=torch.float64, generator=generator)
    return outputs, torch.randint(3, (4, 8, 8), generator=generator)


@pytest.mark.parametrize("kind", ["dice", "iou"])
def test_of_hard_masks_it_is_the_usual_score(kind):
    """Dice's coefficient is the F1 of pixels."""
    outputs, targets = masks()
    hard = torch.nn.functional.one_hot(outputs.argmax(1), 3).movedim(-1, 1).double()
    truth = torch.nn.functional.one_hot(targets, 3).movedim(-1, 1)
    found = overlap(hard, truth, kind, smooth=0.0)
    score = f1_score if kind == "dice" else jaccard_index
    expected = score(outputs.argmax(1), targets, task="multiclass", num_classes=3, average="none")
    torch.testing.assert_close(found.float(), expected.float())


@pytest.mark.parametrize("kind", ["dice", "iou"])
def test_formula_of_soft_masks(kind):
    outputs, targets = masks()
    p = outputs.softmax(1)
    each = []
    for c in range(3):
        t = (targets == c).double()
        both, sums = (p[:, c] * t).sum(), p[:, c].sum() + t.sum()
        each.append((2 * both + 0.5) / (sums + 0.5) if kind == "dice" else (both + 0.5) / (sums - both + 0.5))
    torch.testing.assert_close(value(kind, outputs, targets, 0.5), 1 - sum(each) / 3, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", ["dice", "iou"])
def test_perfect_masks_and_missing_classes_cost_nothing(kind):
    targets = torch.zeros(2, 4, 4, dtype=torch.long)
    outputs = torch.stack([torch.full((2, 4, 4), 50.0), torch.full((2, 4, 4), -50.0)], 1)
    assert float(value(kind, outputs, targets)) == pytest.approx(0.0, abs=1e-6)
    assert float(value(kind, -outputs, targets)) > 0.9


@pytest.mark.parametrize("kind", ["dice", "iou"])
def test_ignored_pixels_count_for_nothing(kind):
    outputs, targets = masks()
    targets[:, 5:] = IGNORED
    torch.testing.assert_close(value(kind, outputs, targets), value(kind, outputs[:, :, :5], targets[:, :5]))
    assert float(value(kind, outputs, torch.full_like(targets, IGNORED))) == 0
