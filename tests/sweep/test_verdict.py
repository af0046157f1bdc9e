"""What a task function may return, and what a sweep makes of it."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from runner.sweep.run_trial import Returned
from runner.sweep.verdict import NoScore, reported, returned


@pytest.mark.parametrize(
    ("value", "scores"),
    [
        (3, [3.0]),
        (True, [1.0]),
        (np.float32(0.5), [0.5]),
        (torch.tensor(0.25), [0.25]),
        (torch.tensor([1.0]), [1.0]),
        ((1, 2.5), [1.0, 2.5]),
        (np.array([1, 2]), [1.0, 2.0]),
        (torch.tensor([1.0, 2.0]), [1.0, 2.0]),
        ({"loss": np.float64(1), "acc": torch.tensor(2), "name": "x"}, {"loss": 1.0, "acc": 2.0}),
        (None, None),
        ("foo", None),
        ([], None),
        ([1, "x"], None),
        (object(), None),
        ({"name": "x"}, None),
    ],
)
def test_numbers_of_any_kind(value, scores):
    assert Returned.of(value).scores == scores


def plan(*objectives, named=False, scored=False):
    return SimpleNamespace(objectives=list(objectives), named=named, scored=named or scored)


def test_scores_are_taken_by_name():
    both = Returned("dict", {"loss": 1.0, "acc": 2.0})
    assert returned(both, plan("acc", "loss", named=True)) == ("completed", None, [2.0, 1.0])
    with pytest.raises(NoScore, match=r"by name \(loss, acc\) but no lss; hydra.sweeper.objectives=\[loss\]"):
        returned(both, plan("lss", named=True))
    with pytest.raises(NoScore, match=r"by name \(loss, acc\); hydra.sweeper.objectives=\[loss\] says which"):
        returned(both, plan("objective", scored=True))


@pytest.mark.parametrize("value", [Returned("NoneType", None), Returned("str", None), Returned("tuple", [1.0, 2.0])])
def test_what_learns_nothing_does_without(value):
    assert returned(value, plan("objective"))[0] == "completed"
    assert returned(value, plan("objective"))[2] is None
    with pytest.raises(NoScore):
        returned(value, plan("objective", scored=True))


def test_what_is_no_number_is_a_failure():
    assert returned(Returned("float", [float("nan")]), plan("loss"))[:2] == ("failed", "diverged: loss is nan")


@pytest.mark.parametrize("value", [math.nan, math.inf, None, True, "0.1"])
def test_a_run_whose_score_is_no_number_failed(tmp_path, value):
    result = {"status": "completed", "monitor": "val/loss", "best_value": value}
    status, cause, values = reported(tmp_path, result, ["val/loss"])
    assert (status, values) == ("failed", None)
    assert cause.startswith(("diverged: val/loss is", "the run reports no val/loss"))
