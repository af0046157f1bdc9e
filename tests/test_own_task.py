"""docs/own_task.md, done as it says: a task of one's own that trains, resumes and predicts."""

import csv
import re
import sys
from pathlib import Path

import pytest

from runner.cli.verbs import answer
from runner.data.diabetes import FEATURES, Diabetes
from runner.data.parts.assemble import divide
from runner.data.source import bundled
from runner.errors import Interrupted
from runner.run import compose, load, resume, run
from runner.testing import check_option
from runner.testing.comparison import content, same
from tests.test_run import StopAt

ROOT = Path(__file__).parent.parent
TRUST = "trusted_targets=[my_ordinal]"
WORDS = [
    "data=diabetes_grades",
    "model.hidden=[16]",
    "trainer.max_epochs=12",
    "optimizer.lr=0.02",
    "trainer.threads=1",
    TRUST,
]


def write_files(page, folder):
    """Every piece of code on a page that begins with the path of its file."""
    for piece in re.findall(r"```(?:python|yaml)\n(.*?)```", page.read_text(), re.DOTALL):
        first, rest = piece.split("\n", 1)
        if found := re.fullmatch(r"# ([\w/]+\.(?:py|yaml))", first):
            path = folder / found[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(rest)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with what the page shows."""
    write_files(ROOT / "docs/own_task.md", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("my_ordinal", None)


def patients(path):
    """The raw measurements of all patients, in the order of the data, as a table."""
    rows = bundled.numbers(bundled.read("diabetes_data_raw.csv.gz"), delimiter=None)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FEATURES)
        writer.writerows(rows.tolist())
    return len(rows)


def test_it_trains_resumes_and_predicts(here, capfd):
    result = run(compose(WORDS, "my_options"), here / "whole")
    assert result["status"] == "completed"
    assert result["val"]["loss"] < 0.55  # 0.61 where each step is told with its share: (2 H(1/4) + H(1/2)) / 3
    with pytest.raises(Interrupted):
        run(compose(WORDS, "my_options"), here / "cut", StopAt(5))
    resume(here / "cut", trusted_targets=["my_ordinal"])
    assert same(content(here / "whole"), content(here / "cut")) == []

    count = patients(here / "patients.csv")
    assert answer(["predict", "cut", "patients.csv", "--output", "grades.csv", TRUST]) == 0, capfd.readouterr().err
    with open("grades.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == count
    assert list(rows[0]) == ["input", "prediction", "above_slow", "above_moderate", "above_fast"]
    network = load("cut", trusted_targets=["my_ordinal"])
    test = divide(Diabetes(), count, None).test
    batch = network.recipe.data.load().parts["test"].read(_numbers(len(test)))
    told = network.task.rows(network.outputs(batch))
    assert [rows[n]["prediction"] for n in test] == [row["prediction"] for row in told]
    grades = ["slow", "moderate", "fast", "very fast"]
    distance = [abs(grades.index(row["prediction"]) - t) for row, t in zip(told, batch.targets.tolist())]
    assert sum(distance) / len(distance) < 0.9  # 1.2 of grades drawn by chance


def _numbers(count):
    import torch

    return torch.arange(count)


@pytest.mark.slow
def test_it_keeps_to_what_every_option_must(here, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    check_option("data", "diabetes_grades", folder, config_dir="my_options", trusted_targets=["my_ordinal"])


def test_nothing_of_the_engine_is_touched(here):
    assert sorted(p.name for p in here.rglob("*") if p.suffix in (".py", ".yaml")) == [
        "diabetes_grades.yaml",
        "my_ordinal.py",
        "test_my_ordinal.py",
    ]
