"""What is to be predicted."""

import polars as pl
import pytest

from runner.data.table.targets import choose_task, read_targets
from runner.errors import RunFailed


def test_several_numbers():
    columns = pl.DataFrame({"price": [1.0, 2.0], "rent": [3.0, 4.0]})
    targets = read_targets(columns, choose_task(columns), "a.csv")
    assert (targets.task, targets.names) == ("regression", ("price", "rent"))
    assert targets.values.tolist() == [[1, 3], [2, 4]]


def test_labels_may_be_said_in_words():
    columns = pl.DataFrame({"a": [0.0, 1.0], "b": ["Yes", "no"], "c": ["false", "TRUE"], "d": [True, True]})
    targets = read_targets(columns, "multilabel", "a.csv")
    assert (targets.task, targets.names) == ("multilabel", ("a", "b", "c", "d"))
    assert targets.values.tolist() == [[0, 1, 0, 1], [1, 0, 1, 1]]
    with pytest.raises(RunFailed, match=r"'e' holds 'maybe'\. Expected labels"):
        read_targets(pl.DataFrame({"e": ["yes", "maybe"]}), "multilabel", "a.csv")
    with pytest.raises(RunFailed, match=r"'e' holds '2'\. Expected labels"):
        read_targets(pl.DataFrame({"e": [0.0, 2.0]}), "multilabel", "a.csv")


def test_classes_of_large_numbers_keep_their_names():
    targets = read_targets(pl.DataFrame({"zip": [1234567.0, 1234568.0, 0.5]}), "classification", "a.csv")
    assert targets.names == ("0.5", "1234567", "1234568")
    assert targets.values.tolist() == [1, 2, 0]
