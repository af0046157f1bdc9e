"""A few of what `make fuzz` tries by the thousand, always the same."""

import sys

import pytest

from tests.fuzz.bounded import tried
from tests.fuzz.fuzz import SHARES, Places, answers, warm

NUMBERS = {"commands": 40, "options": 10, "tables": 10, "folders": 10}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="forks, and waits for them by pidfd"),
]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    warm()
    return Places(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("kind", SHARES)
def test_no_traceback_no_hang_no_other_exit_status(kind, places):
    told = list(answers(kind, NUMBERS[kind], places))
    assert [(answer.words, answer.finding) for answer in told if answer.finding] == []
    assert len({answer.code for answer in told}) > 1, "all end alike: nothing is tried"


def test_what_is_a_finding(places, monkeypatch):
    """The harness sees what it is for: a traceback, a hang, another exit status."""
    from runner.cli import verbs

    def hang(arguments):
        while True:
            pass

    def stumble(arguments):
        raise KeyError("x")

    for verb, found in (
        (stumble, "traceback: KeyError: 'x'"),
        (lambda arguments: 3, "exit status 3"),
        (hang, "took more than 1 seconds"),
    ):
        monkeypatch.setattr("tests.fuzz.bounded.LIMIT", 1)
        monkeypatch.setitem(verbs.VERBS, "list", verb)
        assert tried(["list"], places.home).finding.startswith(found)
