import subprocess
import sys
from typing import get_args

import pytest

from runner.engine.metric import Direction
from runner.metric import all_metrics, metrics_for
from runner.task import all_tasks


def test_every_metric_is_found_under_the_name_of_its_file():
    found = all_metrics()
    assert {"accuracy", "balanced_accuracy", "f1", "mae", "rmse", "r2"} <= set(found)
    for name, metric in found.items():
        assert metric.__module__ == f"runner.metric.{name}"
        assert metric.direction in get_args(Direction)


@pytest.mark.parametrize(
    ("task", "some", "none"), [("classification", "accuracy", "rmse"), ("regression", "rmse", "accuracy")]
)
def test_metrics_are_reported_for_their_tasks(task, some, none):
    assert some in metrics_for(task)
    assert none not in metrics_for(task)
    assert set().union(*(metrics_for(t, asked=True) for t in all_tasks())) == set(all_metrics())


def test_directions_are_those_of_scores_and_errors():
    directions = {name: metric.direction for name, metric in all_metrics().items()}
    assert directions.items() >= {"mae": "min", "r2": "max", "rmse": "min", "accuracy": "max", "f1": "max"}.items()


def test_names_are_known_without_torch():
    code = "import sys; from runner.metric import all_metrics; assert all_metrics(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
