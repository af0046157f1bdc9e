"""Each check of each option that was named; see `runner.testing`."""

from collections.abc import Callable

from runner.testing.option import TestedOption


def test_an_option(runner_option: TestedOption, runner_check: Callable[[TestedOption], None]) -> None:
    """The check tells what is wrong."""
    runner_check(runner_option)
