"""Losses of a class per pixel, and of labels, against torch."""

import pytest
import torch
from torch.nn import functional as F

from runner.engine.batch import Batch
from runner.engine.spec import IGNORED, Field, Spec
from runner.loss.auto import Auto
from runner.loss.binary_cross_entropy import BinaryCrossEntropy
from runner.loss.cross_entropy import CrossEntropy
from runner.loss.fcos import FCOS
from runner.loss.focal import Focal

SPEC = Spec("segmentation", Field("image", (1, 6, 5)), Field("mask", (6, 5), 3, (), (60, 25, 5)), num_outputs=3)


def example(seed=0):
    torch.manual_seed(seed)
    targets = torch.randint(3, (4, 6, 5))
    targets[torch.rand(4, 6, 5) < 0.3] = IGNORED
    return torch.randn(4, 3, 6, 5), targets


def test_cross_entropy_is_torchs_mean_over_the_pixels_that_count():
    outputs, targets = example()
    batch = Batch(torch.zeros(4, 1, 6, 5), targets)
    loss = CrossEntropy(SPEC)
    torch.testing.assert_close(loss(outputs, batch), F.cross_entropy(outputs, targets, ignore_index=IGNORED))
    assert loss.units(batch) == (targets != IGNORED).sum()
    torch.testing.assert_close(Focal(SPEC, gamma=0.0)(outputs, batch), loss(outputs, batch))


def test_parts_add_up_to_the_whole_whatever_is_ignored_in_them():
    outputs, targets = example()
    for loss in (CrossEntropy(SPEC, (1.0, 2.0, 0.5)), Focal(SPEC, 2.0, "balanced")):
        whole = Batch(torch.zeros(4, 1, 6, 5), targets)
        parts = [Batch(torch.zeros(1, 1, 6, 5), targets[n : n + 1]) for n in range(4)]
        units = [loss.units(part) for part in parts]
        total = sum(loss(outputs[n : n + 1], part) * units[n] for n, part in enumerate(parts)) / sum(units)
        torch.testing.assert_close(total, loss(outputs, whole))


def test_weights_multiply_the_terms():
    outputs, targets = example()
    weight = torch.tensor([0.5, 2.0, 1.0])
    terms = F.cross_entropy(outputs, targets, weight, ignore_index=IGNORED, reduction="sum")
    value = CrossEntropy(SPEC, (0.5, 2.0, 1.0))(outputs, Batch(torch.zeros(4, 1, 6, 5), targets))
    torch.testing.assert_close(value, terms / (targets != IGNORED).sum())


@pytest.mark.parametrize("loss", [CrossEntropy, Focal])
def test_a_batch_of_which_nothing_counts_costs_nothing(loss):
    outputs = torch.randn(1, 3, 6, 5, requires_grad=True)
    value = loss(SPEC)(outputs, Batch(torch.zeros(1, 1, 6, 5), torch.full((1, 6, 5), IGNORED)))
    value.backward()
    assert value == 0 and not outputs.grad.any()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_each_of_several_labels_is_asked_for_by_itself(count):
    """Two labels are no two classes: they have a logit each."""
    spec = Spec("multilabel", Field("table", (3,)), Field("labels", (count,), count), num_outputs=count)
    loss = BinaryCrossEntropy(spec)
    assert loss.num_outputs(spec) == count
    outputs, targets = torch.randn(5, count), torch.randint(2, (5, count))
    expected = F.binary_cross_entropy_with_logits(outputs, targets.float())
    for given in (targets, targets.float()):
        torch.testing.assert_close(loss(outputs, Batch(torch.zeros(5, 3), given)), expected)


def test_auto_takes_that_of_the_task():
    labels = Spec("multilabel", Field("table", (3,)), Field("labels", (2,), 2), num_outputs=2)
    boxes = Spec("detection", Field("image", (1, 8, 8)), Field("boxes", (1, 5), 2), num_outputs=6)
    assert [type(Auto(spec)) for spec in (SPEC, labels, boxes)] == [CrossEntropy, BinaryCrossEntropy, FCOS]
