"""Statistics of thousands of small samples."""

import gc

import pytest


@pytest.fixture(autouse=True, scope="session")
def no_collecting():
    """statsmodels' Holm collects garbage at each call, which takes a hundred times as long as the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda *_: 0)
        yield
