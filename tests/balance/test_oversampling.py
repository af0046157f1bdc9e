"""Every class as often as the most frequent one; nothing is made up."""

import torch

from runner.balance.oversampling import Oversampling
from runner.engine.data import Data
from runner.engine.spec import Spec
from runner.engine.split import TensorSplit


def sorted_by_class(*counts):
    targets = torch.cat([torch.full((count,), number) for number, count in enumerate(counts)])
    train = TensorSplit(torch.arange(len(targets), dtype=torch.float32)[:, None], targets)
    val = TensorSplit(torch.zeros(3, 1), torch.tensor([0, 1, 2]))
    return Data(Spec.classification((1,), len(counts), counts=counts), {"train": train, "val": val}, "")


def test_rarer_classes_are_repeated():
    before = sorted_by_class(7, 2, 1)
    data = Oversampling()(before, 3)
    assert data.spec.class_counts == (7, 7, 7)
    batch = data.train.read(torch.arange(21))
    assert torch.equal(batch.inputs[:10], before.train.inputs)  # each of them once at least
    assert torch.equal(before.train.targets[batch.inputs[:, 0].long()], batch.targets)
    assert data.val is before.val
    assert torch.equal(Oversampling()(before, 3).train.rows, data.train.rows)
    assert not torch.equal(Oversampling()(before, 4).train.rows, data.train.rows)


def test_a_class_without_examples_stays_without():
    assert Oversampling()(sorted_by_class(4, 0, 2), 0).spec.class_counts == (4, 0, 4)
