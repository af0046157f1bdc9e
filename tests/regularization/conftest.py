from collections.abc import Callable
from typing import Any

import pytest

from runner.engine.fit import Fit
from runner.engine.spec import Spec
from runner.engine.task import Task


@pytest.fixture
def fit() -> Callable[..., Fit]:
    """A fit that has only the parts given; `spec` stands for a task on such data."""

    def make(*, spec: Spec | None = None, **parts: Any) -> Fit:
        made = object.__new__(Fit)
        made.__dict__.update({"task": Task(spec)} | parts if spec else parts)
        return made

    return make
