import json

import pytest

from tests.engine.ranks.world import World


def world_of(size):
    @pytest.fixture(scope="session")
    def world():
        made = World(size)
        yield made
        made.close()

    return world


one, two, four = world_of(1), world_of(2), world_of(4)


@pytest.fixture(scope="session")
def rows():
    """The lines of a run's metrics without times."""

    def read(folder):
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        return [{name: value for name, value in row.items() if name != "time"} for row in lines]

    return read
