"""The verb ``generate`` as a user types it."""

import shutil
import signal
import subprocess
import sys

import pytest
import torch

from tests.generate.test_text import MODELS, TEXTS

SHORT = ("trainer.max_steps=3", "trainer.limit_batches=3", "trainer.threads=1", "trainer.images=0")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    from runner.run import compose, run

    folder = tmp_path_factory.mktemp("trained") / "run"
    run(compose([*TEXTS, "model=decoder", *MODELS["decoder"], *SHORT]), folder)
    return folder


@pytest.fixture
def here(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "moved")


def test_a_text_begins_with_its_prompt(here, say):
    command = ("generate", "moved", "--prompt", "import os\nx = ", "--max-tokens", "40", "--seed", "3")
    first = say(*command)
    assert (first.code, first.err) == (0, "")
    assert first.out.startswith("import os\nx = ")
    assert first.out.endswith("\n")
    assert say(*command).out == first.out
    assert say(*command[:-1], "4").out != first.out
    assert "x1b" not in first.out
    assert say("generate", "moved", "--max-tokens=5", "--temperature=0").code == 0


def test_what_is_unknown_or_too_long_is_told(here, say):
    said = say("generate", "moved", "--prompt", "\N{SNOWMAN} and more than the context", "--max-tokens", "2")
    assert said.code == 0
    assert "note: of the prompt's 27 tokens the last 16 are read" in said.err
    assert "read as unknown" in said.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--temperature", "warm"), "--temperature warm: expected a number"),
        (("--temperature=-1",), "--temperature -1.0: expected a number of at least 0"),
        (("--top-p", "2"), "above 0 and at most 1"),
        (("--top-k", "0"), "--top-k 0: expected a whole number"),
        (("--max-tokens", "many"), "--max-tokens many: expected a whole number"),
        (("--seed", str(2**64)), "below 2^63"),
        (("--beams", "3"), "--beams: a beam search is for answers of a length of their own"),
        (("--beams", "0"), "--beams 0: expected a whole number of at least 1"),
        (("--beams", "2", "--length-penalty", "nan"), "--length-penalty nan: expected a number of at least 0"),
        (("--beams", "2", "--top-k", "3"), "--top-k: is for tokens that are drawn"),
        (("--searchbeams", "3"), "--searchbeams: not known here"),
        (("def",), "given as --prompt 'def ...'"),
        (("model.hidden=3",), "only trusted_targets"),
    ],
)
def test_wrong_commands(here, say, words, message):
    said = say("generate", "moved", *words)
    assert said.code == 2
    assert message in said.err


def process(trained, *words):
    return subprocess.Popen(
        [sys.executable, "-m", "runner", "generate", str(trained), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_the_prompt_may_come_through_a_pipe_and_an_interrupt_ends_it_cleanly(trained):
    writing = process(trained, "--prompt", "-", "--temperature", "0", "--max-tokens", "100000000")
    writing.stdin.write(b"x = 1\n")
    writing.stdin.close()
    writing.stdin = None
    assert writing.stdout.read(7)[:5] == b"x = 1"
    writing.send_signal(signal.SIGINT)
    _, err = writing.communicate(timeout=60)
    assert writing.returncode == 130
    assert b"Traceback" not in err


def test_a_prompt_that_is_no_text(trained):
    writing = process(trained, "--prompt", "-")
    _, err = writing.communicate(b"ab\xff", timeout=60)
    assert writing.returncode == 2
    assert b"byte 3 of the standard input is no UTF-8" in err


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"vocabulary": ["<padding>", "<unknown>", "<start>", "<end>", 7]}, "an entry of it is no text"),
        ({"vocabulary": "abc"}, "an entry of it is no text"),
        ({"vocabulary": ["<padding>", "<unknown>", "<start>", "<end>", "a"]}, "its vocabulary has 5 entries"),
        ({"library": "{", "between": "", "theirs": []}, "its state of the transform from raw data is damaged"),
        (None, "its state of the transform from raw data is damaged"),
    ],
)
def test_a_vocabulary_that_is_damaged(here, tmp_path, say, changed, says):
    file = tmp_path / "moved/checkpoints/best.pt"
    saved = torch.load(file, weights_only=True)
    saved["transform"] = saved["transform"] | changed if changed else {}
    torch.save(saved, file)
    file.with_name("best.pt.sha256").unlink()
    answer = say("generate", "moved")
    assert (answer.code, answer.out) == (1, "")
    assert says in answer.err
