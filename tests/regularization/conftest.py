from collections.abc import Callable
from typing import Any

import pytest

from runner.engine.fit import Fit


@pytest.fixture
def fit() -> Callable[..., Fit]:
    """A fit that has only the parts given."""

    def make(**parts: Any) -> Fit:
        made = object.__new__(Fit)
        made.__dict__.update(parts)
        return made

    return make
