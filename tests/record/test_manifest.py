"""What a run says of where it comes from."""

import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from runner.record.git import git_state
from runner.record.manifest import gather
from tests.cli.conftest import QUICK


def git(*words):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *identity, *words], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def repository(tmp_path, monkeypatch):
    if shutil.which("git") is None:
        pytest.skip("git is not on this machine")
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    Path("code.py").write_text("one = 1\n")
    git("add", "code.py")
    git("commit", "-q", "-m", "first")
    return tmp_path


def test_a_clean_commit(repository):
    assert git_state() == {"commit": git("rev-parse", "HEAD").strip(), "dirty": False}
    Path("untracked.txt").write_text("a result, not code")
    assert git_state()["dirty"] is False


def test_a_change_is_kept_as_a_patch_that_applies(repository):
    Path("code.py").write_text("one = 1\ntwo = 2  # é\n")
    git("add", "code.py")
    Path("code.py").write_text("one = 1\ntwo = 3  # é\n")  # staged, and changed again
    state = git_state()
    assert state["dirty"] is True
    patch = Path("change.patch")
    patch.write_text(state["patch"])
    git("reset", "-q", "--hard")
    git("apply", "change.patch")
    assert Path("code.py").read_text() == "one = 1\ntwo = 3  # é\n"


def test_without_git(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state() == {}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state() == {}


def test_packages_are_those_that_are_imported():
    found = gather([])["packages"]
    assert found["torch"] == metadata.version("torch")
    assert found["hydra-core"] == metadata.version("hydra-core")


def test_the_manifest_of_a_run(repository, capfd):
    from runner.cli.verbs import answer

    Path("code.py").write_text("one = 2\n")
    assert answer([*QUICK, "seed=5", "data.split_seed=2", "hydra.run.dir=run"]) == 0
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert manifest["overrides"] == [*QUICK, "seed=5", "data.split_seed=2"]
    assert manifest["git"]["commit"] == git("rev-parse", "HEAD").strip()
    assert "+one = 2" in manifest["git"]["patch"]
    assert (manifest["seed"], manifest["split_seed"], manifest["status"]) == (5, 2, "completed")
    assert manifest["hardware"]["threads"] == 1
    assert manifest["hardware"]["device"]
    assert len(manifest["data"]["fingerprint"]) == 64
    assert manifest["data"]["train"] + manifest["data"]["val"] + manifest["data"]["test"] == 1797
    assert manifest["started"]
    assert manifest["command"] == ["python", *sys.orig_argv[1:]]
