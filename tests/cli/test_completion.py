"""What the shell offers behind a half-typed command: nothing else is printed, and nothing is run."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys

import pytest

from runner.cli.completion import FLAGS
from runner.cli.verbs import VERBS


@pytest.fixture
def offer(say, monkeypatch):
    """The words offered for a line, by the query that shells make."""

    def ask(line, shell="bash"):
        monkeypatch.setenv("COMP_LINE", line)
        monkeypatch.setenv("COMP_POINT", str(len(line)))
        answer = say("--shell-completion", f"query={shell}")
        assert (answer.code, answer.err) == (0, "")
        return set(answer.out.split())

    return ask


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("runner optimizer=", {"optimizer=adam", "optimizer=sgd"}),
        ("runner model=resnet model.", {"model.depth=", "model.width="}),
        ("runner sched", {"scheduler="}),
        ("runner res", {"resume"}),
        ("runner find-", {"find-lr", "find-batch-size"}),
        ("runner check optimizer=ada", {"optimizer=adam", "optimizer=adamw"}),
        ("python -m runner optimizer=", {"optimizer=adam", "optimizer=sgd"}),
        ("/usr/bin/python3 -m runner res", {"resume"}),
        ("runner --multirun hydra/sweeper=", {"hydra/sweeper=bayes", "hydra/sweeper=grid"}),
        ("runner --multirun hydra/sweeper=bayes hydra.sweeper.", {"hydra.sweeper.n_trials=", "hydra.sweeper.workers="}),
        ("runner --multirun optimizer=sgd,adam model.hid", {"model.hidden."}),
        ("runner find-lr model=cnn model.ch", {"model.channels."}),
        ("runner list opt", {"optimizer", "optimizer/wrapper"}),
        ("runner show optimizer/ada", {"optimizer/adam", "optimizer/adamw"}),
        ("runner evaluate outputs/x --", {"--split", "--checkpoint"}),
        ("runner evaluate outputs/x --split ", {"train", "val", "test"}),
        ("runner --mul", {"--multirun"}),
        ("runner --cfg ", {"job", "hydra", "all"}),
    ],
)
def test_what_is_offered(offer, line, offered):
    assert offered <= offer(line)


def test_fish_takes_a_word_a_line(offer):
    assert {"optimizer=adam", "optimizer=adamw"} <= offer("runner optimizer=ada", "fish")


@pytest.mark.parametrize(
    "line", ["", "runner optimizer=nosuch optimizer.", "runner 'unclosed", "runner model=[ model.", "runner doctor x"]
)
def test_half_a_command_makes_no_noise(offer, line):
    offer(line)


def test_folders_of_runs_and_sweeps(offer, tmp_path):
    for name in ("runs/one", "runs/two", "sweeps/s/trials/0000-a"):
        (tmp_path / "outputs" / name).mkdir(parents=True)
    both = {"outputs/runs/one", "outputs/runs/two"}
    assert offer("runner resume ") == both | {"outputs/sweeps/s"}
    assert offer("runner rerun outputs/r") == both
    assert offer("runner predict ") == both | {"outputs/sweeps/s/trials/0000-a"}
    assert "trainer.max_epochs=" in offer("runner resume outputs/runs/one trainer.max_")
    assert "trainer.max_epochs=" in offer("runner resume outputs/runs/one  trainer.max_")


def test_what_a_shell_would_execute_is_not_offered(offer, tmp_path):
    for name in ("$(touch hacked)", "`touch hacked`", "a;b", "plain"):
        (tmp_path / "outputs/runs" / name).mkdir(parents=True)
    assert offer("runner resume ") == {"outputs/runs/plain"}


def test_the_table_has_the_flags_of_every_verb():
    assert FLAGS.keys() == VERBS.keys()
    for verb, function in VERBS.items():
        source = inspect.getsource(function)
        assert set(FLAGS[verb]) == set(re.findall(r'"(--[a-z-]+)"', source)), verb


@pytest.mark.parametrize("given", ["", "install=tcsh", "instal=bash", "install=bash query=bash"])
def test_other_words_are_refused(say, given):
    answer = say("--shell-completion", *given.split())
    assert (answer.code, answer.out) == (2, "")
    assert "expected install=bash, zsh or fish" in answer.err


def test_installing_as_a_module(say, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/runner/__main__.py"])
    assert "complete -o nospace -o default -F _runner_completion python" in say("-sc", "install=bash").out
    assert "complete -r python" in say("-sc", "uninstall=bash").out
    assert say("-sc", "install=fish").code == 2


@pytest.mark.slow
@pytest.mark.parametrize("words", ["runner", "python -m runner"])
def test_in_a_real_bash(tmp_path, words):
    """The script is installed, then the function that it registers is called as bash calls it."""
    (tmp_path / "bin").mkdir()
    for name, text in (("runner", "from runner.cli import main; main()"), ("python", None)):
        path = tmp_path / "bin" / name
        path.write_text(f"#!{sys.executable}\n{text}\n" if text else f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        path.chmod(0o755)
    (tmp_path / "outputs/runs/mine").mkdir(parents=True)
    lines = [f"{words} optimizer=ada", f"{words} resu", f"{words} resume outputs/runs/m"]
    script = f'eval "$({words} --shell-completion install=bash)"\n'
    script += f"function=$(complete -p {words.split()[0]} | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n"
    for line in lines:
        script += f"COMP_LINE='{line}' COMP_POINT={len(line)} COMP_CWORD={len(line.split()) - 1} COMP_WORDS=({line})\n"
        script += 'COMPREPLY=(); $function; echo "${COMPREPLY[*]}"\n'
    env = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc"], input=script, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.stderr == ""
    offered = [set(line.split()) for line in done.stdout.splitlines()]
    assert {"optimizer=adam", "optimizer=adamw", "optimizer=adagrad"} <= offered[0]
    assert offered[1:] == [{"resume"}, {"outputs/runs/mine"}]
