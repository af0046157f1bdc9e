"""Learning rates that an option starts with are those of its class, or the option's file says why not."""

import inspect

import pytest
import yaml

from runner.config.options import Options
from runner.config.targets import resolve

OPTIONS = Options()


@pytest.mark.parametrize("name", OPTIONS.names("optimizer"))
def test_the_rate_is_the_sources_or_explained(name):
    text = OPTIONS.file("optimizer", name).read_text()
    node = yaml.safe_load(text)
    own = inspect.signature(resolve(node["_target_"], "optimizer._target_")).parameters["lr"].default
    (line,) = (line for line in text.splitlines() if line.startswith("lr:"))
    assert float(node["lr"]) == own or f"torch has {own:.0e}".replace("e-0", "e-") in line
