"""Trained networks that variants are made of, and commands as a user types them."""

import pytest

from runner.run import compose, run


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A function from the words of a command to the folder of a run, which is made once for all tests."""
    known = {}

    def train(*words):
        if words not in known:
            folder = tmp_path_factory.mktemp("run") / "run"
            run(compose([*words, "trainer.device=cpu", "trainer.threads=1", "trainer.evaluation=off"]), folder)
            known[words] = folder
        return known[words]

    return train
