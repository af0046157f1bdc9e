"""Settings of a sweep that do not go together."""

import pytest

from runner.errors import ConfigError
from runner.sweep.settings import Settings

SHARED = {"shared_study": "lr", "storage": "postgresql://me@db/all"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"take_over": "multirun/a"}, "hydra.sweeper.take_over: goes with hydra.sweeper.shared_study"),
        ({"shared_study": "lr"}, "drivers share a study in a database.*hydra.sweeper.storage=postgresql://"),
        ({**SHARED, "shared_study": "../lr"}, "hydra.sweeper.shared_study=../lr: expected a plain name"),
        ({**SHARED, "enqueue": [{"x": 1}]}, "hydra.sweeper.enqueue: each of the drivers would try these points"),
    ],
)
def test_what_drivers_of_one_study_can_not_have(given, message):
    Settings(**SHARED, take_over="multirun/a")
    with pytest.raises(ConfigError, match=message):
        Settings(**given)
