"""Pictures of examples of series."""

from types import SimpleNamespace

import numpy as np
import torch

from runner.engine.spec import Field
from runner.evaluation.examples import Example
from runner.evaluation.gallery import gallery


def task_of(**more):
    inputs = Field.of_numbers((4, 2), ("price", "load"))
    return SimpleNamespace(spec=SimpleNamespace(inputs=inputs, targets=Field("values", **more)))


def example(target):
    return Example(1.0, 7, 0.5, None, torch.arange(8.0).reshape(4, 2), target, target + 1, {})


def test_forecasts_are_drawn_in_the_unit_of_the_series():
    task = task_of(names=("load",), mean=(100.0,), std=(10.0,))
    (axis,) = gallery(task, [example(torch.tensor([[0.0], [2.0]]))], "Highest loss").axes
    seen, true, predicted = (line.get_ydata() for line in axis.lines)
    assert np.array_equal(seen, [110, 130, 150, 170])
    assert np.array_equal(true, [100, 120]) and np.array_equal(predicted, [110, 130])
    assert axis.get_xlabel().endswith("; load")


def test_numbers_of_whole_series_have_no_picture():
    assert gallery(task_of(names=("age",)), [example(torch.tensor([0.3]))], "Highest loss") is None
