import subprocess
import sys

import pytest

from runner.engine.task import Task
from runner.errors import ConfigError
from runner.task import all_tasks, task_named
from runner.task.regression import Regression


@pytest.mark.parametrize("name", all_tasks())
def test_every_task_is_found_under_the_name_of_its_file(name):
    task = task_named(name)
    assert issubclass(task, Task)
    assert task.__module__ == f"runner.task.{name}"
    assert task.targets


def test_one_of_ones_own_is_named_by_its_module_and_class():
    assert task_named("runner.task.regression.Regression") is Regression


def test_what_is_no_task_is_refused():
    with pytest.raises(ConfigError, match=r"task 'clasification': there is no such task.*classification"):
        task_named("clasification")
    with pytest.raises(ConfigError, match=r"runner.task.regression has no subclass of runner.engine.task.Task"):
        task_named("runner.task.regression.Spec")


def test_names_are_known_without_torch():
    code = (
        "import sys; from runner.task import all_tasks, task_named; [task_named(n) for n in all_tasks()];"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
