"""Every class as rare as the rarest that is there; what is kept is drawn and stays in its order."""

import numpy as np
import pytest
import torch
from imblearn.under_sampling import RandomUnderSampler

from runner.balance.undersampling import Undersampling
from runner.errors import ConfigError
from tests.balance.test_oversampling import sorted_by_class


def test_frequent_classes_are_cut_as_imbalanced_learn_cuts_them():
    before = sorted_by_class(50, 9, 0, 20)
    data = Undersampling()(before, 3)
    rows = data.train.read(torch.arange(27))
    _, of = RandomUnderSampler(random_state=0).fit_resample(before.train.inputs.numpy(), before.train.targets.numpy())
    assert np.array_equal(rows.targets.numpy(), of) and data.spec.class_counts == (9, 9, 0, 9)
    assert torch.equal(rows.targets, before.train.targets[rows.inputs[:, 0].long()])
    assert torch.equal(data.train.rows, data.train.rows.sort().values) and len(data.train.rows.unique()) == 27
    assert data.val is before.val
    assert data.notes == ("Undersampling trains on 27 examples an epoch, of 79; 9 of each class",)
    assert not torch.equal(Undersampling()(before, 4).train.rows, data.train.rows)


def test_every_example_is_as_likely_as_any_other():
    taken = torch.zeros(10)
    for seed in range(2000):
        rows = Undersampling()(sorted_by_class(10, 3), seed).train.rows
        taken += rows.bincount(minlength=13)[:10]
    assert ((taken / 2000 - 0.3).abs() < 0.05).all()  # five standard errors of a share of 0.3


def test_one_class_and_a_stream_are_refused(go):
    with pytest.raises(ConfigError, match="nothing to balance: all 4 training examples are of one class"):
        Undersampling()(sorted_by_class(0, 4), 0)
    with pytest.raises(ConfigError, match="these come as a stream"):
        go("data=digits_stream", "balance=undersampling")
    with pytest.raises(ConfigError, match="balance=undersampling: is for classification, and these data are for regr"):
        go("data=diabetes", "balance=undersampling")
    with pytest.raises(ConfigError, match="balance=smote takes rows of a table, and these data are images"):
        go("balance=smote")
