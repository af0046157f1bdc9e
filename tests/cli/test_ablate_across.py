"""``ablate --across``: what it refuses, that each data set has an ordinary ablation, and that it goes on."""

import json
import os
import re
import subprocess
import sys

import pytest

import runner
from runner.analysis.statistics.data_sets import interquartile_mean
from runner.cli.ablate.across import each_of
from runner.cli.ablate.asked import asked
from runner.cli.ablate.design import design
from runner.cli.ablate.score import compared_across
from runner.cli.verbs import answer
from runner.errors import ConfigError
from runner.metric import all_metrics

ARMS = ["optimizer=sgd,adam"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--across", "data=iris"], "--across data=iris: expected several values: data=A,B"),
        (["--across", "data=interval(0,1)"], "expected several values"),
        (["--across", "data=iris,iris"], "iris is there twice"),
        (["--across", "data=iris,wine", "--across", "data=iris,wine"], "data is there twice"),
        (["--across", "seed=0,1"], "the runs of each arm differ in it"),
        (["--across", "optimizer=sgd,adam"], "optimizer=sgd,adam says something else of optimizer"),
        (["--across", "data=iris,wine", "data=iris"], "data=iris says something else of data"),
        (["--across", "data=iris,wine", "--tune", "data=iris,wine"], "--tune data=iris,wine says something else"),
        (["--across", "data=iris,wnie"], "error: data=wnie: data has no option 'wnie'. Did you mean 'wine'"),
        (["--across", "data=iris,wine", "--seeds", "2"], "--seeds 2: expected a whole number of at least 3"),
    ],
)
def test_mistakes_are_refused_before_anything_starts(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert answer(["ablate", *ARMS, *words]) == 2
    assert said in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


FLAGS = ("--seeds", "--folds", "--splits", "--max-seeds", "--trials", "--studies", "--max-studies", "--until")


def read(*words):
    flags = dict.fromkeys((*FLAGS, "--score", "--alpha", "--margin", "--workers", "--output"))
    return asked([*ARMS, *words], flags, False, [], ["optimizer=sgd,adam", "--output", "here"])


@pytest.fixture(scope="module")
def designs():
    """The same arms on three data sets, the last of which has another task."""
    return {name: design(read(f"data={name}")) for name in ("iris", "wine", "diabetes")}


@pytest.mark.parametrize(
    ("names", "given", "expected"),
    [
        (("iris", "wine"), None, "accuracy"),  # not the first of its scores, which is the loss
        (("iris", "wine"), "test/f1", "f1"),
        (("diabetes",), None, "r2"),
        (("iris", "wine"), "loss", "not on one scale .* Take one of accuracy, balanced_accuracy, f1"),
        (("iris", "wine"), "acuracy", "no such score on iris, wine. Did you mean 'accuracy'"),
        (("diabetes",), "rmse", "not on one scale .* Take one of r2"),
        (("diabetes", "wine"), "rmse", "no such score on wine. No score"),
        (("iris", "diabetes"), None, "iris has accuracy, balanced_accuracy, f1; diabetes has r2. Leave out data"),
    ],
)
def test_the_score_is_one_that_all_have_on_one_scale(names, given, expected, designs):
    own = {name: designs[name] for name in names}
    if " " not in expected:
        assert compared_across(given, own) == expected
    else:
        with pytest.raises(ConfigError, match=expected):
            compared_across(given, own)


def test_every_metric_says_whether_it_is_on_one_scale():
    """Those in the unit of a target, or of a likelihood, are not."""
    assert {name for name, metric in all_metrics().items() if not metric.comparable} == {
        "bits_per_byte",
        "bits_per_token",
        "mae",
        "perplexity",
        "pinball",
        "rmse",
    }


def test_the_folder_of_another_ablation_is_left_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "here/ablation.json").touch()
    assert answer(["ablate", *ARMS, "--across", "data=iris,wine", "--output", "here"]) == 2
    assert "here: holds a run, a sweep or an ablation" in capsys.readouterr().err
    assert os.listdir(tmp_path / "here") == ["ablation.json"]


def test_several_words_multiply():
    _, found = each_of(read(), ["data=iris,wine", "model.hidden=[4],[8,8]"])
    assert list(found) == [
        f"data={data} model.hidden={hidden}" for data in ("iris", "wine") for hidden in ("[4]", "[8,8]")
    ]
    assert len({one.folder for one in found.values()}) == 4
    _, found = each_of(read(), ["data.path=../../elsewhere,/,..,.,a+b"])
    assert {one.folder.parent for one in found.values()} == {read().folder}
    assert all(re.fullmatch("[a-z-][a-z.-]*-[0-9a-f]{8}", one.folder.name) for one in found.values())


def test_it_is_summed_up(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert answer(["ablate", *ARMS, "--across", "data=iris,wine", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "in all: 20 runs on 2 data sets" in out
    assert len({line for line in out.splitlines() if line.startswith("folder: ")}) == 3
    assert os.listdir(tmp_path) == []


TINY = ["trainer.max_epochs=1", "trainer.threads=1", "model.hidden=[4]", "trainer.images=0", "--seeds", "3"]


def scores(folder):
    record = json.loads((folder / "ablation.json").read_text())
    return {
        arm: [run["scores"]["test/accuracy"] for run in entry["runs"].values()] for arm, entry in record["arms"].items()
    }


@pytest.mark.long
def test_two_data_sets_stopped_and_continued(tmp_path, monkeypatch, capsys):
    """The second one is cut off; what the first one found stays as it is."""
    monkeypatch.chdir(tmp_path)
    longer = ["trainer.max_epochs=30", *TINY[1:]]  # the first run of several is done long before the last one
    words = ["ablate", *ARMS, "--across", "data=iris,wine", *longer, "--output", "here"]
    assert answer(["stop", "here"]) == 2  # there is none yet; what it takes is imported
    process = subprocess.Popen([sys.executable, "-m", "runner", *words], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("data=wine (2 of 2)"):
            break
    assert "completed" in process.stdout.readline()
    assert answer(["stop", "here"]) == 0
    assert "the same command goes on" in capsys.readouterr().out
    assert process.wait(60) == 130
    process.stdout.close()
    here = tmp_path / "here"
    assert list(json.loads((here / "across.json").read_text())["data_sets"]) == ["data=iris"]
    before = {file: file.stat().st_mtime_ns for file in here.glob("iris/trials/*/result.json")}

    assert answer(words) == 0
    out = capsys.readouterr().out
    assert len(before) == 6
    assert all(file.stat().st_mtime_ns == when for file, when in before.items())
    record, sets = json.loads((here / "across.json").read_text()), [scores(here / name) for name in ("iris", "wine")]
    assert record["planned"] == list(record["data_sets"]) == ["data=iris", "data=wine"]
    for arm, found in record["arms"].items():
        expected = interquartile_mean([own[arm] for own in sets], "max")
        assert found["interquartile_mean"] == {"value": expected.value, "low": expected.low, "high": expected.high}
    assert "accuracy over 2 data sets, 3 runs of each arm on each" in out
    assert out.index("\ndata=iris\narm") < out.index("\ndata=wine\narm")

    # Each is an ordinary ablation, which its own command finds complete.
    own = json.loads((here / "wine/ablation.json").read_text())["command"]
    assert answer(own[3:]) == 0
    assert "completed" not in capsys.readouterr().out
    assert len(runner.open(here)) == 12
    assert runner.open(here / "iris").verdicts.keys() == {"optimizer=adam"}
    assert answer(["watch", "here", "--once"]) == 0
