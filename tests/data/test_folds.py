"""Cross-validation through data options."""

from __future__ import annotations

import numpy as np
import pytest

from runner.data.csv import Csv
from runner.data.digits import Digits
from runner.errors import ConfigError, RunFailed


def rows(split):
    return {x.numpy().tobytes() for x in split.inputs}


def test_every_example_outside_the_test_part_is_validated_once():
    plain = Digits(scaling="none").load()
    folds = [Digits(scaling="none", folds=5, fold=k).load() for k in range(5)]
    pool = rows(plain.train) | rows(plain.val)
    for splits in folds:
        assert rows(splits.test) == rows(plain.test)
        assert rows(splits.train) | rows(splits.val) == pool
        assert not rows(splits.train) & rows(splits.val)
    assert set.union(*(rows(s.val) for s in folds)) == pool
    assert sum(len(s.val) for s in folds) == len(plain.train) + len(plain.val)


def test_the_scale_is_of_the_folds_training_part():
    splits = Digits(folds=3, fold=1).load()
    assert abs(float(splits.train.inputs.mean())) < 1e-5


def test_groups_stay_whole(tmp_path):
    path = tmp_path / "table.csv"
    draw = np.random.default_rng(0)
    lines = [f"p{g},{draw.normal():.3f},{draw.normal():.3f}" for g in range(8) for _ in range(10)]
    path.write_text("patient,x,y\n" + "\n".join(lines) + "\n")
    given = {"path": str(path), "target": "y", "group": "patient", "split": (0.5, 0.25, 0.25), "scaling": "none"}
    for k in range(6):  # six groups are outside the test part: one is left out each time
        splits = Csv(**given, folds=6, fold=k).load()
        assert (len(splits.val), len(splits.train), len(splits.test)) == (10, 50, 20)
    with pytest.raises(RunFailed, match="only 6 groups"):
        Csv(**given, folds=7).load()
    with pytest.raises(ConfigError, match="come after"):
        Csv(path=str(path), target="y", order="x", folds=3).load()


@pytest.mark.parametrize("given", [{"fold": 1}, {"folds": 3, "fold": 3}])
def test_there_is_no_such_fold(given):
    with pytest.raises(ConfigError, match="there is no such fold"):
        Digits(**given)
