"""The verb ``fetch``: what it lists, refuses, brings and says."""

import pytest

from runner.cli.fetch import Fetching
from runner.data.source.available import fetched
from runner.fetch.fetching import fetch
from runner.fetch.listener import Listener, listen
from runner.fetch.sets import all_sets

from .conftest import CONTENTS, published


@pytest.fixture
def command(capfd):
    def give(*words):
        from runner.cli.verbs import answer

        capfd.readouterr()
        code = answer(list(words))
        return code, *capfd.readouterr()

    yield give
    listen(Listener())


@pytest.fixture
def small(server, cache, monkeypatch):
    small = published(server.plain())
    monkeypatch.setattr("runner.fetch.sets.all_sets", lambda: {"small": small})
    return small


def test_brings_a_set_verified_and_only_once(small, server, command):
    code, out, error = command("fetch", "small")
    assert (code, out) == (0, f"small: fetched from the publisher's download, verified: {small.folder}\n")
    assert error == f"small is not on this machine: fetching 1.0 MB into {small.folder} (CC0)\n"
    asked = len(server.asked)
    code, out, error = command("fetch", "small", "small")
    assert (code, out, error) == (0, f"small: was there, verified: {small.folder}\n", "")
    assert len(server.asked) == asked


def test_what_was_changed_in_the_cache_is_refused(small, command):
    fetch(small)
    (small.folder / "labels.txt").write_bytes(b"x" * len(CONTENTS["labels.txt"]))
    code, _, error = command("fetch", "small")
    assert code == 1 and "labels.txt: has the SHA-256" in error


def test_every_set_says_what_takes_it():
    taken = {published for used in fetched().values() for published in used}
    assert all((published in taken) != bool(published.use) for published in all_sets().values())


def test_list(command, cache):
    code, out, error = command("fetch", "--list")
    assert (code, error) == (0, "")
    for name, known in all_sets().items():
        (line,) = (line for line in out.splitlines() if line.split()[:1] == [name])
        assert known.licence in line and " MB " in line
    assert "data=mnist" in out and "not here" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mnits"], "mnits: no such set. Did you mean 'mnist'?"),
        ([], "expected what to fetch: "),
        (["wine"], "comes with scikit-learn; there is nothing to fetch"),
        (["--all"], "--all: not known here"),
        (["--list", "mnist"], "mnist: not expected"),
    ],
)
def test_refuses(words, said, command, cache):
    code, out, error = command("fetch", *words)
    assert (code, out) == (2, "") and said in error


def test_escapes_what_it_is_told(capsys):
    Fetching().tell("a\x1b[2Jb")
    assert capsys.readouterr().err == "a\\x1b[2Jb\n"
