"""Options of pytest for `runner.testing`; see there."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.testing.checks import checks_of
from runner.testing.option import TestedOption


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which options are checked, and where they are."""
    group = parser.getgroup("runner")
    group.addoption("--option", action="append", default=[], metavar="GROUP=NAME", help="an option to check")
    group.addoption("--config-dir", default=None, help="a folder of options of your own")
    group.addoption("--trust", action="append", default=[], metavar="MODULE", help="a module of your own")
    group.addoption("--with", action="append", default=[], metavar="KEY=VALUE", help="what the option needs to work")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each check of each option."""
    if "runner_check" not in metafunc.fixturenames:
        return
    given = [tuple(text.partition("=")[::2]) for text in metafunc.config.getoption("--option")]
    pairs = [((group, name), check) for group, name in given for check in checks_of(group)]
    ids = [f"{group}={name}-{check.__name__}" for (group, name), check in pairs]
    metafunc.parametrize(("runner_option", "runner_check"), pairs, ids=ids, indirect=["runner_option"], scope="module")


@pytest.fixture(scope="module")
def runner_option(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TestedOption:
    """The option, with a folder for its runs that its checks share."""
    group, name = request.param
    folder: Path = tmp_path_factory.mktemp(name)
    get = request.config.getoption
    return TestedOption(group, name, folder, get("--config-dir"), get("--trust"), get("--with"))
