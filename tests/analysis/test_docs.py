"""Every command of the page about comparing works, on runs and a sweep of the names that it speaks of."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.analysis.conftest import Maker

PAGE = Path(__file__).parents[2] / "docs/comparing.md"
COMMANDS = re.findall(r"^(?:    |\$ )python -m runner ((?:runs|diff|compare)\b.*)$", PAGE.read_text(), re.MULTILINE)


@pytest.fixture
def home(few_runs, tmp_path, monkeypatch):
    make = Maker(few_runs / "adam")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(few_runs / "adam", "outputs/runs/first")
    shutil.copytree(few_runs / "sgd", "outputs/runs/second")
    failed = Path("outputs/runs/third")
    shutil.copytree(few_runs / "sgd", failed)
    (failed / "result.json").write_text(json.dumps({"status": "failed", "cause": "it broke"}))
    sgd, good = Maker(few_runs / "sgd"), {"val/accuracy": 0.9}
    for number in range(6):
        (make if number % 2 else sgd)(
            f"outputs/runs/wine-{number}", best=1.0 / (number + 1), scores=good, seed=number // 2
        )
        trial = (make if number % 2 else sgd)(f"outputs/sweeps/optimizers/trials/{number:04d}-x", seed=number // 2)
        assert trial.is_dir()
    Path("outputs/sweeps/optimizers/sweep.yaml").touch()


@pytest.mark.parametrize("command", COMMANDS)
def test_it_works(command, home, capsys):
    from glob import glob

    from runner.cli.verbs import answer

    words = shlex.split(command)
    expanded = [path for word in words for path in (sorted(glob(word)) if "*" in word else [word])]
    code = answer(expanded)
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    assert len(said.out.splitlines()) > 1


def test_there_are_commands():
    assert {command.split()[0] for command in COMMANDS} == {"runs", "diff", "compare"}
