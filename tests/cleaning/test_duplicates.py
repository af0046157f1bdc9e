"""Planted copies are found, within a part and across parts."""

import torch

from runner.cleaning.duplicates import Duplicates
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.engine.split import TensorSplit
from runner.engine.split.sequences import SequenceSplit, ragged


def planted():
    """Rows of their own, with copies: train 0 is also train 5 and val 1; val 0 is also test 2; test has a twin."""
    inputs = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
    train, val, test = inputs[:8].clone(), inputs[8:12].clone(), inputs[12:].clone()
    train[5], val[1], test[2], test[3] = train[0], train[0], val[0], val[0]
    parts = {
        name: TensorSplit(rows, torch.arange(len(rows)) % 2)
        for name, rows in (("train", train), ("val", val), ("test", test))
    }
    return Data(Spec.classification((3,), 2, counts=(4, 4)), parts, "")


def test_planted_copies_are_left_out_and_told_of():
    data = Duplicates()(planted(), 0)
    assert data.sizes == {"train": 6, "val": 3, "test": 4}
    assert [data.val.place(row) for row in range(3)] == ["", "", ""]
    assert data.spec.class_counts == (3, 3)
    told = "left out: in another part too, or twice in the same"
    assert data.notes == (f"1 example of val {told}", f"2 examples of train {told}")
    assert torch.equal(data.train.read(torch.arange(6)).inputs, planted().train.inputs[[1, 2, 3, 4, 6, 7]])


def test_without_copies_nothing_is_left_out():
    clean = Duplicates()(planted(), 0)
    again = Duplicates()(clean, 0)
    assert again.sizes == clean.sizes
    assert again.notes[-1].startswith("no example left out")


def test_texts_are_equal_however_far_they_are_filled_up():
    """A text is filled up to the longest of those that are read with it."""
    texts = [
        torch.tensor([5, 6]),
        *[torch.tensor([7, 8, 9, number]) for number in range(10, 1100)],
        torch.tensor([5, 6]),
    ]
    more = [torch.tensor([5, 6, 0]), torch.tensor([4])]  # 0 fills up, and is a token here
    values, offsets = ragged([*texts, *more])
    split = SequenceSplit(values, offsets, torch.zeros(len(offsets) - 1, dtype=torch.int64))
    data = Data(Spec("classification", Field("tokens"), Field("class", (), 1)), {"train": split}, "")
    assert Duplicates().find(data, 0).rows["train"].tolist() == [1091]
