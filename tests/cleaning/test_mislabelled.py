"""Confident learning beside its equations written out, and on digits with labels that were flipped."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from runner.cleaning.likeness.vectors import vectors
from runner.cleaning.mislabelled import Mislabelled, confident_classes
from runner.engine.data import Data
from runner.engine.spec import Spec
from runner.engine.split import TensorSplit
from runner.errors import ConfigError, RunFailed


def by_the_equations(probabilities, labels):
    """Northcutt et al. 2021, eqs. 1 and 2, a loop for each sum; where two classes are confident, the likelier one."""
    count = probabilities.shape[1]
    t = [np.mean([p[j] for p, y in zip(probabilities, labels) if y == j]) for j in range(count)]
    told = []
    for p in probabilities:
        above = [j for j in range(count) if p[j] >= t[j]]
        told.append(max(above, key=lambda j: p[j]) if above else -1)
    return told


def test_classes_are_those_of_the_equations():
    rng = np.random.default_rng(0)
    for count in (2, 3, 7):
        labels = np.concatenate([np.arange(count), rng.integers(0, count, 80)])
        probabilities = rng.dirichlet(np.full(count, 0.4), len(labels))
        assert confident_classes(probabilities, labels).tolist() == by_the_equations(probabilities, labels)


def test_a_class_without_examples_is_nobodys():
    probabilities = np.array([[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]])
    assert confident_classes(probabilities, np.array([1, 0])).tolist() == [1, 0]


def seen(split):
    return vectors(split), split.classes().numpy()


def flipped(seed=0, share=0.05):
    """Digits, of whose training part a share has another label; and which those are."""
    pixels, of = load_digits(return_X_y=True)
    inputs, labels = torch.from_numpy(pixels).float().reshape(-1, 1, 8, 8) / 16, torch.from_numpy(of)
    rng = np.random.default_rng(seed)
    wrong = rng.choice(1200, round(share * 1200), replace=False)
    given = labels.clone()
    given[wrong] = (labels[wrong] + torch.from_numpy(rng.integers(1, 10, len(wrong)))) % 10
    parts = {"train": TensorSplit(inputs[:1200], given[:1200]), "val": TensorSplit(inputs[1200:], labels[1200:])}
    return Data(Spec.classification((1, 8, 8), 10, counts=(120,) * 10), parts, ""), set(wrong.tolist()), labels


@pytest.mark.parametrize("seed", range(2))
def test_flipped_labels_of_digits_are_found(seed):
    """Of a random pick, one in twenty would be wrong, and one in twenty of the wrong ones be picked."""
    data, wrong, labels = flipped(seed)
    told = Mislabelled().suspicious(*seen(data.train), 10, 0)
    found = set(np.flatnonzero(told >= 0).tolist())
    assert len(found & wrong) / len(found) > 0.6
    assert len(found & wrong) / len(wrong) > 0.7
    assert np.mean([told[row] == labels[row] for row in found & wrong]) > 0.9  # what they are in truth
    cleaned = Mislabelled()(data, 0)
    assert cleaned.sizes == {"train": 1200 - len(found), "val": 597}
    assert cleaned.notes == (f"{len(found)} examples of train left out: label probably wrong",)
    assert cleaned.parts["val"] is data.parts["val"]


def test_labels_that_can_not_be_told_are_not_taken_for_wrong_ones_without_a_word():
    """Inputs that say nothing: half of the labels would go."""
    rng = np.random.default_rng(0)
    split = TensorSplit(torch.from_numpy(rng.normal(size=(200, 2)).astype(np.float32)), torch.arange(200) % 2)
    (note,) = Mislabelled()(Data(Spec.classification((2,), 2, counts=(100, 100)), {"train": split}, ""), 0).notes
    assert note.endswith(
        "label probably wrong, and so many can't be: logistic_regression hardly tells these classes apart"
    )


def test_gradient_boosting_sees_what_is_not_straight():
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, (400, 2)).astype(np.float32)
    of = ((rows[:, 0] > 0) ^ (rows[:, 1] > 0)).astype(np.int64)
    of[:20] = 1 - of[:20]
    split = TensorSplit(torch.from_numpy(rows), torch.from_numpy(of))
    found = set(np.flatnonzero(Mislabelled("gradient_boosting", 3).suspicious(*seen(split), 2, 0) >= 0))
    assert len(found & set(range(20))) >= 14 and len(found) <= 40
    straight = set(np.flatnonzero(Mislabelled(folds=3).suspicious(*seen(split), 2, 0) >= 0))
    assert len(straight - set(range(20))) > 3 * len(found - set(range(20)))


def test_few_examples_and_one_class():
    rows = torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
    of = torch.tensor([0, 0, 0, 0, 0, 3, 3, 3, 2])  # one of a class, and none of another
    assert Mislabelled().suspicious(*seen(TensorSplit(rows, of)), 4, 0).shape == (9,)
    for none in (of * 0, torch.tensor([0] * 8 + [2])):
        assert (Mislabelled().suspicious(*seen(TensorSplit(rows, none)), 4, 0) == -1).all()
    with pytest.raises(RunFailed, match=r"needs 9 examples of a class for as many folds, and no class has more than 5"):
        Mislabelled(folds=9).suspicious(*seen(TensorSplit(rows, of)), 3, 0)


def test_what_has_no_classes_is_refused(go):
    with pytest.raises(ConfigError, match="cleaning=mislabelled: is for classification, and these data are for regr"):
        go("data=diabetes", "cleaning=[mislabelled]")
