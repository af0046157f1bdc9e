"""New rows are imbalanced-learn's, of the training part, for the same rows and seed; nothing else changes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from imblearn.over_sampling import ADASYN, SMOTE, SMOTENC, BorderlineSMOTE
from sklearn.datasets import make_classification

from runner.balance.adasyn import Adasyn
from runner.balance.borderline_smote import BorderlineSmote
from runner.balance.smote import Smote
from runner.balance.smotenc import Smotenc, one_hot_columns
from runner.engine.data import Data
from runner.engine.spec import Spec
from runner.engine.split import TensorSplit
from runner.engine.split.rows import RowsSplit
from runner.errors import ConfigError
from tests.balance.test_oversampling import sorted_by_class

MIXED = Path(__file__).parent / "mixed.csv"
PAIRS = [
    (Smote(), lambda seed: SMOTE(random_state=seed)),
    (Smote(3), lambda seed: SMOTE(random_state=seed, k_neighbors=3)),
    (BorderlineSmote(), lambda seed: BorderlineSMOTE(random_state=seed)),
    (
        BorderlineSmote(4, 6, "borderline-2"),
        lambda seed: BorderlineSMOTE(random_state=seed, k_neighbors=4, m_neighbors=6, kind="borderline-2"),
    ),
    (Adasyn(), lambda seed: ADASYN(random_state=seed)),
    (Adasyn(3), lambda seed: ADASYN(random_state=seed, n_neighbors=3)),
]


def overlapping(counts=(60, 25, 12)):
    """Classes that lie among each other, sorted, with val and test beside."""
    share = np.array(counts) / sum(counts)
    rows, of = make_classification(
        600, 6, n_informative=4, n_classes=3, weights=list(share), class_sep=0.6, random_state=0
    )
    kept = np.concatenate([np.flatnonzero(of == c)[:n] for c, n in enumerate(counts)])
    rest = np.setdiff1d(np.arange(600), kept)
    split = {"train": kept, "val": rest[:20], "test": rest[20:40]}
    parts = {
        name: TensorSplit(torch.from_numpy(rows[r]).float(), torch.from_numpy(of[r]), places=[f"rows:{i}" for i in r])
        for name, r in split.items()
    }
    return Data(Spec.classification((6,), 3, counts=counts), parts, "")


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_rows_are_those_of_imbalanced_learn(ours, theirs):
    before = overlapping()
    data = ours(before, 2**40 + 7)  # of which numpy takes 32 bits
    rows, of = theirs(7).fit_resample(before.train.inputs.numpy(), before.train.targets.numpy())
    assert len(of) > len(before.train)
    assert np.array_equal(data.train.inputs.numpy(), rows) and np.array_equal(data.train.targets.numpy(), of)
    assert data.spec.class_counts == tuple(np.bincount(of))
    assert data.train.inputs.dtype == torch.float32 and data.train.targets.dtype == torch.int64
    assert torch.equal(data.train.inputs[:97], before.train.inputs)  # what is there stays, in front
    assert data.train.place(0) == before.train.place(0) and data.train.place(len(of) - 1) == ""
    assert data.parts["val"] is before.parts["val"] and data.parts["test"] is before.parts["test"]
    assert not torch.equal(ours(before, 8).train.inputs, data.train.inputs)


def test_some_of_the_rows_of_another_split_are_as_good_as_all_of_one():
    before = overlapping()
    order = torch.randperm(97, generator=torch.Generator().manual_seed(0))
    shuffled = Data(before.spec, {"train": RowsSplit(before.train, order), "val": before.val}, "")
    rows, _ = SMOTE(random_state=1).fit_resample(
        before.train.inputs[order].numpy(), before.train.targets[order].numpy()
    )
    assert np.array_equal(Smote()(shuffled, 1).train.inputs.numpy(), rows)


def test_too_few_rows_of_a_class_are_told_with_what_can_be_done():
    data = sorted_by_class(9, 3, 0)
    with pytest.raises(ConfigError, match=r"class '1' has 3 training examples\. Give it at most 2 neighbours, or take"):
        Smote()(data, 0)
    assert Smote(2)(data, 0).spec.class_counts == (9, 9, 0)  # what is not there can't be made
    with pytest.raises(ConfigError, match=r"class '1' has 1 training example\. Add data, or take balance=oversampling"):
        Smote(1)(sorted_by_class(9, 1), 0)
    far = TensorSplit(data.train.inputs + 100 * data.train.targets[:, None], data.train.targets)
    apart = replace(data, parts={"train": far, "val": far})  # no row of the rare class is near another class
    with pytest.raises(ConfigError, match=r"ADASYN can't be used with these rows: .* balance=oversampling goes with"):
        Adasyn(2)(apart, 0)
    with pytest.raises(ConfigError, match="BorderlineSMOTE can't be used with these rows"):
        BorderlineSmote(2, 40)(data, 0)  # more neighbours than rows


def test_what_networks_are_given_beside_can_not_be_made():
    train = TensorSplit(torch.randn(20, 2), torch.arange(20) // 15, {"codes": torch.zeros(20, 1)})
    with pytest.raises(ConfigError, match="give networks codes beside"):
        Smote()(Data(Spec.classification((2,), 2), {"train": train, "val": train}, ""), 0)


def mixed(*overrides):
    from runner.config.check import check_run
    from runner.run import compose
    from runner.run.assembly import load_data

    return load_data(check_run(compose(["data=csv", f"data.path={MIXED}", "data.target=ill", *overrides])))


@pytest.mark.parametrize("k", [5, 2])
def test_categories_are_those_of_smotenc(k):
    before = mixed()
    names = before.spec.feature_names
    assert names == ("age", "dose", "colour=blue", "colour=green", "colour=red", "place=north", "place=south")
    data = Smotenc(k)(before, 5)
    inputs = before.train.inputs
    coded = torch.cat([inputs[:, :2], inputs[:, 2:5].argmax(1, True), inputs[:, 5:].argmax(1, True)], 1).numpy()
    sampler = SMOTENC([2, 3], random_state=5, k_neighbors=k)
    rows, of = sampler.fit_resample(coded, before.train.targets.numpy())
    made = data.train.inputs.numpy()
    assert np.array_equal(made[:, :2], rows[:, :2]) and np.array_equal(data.train.targets.numpy(), of)
    assert np.array_equal(made[:, 2:5], np.eye(3)[rows[:, 2].astype(int)])
    assert np.array_equal(made[:, 5:], np.eye(2)[rows[:, 3].astype(int)])
    assert torch.equal(data.train.inputs[: len(inputs)], inputs)


def test_columns_of_categories_are_found_by_their_ones():
    inputs = torch.tensor([[1.0, 1, 0, 0, 1, 0.5], [0.0, 0, 1, 1, 0, 2.0]])
    assert one_hot_columns(inputs, ("gap_missing", "a=x", "a=y", "a=b=x", "a=b=y", "n=1")) == [[1, 2], [3, 4]]


def test_smotenc_without_categories_or_without_numbers_is_refused():
    with pytest.raises(ConfigError, match=r"these have none\. balance=smote"):
        Smotenc()(overlapping(), 0)
    with pytest.raises(ConfigError, match="categories only"):
        Smotenc()(mixed("data.exclude=[age,dose]"), 0)
