"""Commands in a folder of the test's own, in this process or in one of their own."""

import os
import subprocess
import sys
from collections import namedtuple

import pytest

Answer = namedtuple("Answer", "code out err")
QUICK = ("trainer.max_epochs=1", "trainer.limit_batches=3", "trainer.threads=1", "trainer.images=0", "model.hidden=[8]")


@pytest.fixture
def say(tmp_path, monkeypatch, capfd):
    """Give a command here, without a new process."""
    monkeypatch.chdir(tmp_path)

    def give(*words):
        from runner.cli.verbs import answer

        monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
        capfd.readouterr()
        code = answer(list(words))
        return Answer(code, *capfd.readouterr())

    return give


@pytest.fixture
def start(tmp_path):
    """Start a process with a command; `communicate` gives what it says."""

    def begin(*words, **environment):
        kept = {key: value for key, value in os.environ.items() if key != "HYDRA_FULL_ERROR"}
        return subprocess.Popen(
            [sys.executable, "-m", "runner", *words],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**kept, "OMP_NUM_THREADS": "1", **environment},
        )

    return begin
