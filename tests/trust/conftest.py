"""A folder in which whatever is executed, imported or written leaves a trace."""

import os
import sys
from pathlib import Path

import pytest

TRACE = "from pathlib import Path\nPath({trace!r}).touch()\n"
CLASSES = """
class Evil:
    def __init__(self, *args, **kwargs): pass
    def __call__(self, *args, **kwargs): pass
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The working directory: a module and a package that leave a trace when they are imported, and a program."""
    home, outside = tmp_path / "home", tmp_path / "outside"
    home.mkdir()
    outside.mkdir()
    leave = TRACE.format(trace=str(outside / "trace"))
    (home / "evil.py").write_text(leave + CLASSES)
    (home / "evilpkg").mkdir()
    (home / "evilpkg/__init__.py").write_text(leave)
    program = home / "program"
    program.write_text(f"#!/bin/sh\ntouch {outside}/trace\n")
    program.chmod(0o755)
    (outside / "precious").write_text("precious\n")
    monkeypatch.chdir(home)
    monkeypatch.syspath_prepend(str(home))
    monkeypatch.setenv("CANARY_SECRET", "s3cr3t-canary")
    for name in ("evil", "evilpkg"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield home
    for name in ("evil", "evilpkg"):
        sys.modules.pop(name, None)


@pytest.fixture
def answer(place, capfd):
    """A command's exit status and what it printed; nothing may have been executed or written outside."""

    def give(*words):
        from runner.cli.verbs import answer

        arguments, environment = list(sys.argv), dict(os.environ)
        try:
            code = answer(list(words))
        except SystemExit as error:
            code = error.code
        finally:
            sys.argv = arguments
        printed = capfd.readouterr()
        assert_untouched(place)
        assert {name: os.environ.get(name) for name in environment} == environment
        assert "Traceback" not in printed.err, printed.err
        return code, printed.out, printed.err

    return give


def assert_untouched(place: Path) -> None:
    outside = place.parent / "outside"
    assert sorted(path.name for path in outside.iterdir()) == ["precious"], list(outside.iterdir())
    assert (outside / "precious").read_text() == "precious\n"
    assert "evil" not in sys.modules
    assert "evilpkg" not in sys.modules
