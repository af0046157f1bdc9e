"""A repository that somebody else has set up runs nothing when a run notes where it comes from."""

import os
import subprocess
from pathlib import Path

import pytest

from runner.record.git import git_state
from tests.record.test_manifest import git, repository

__all__ = ["repository"]

COMMANDS = {  # a key of the repository's configuration that names a command, and what goes with it
    "core.fsmonitor": "",
    "core.pager": "",
    "core.sshCommand": "",
    "core.editor": "",
    "core.alternateRefsCommand": "",
    "core.gitProxy": "",
    "diff.external": "",
    "diff.mine.command": "*.py diff=mine",
    "diff.mine.textconv": "*.py diff=mine",
    "filter.mine.clean": "*.py filter=mine",
    "filter.mine.smudge": "*.py filter=mine",
    "filter.mine.process": "*.py filter=mine",
    "alias.rev-parse": "",
    "alias.diff": "",
    "credential.helper": "",
    "gpg.program": "",
    "uploadpack.packObjectsHook": "",
}


@pytest.fixture
def canary(repository, tmp_path_factory):
    """A program that leaves a trace, and the changed repository."""
    folder = tmp_path_factory.mktemp("canary")
    program = folder / "program"
    program.write_text(f"#!/bin/sh\ntouch {folder}/trace\ncat\n")
    program.chmod(0o755)
    return program


def assert_told(commit):
    Path("code.py").write_text("one = 2\n")
    state = git_state()
    assert (state["commit"], state["dirty"]) == (commit, True)
    assert "+one = 2" in state["patch"]


@pytest.mark.parametrize("key", COMMANDS)
def test_its_configuration_runs_no_program(key, canary):
    commit = git("rev-parse", "HEAD").strip()
    Path(".gitattributes").write_text(COMMANDS[key] + "\n")
    git("config", key, f"!{canary}" if key.startswith("alias") else str(canary))
    assert_told(commit)
    assert not (canary.parent / "trace").exists()


def test_nor_do_hooks_submodules_or_what_it_includes(canary):
    program = str(canary)
    commit = git("rev-parse", "HEAD").strip()
    Path("hooks").mkdir()
    for name in ("post-index-change", "fsmonitor-watchman", "reference-transaction", "post-checkout"):
        Path("hooks", name).symlink_to(canary)
        Path(".git/hooks", name).unlink(missing_ok=True)
        Path(".git/hooks", name).symlink_to(canary)
    git("config", "core.hooksPath", "hooks")
    Path("more").write_text(f'[core]\nfsmonitor = {program}\n[filter "mine"]\nclean = {program}\n')
    git("config", "include.path", "../more")
    Path(".git/info/attributes").write_text("* filter=mine\n")
    git("init", "-q", "inner")
    (Path("inner") / "a").write_text("a")
    git("-C", "inner", "add", "a")
    git("-C", "inner", "commit", "-q", "-m", "a")
    inner = git("-C", "inner", "rev-parse", "HEAD").strip()
    git("-c", "core.fsmonitor=false", "update-index", "--add", "--cacheinfo", f"160000,{inner},inner")
    git("-C", "inner", "config", "core.fsmonitor", program)
    (Path("inner") / "a").write_text("b")
    (canary.parent / "trace").unlink(missing_ok=True)
    assert_told(commit)
    assert not (canary.parent / "trace").exists()


def test_objects_that_are_missing_are_not_fetched(canary):
    commit = git("rev-parse", "HEAD").strip()
    blob = git("rev-parse", "HEAD:code.py").strip()
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": "ssh://nowhere/x",
        "core.sshCommand": str(canary),
        "protocol.allow": "always",
    }.items():
        git("config", key, value)
    Path(".git/objects", blob[:2], blob[2:]).unlink()
    Path("code.py").write_text("one = 2\n")
    assert git_state() == {"commit": commit, "dirty": None}
    assert not (canary.parent / "trace").exists()


def test_the_environment_does_not_direct_it(canary, monkeypatch):
    commit = git("rev-parse", "HEAD").strip()
    program = str(canary)
    for name, value in {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": program,
        "GIT_CONFIG_KEY_1": "diff.external",
        "GIT_CONFIG_VALUE_1": program,
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={program}'",
        "GIT_EXTERNAL_DIFF": program,
        "GIT_PAGER": program,
        "GIT_SSH_COMMAND": program,
        "GIT_EXEC_PATH": str(canary.parent),
        "GIT_DIR": "/nowhere",
        "GIT_TRACE": str(canary.parent / "trace"),
    }.items():
        monkeypatch.setenv(name, value)
    with monkeypatch.context() as without:
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            without.delenv(name)
        assert_told(commit)
    assert_told(commit)
    assert not (canary.parent / "trace").exists()


def test_the_index_is_left_as_it_is(repository):
    before = Path(".git/index").stat().st_mtime_ns
    os.utime("code.py", (1, 1))
    assert git_state()["dirty"] is False
    assert Path(".git/index").stat().st_mtime_ns == before
    assert not list(Path(".git").glob("*.lock"))


def test_other_forms_of_repositories(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    for form in ("sha256", "sha1"):
        subprocess.run(["git", "init", "-q", f"--object-format={form}", form], check=True)
        Path(form, "code.py").write_text("one = 1\n")
        for words in (("add", "."), ("commit", "-q", "-m", "a"), ("worktree", "add", "-q", f"../{form}-worktree")):
            subprocess.run(["git", *identity, *words], cwd=form, check=True)
        for place in (form, f"{form}-worktree"):
            monkeypatch.chdir(tmp_path / place)
            assert git_state()["dirty"] is False
            Path("code.py").write_text("one = 2\n")
            Path("below").mkdir()
            monkeypatch.chdir("below")
            assert "+one = 2" in git_state()["patch"]
            monkeypatch.chdir(tmp_path)
