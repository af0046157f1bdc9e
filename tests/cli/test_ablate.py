"""The verb ablate: what it refuses, what it runs, and that a verdict does not depend on interruptions."""

import json
import math
import os
import re
import signal
import string
import subprocess
import sys
import time

import numpy as np
import pytest
from scipy import stats

from runner.analysis.ablation import Run
from runner.analysis.statistics.procedure import Job
from runner.cli.ablate.ablating import Ablating
from runner.cli.ablate.asked import asked
from runner.cli.ablate.design import design
from runner.cli.ablate.display import Display
from runner.cli.ablate.sweeps import Sweeps
from runner.cli.verbs import answer
from runner.errors import ConfigError
from runner.sweep.trial import Trial

TUNED = ["optimizer=sgd,adam", "--tune", "optimizer.lr=tag(log,interval(0.01,1))"]
TINY = ["data=iris", "trainer.max_epochs=2", "trainer.threads=1", "model.hidden=[4]", "trainer.images=0"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give a key several values, the baseline first"),
        (["optimizer=adam"], "give a key several values"),
        (["optimizer=sgd,adam", "--seeds", "1"], "--seeds 1: expected a whole number of at least 3"),
        (["optimizer=sgd,adam", "--seeds", "5", "--folds", "5"], "--seeds and --folds: one of them"),
        (["optimizer=sgd,adam", "--until", "0.1"], "--until: goes with --max-seeds"),
        (["optimizer=sgd,adam", "--alpha", "2"], "--alpha 2: expected a number above 0 and below 1"),
        (["optimizer=sgd,adam", "--margin", "-1"], "--margin -1: expected a number above 0"),
        (["optimizer=sgd,adam", "--workers", "0"], "--workers 0: expected a whole number"),
        (["optimizer=sgd,sgd"], "sgd is there twice"),
        (["optimizer.lr=interval(0.1,1)"], "arms are values, not an interval"),
        (["seed=1,2"], "the runs of each arm differ in it"),
        (["optimizer=sgd,adam", "hydra.sweeper.workers=2"], "not taken here"),
        (["optimizer=sgd,adam", "--seed", "3"], "--seed"),
        (["optimizer=sdg,adam"], "Did you mean 'sgd'"),
        (["warmup=null,linear"], "expected the name of an option"),
        (["optimizer=sgd,adam", "--score", "acuracy"], "Did you mean 'accuracy'"),
        (["optimizer=sgd,adam", "--score", "accuracy", "data=diabetes"], "--score accuracy: no such score"),
        (["loss=cross_entropy,focal", "--score", "loss"], "the losses of the arms can't be compared"),
        (["optimizer=sgd,adam", "--trials", "8"], "--trials: goes with --tune"),
        (["optimizer=sgd,adam", "--max-studies", "8"], "--max-studies: goes with --tune"),
        (["optimizer=sgd,adam", "space=lr"], "--tune space="),
        ([*TUNED, "--trials", "1"], "--trials 1: expected a whole number of at least 2"),
        ([*TUNED, "--studies", "2"], "--studies 2: expected a whole number of at least 3"),
        ([*TUNED, "--studies", "5", "--max-studies", "8"], "--studies and --max-studies: one of them"),
        ([*TUNED, "--max-seeds", "8"], "Write --max-studies N"),
        ([*TUNED, "--folds", "5"], "--folds with --tune: a search would choose by examples"),
        ([*TUNED, "--until", "0.1"], "--until: goes with --max-studies"),
        ([*TUNED, "--seeds", "1000"], "--seeds 1000: expected at most 999"),
        ([*TUNED, "--max-studies", "1000"], "--max-studies 1000: expected at most 999"),
        ([*TUNED, "--trials", "99999999999"], "--trials 99999999999: expected at most 9999"),
        (["optimizer=sgd,adam", "--max-seeds", "99999999999"], "--max-seeds 99999999999: expected at most 999"),
        ([*TUNED, "optimizer.lr=0.1"], "optimizer.lr=0.1 gives it one value"),
        ([*TUNED, *TUNED[1:]], "optimizer.lr is tuned twice"),
        (["optimizer=sgd,adam", "--tune", "optimizer.lr=0.1"], "one value, and a search needs several"),
        (["optimizer=sgd,adam", "--tune", "optimizer.lrr=interval(0.1,1)"], "Did you mean 'lr'"),
        (["optimizer=sgd,adam", "--tune", "optimiser.lr=interval(0.1,1)"], "Did you mean 'optimizer'"),
        (["optimizer=sgd,adam", "--tune", "optimizer=sgd,lion"], "optimizer is what the arms differ in"),
        (["optimizer.lr=0.1,1", "--tune", "optimizer=sgd,nope"], "has no option 'nope'"),
        (["optimizer.momentum=0.1,0.5", "--tune", "optimizer=adam,sgd"], "in which the arms differ, depends on it"),
        (["optimizer=sgd,adam", "--tune", "seed=1,2"], "the runs of each arm differ in it"),
        (["optimizer=sgd,adam", "--tune", "optimizer.lr=interval(1,0)"], "from the smaller to the larger"),
        (["optimizer=sgd,adam", "--one-at-a-time"], "optimizer is the only key with several values"),
        (["optimizer=sgd,momentum", "--tune", "optimizer.momentum=interval(0.5,0.9)"], "the same configuration"),
    ],
)
def test_mistakes_cost_a_second(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert answer(["ablate", *words]) == 2
    assert said in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_the_folder_of_a_run_is_left_alone(tmp_path, capsys):
    (tmp_path / "manifest.json").write_text("{}")
    assert answer(["ablate", *TINY, "optimizer=sgd,adam", "--output", str(tmp_path)]) == 2
    assert "holds a run. Give the ablation a folder of its own: --output DIR." in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["manifest.json"]


def test_what_a_sweep_refuses_names_the_flag_of_ablate(tmp_path, monkeypatch, capsys):
    said = "x holds another sweep. Give this one a folder of its own: hydra.sweep.dir=DIR."
    monkeypatch.setattr(Sweeps, "_sweep", lambda self, jobs, test: (2, said))
    assert answer(["ablate", *TINY, "optimizer=sgd,adam", "--output", str(tmp_path / "x")]) == 2
    assert "a folder of its own: --output DIR." in capsys.readouterr().err


def test_its_folder_does_not_depend_on_the_order_of_words_and_can_be_one():
    one, other = asked_of("optimizer.lr=0.1,1", "optimizer=adam"), asked_of("optimizer=adam", "optimizer.lr=0.1,1")
    assert one.folder == other.folder
    strange = asked_of("optimizer@else=adam,sgd").folder
    assert strange.parent == one.folder.parent
    assert set(strange.name) <= set(string.ascii_letters + string.digits + "+_-")


def test_the_last_look_is_at_all_seeds():
    for seeds in (3, 7, 24, 25, 30):
        looks = asked_of("optimizer=adam,sgd", **{"--max-seeds": str(seeds)}).looks
        assert (looks[0], looks[-1]) == (3, seeds)
        assert len(looks) <= 15


def command(*words):
    return [sys.executable, "-m", "runner", "ablate", *TINY, *words]


def arms(folder):
    """What does not depend on when and where the runs were made."""
    record = json.loads((folder / "ablation.json").read_text())
    return {
        name: (arm["comparison"], {key: run["scores"]["test/accuracy"] for key, run in arm["runs"].items()})
        for name, arm in record["arms"].items()
    }


@pytest.mark.long
def test_killed_continued_and_extended_it_says_the_same(say, tmp_path, monkeypatch):
    words = ("optimizer=sgd,adam", "--seeds", "3")
    done = say("ablate", *TINY, *words, "--output", "whole")
    assert done.code == 0, done.err
    whole = arms(tmp_path / "whole")
    assert list(whole) == ["optimizer=sgd", "optimizer=adam"]
    assert all(set(runs) == {"0", "1", "2"} for _, runs in whole.values())
    for arm in whole:
        assert arm in done.out
    assert done.out.count(" baseline ") == 1
    assert (tmp_path / "whole/ablation.png").read_bytes().startswith(b"\x89PNG")

    process = subprocess.Popen(command(*words, "--output", "cut"), cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    while "completed" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    process.stdout.close()
    assert not (tmp_path / "cut/ablation.json").exists()
    until = time.monotonic() + 60
    while subprocess.run(["pgrep", "-f", str(tmp_path / "cut")], capture_output=True).returncode == 0:
        assert time.monotonic() < until
    done = say("ablate", *TINY, *words, "--output", "cut")
    assert done.code == 0, done.err
    assert arms(tmp_path / "cut") == whole
    assert "a verdict was given here before" not in done.out
    counted = [int(number) for number in re.findall(r"^\[(\d+)/6\]", done.out, re.MULTILINE)]
    assert 1 < counted[0] < 6 and counted == list(range(counted[0], 7))  # the one that had ended is not made again

    def make(self, jobs, test):  # the runs that are missing, without making any
        self.read(search=False)
        self.runs = {**dict.fromkeys(jobs, next(iter(self.runs.values()))), **self.runs}

    monkeypatch.setattr(Sweeps, "make", make)
    done = say("ablate", *TINY, *words[:-1], "5", "--output", "cut")
    assert "note: a verdict was given here before, of 3 runs of each arm" in done.out


@pytest.mark.long
def test_an_arm_that_fails_is_told_of_and_the_others_are_judged(say, tmp_path):
    done = say("ablate", *TINY, "optimizer.lr=0.1,1e30", "optimizer=sgd", "--seeds", "3", "--output", "here")
    assert done.code == 0, done.err
    bad = json.loads((tmp_path / "here/ablation.json").read_text())["arms"]["optimizer.lr=1e+30"]
    assert bad["comparison"]["scores"]["failures"] == 3
    assert "failed" in done.out


def test_seeds_are_added_until_it_is_clear(say, tmp_path, monkeypatch):
    def make(self, jobs, test):  # the second arm is worse, in its first runs by chance more and by chance less
        for job in jobs:
            worse = job.arm == "optimizer.lr=1e-09"
            loss = 0.1 + worse * (0.1, 0.5, 0.2, 0.3, 0.3)[job.seed]
            self.runs[job] = Run("x", "completed", None, 1.0, {"val/loss": loss})

    monkeypatch.setattr(Sweeps, "make", make)
    words = ("optimizer.lr=0.3,1e-9", "optimizer=sgd", "--max-seeds", "5", "--score", "loss", "--output", "here")
    done = say("ablate", *TINY, *words)
    assert done.code == 0, done.err
    record = json.loads((tmp_path / "here/ablation.json").read_text())
    arm = record["arms"]["optimizer.lr=1e-09"]
    assert record["score"] == "val/loss"
    assert arm["comparison"]["verdict"] == "worse"
    assert (record["looks"], len(arm["runs"])) == ([3, 4, 5], 5)


@pytest.mark.long
def test_folds_are_scored_where_they_were_left_out(say, tmp_path):
    assert say("ablate", *TINY, "optimizer=sgd,adam", "--folds", "3", "--output", "here").code == 0
    record = json.loads((tmp_path / "here/ablation.json").read_text())
    assert (record["score"], record["varied"]) == ("val/accuracy", "data.fold")
    assert record["test_to_train"] == pytest.approx(0.5, abs=0.05)
    runs = [record["arms"]["optimizer=adam"]["runs"][key]["scores"]["val/accuracy"] for key in "012"]
    base = [record["arms"]["optimizer=sgd"]["runs"][key]["scores"]["val/accuracy"] for key in "012"]
    found = record["arms"]["optimizer=adam"]["comparison"]
    differences = np.subtract(runs, base)
    assert found["difference"] == pytest.approx(differences.mean())
    error = differences.std(ddof=1) * np.sqrt(1 / 3 + record["test_to_train"])
    assert found["p"] == pytest.approx(2 * stats.t.sf(abs(differences.mean()) / error, 2))


def asked_of(*words, tune=(), trials=4, one_at_a_time=False, **flags):
    given = dict.fromkeys(("--folds", "--splits", "--max-seeds", "--studies", "--max-studies"))
    given |= dict.fromkeys(("--seeds", "--until", "--score", "--alpha", "--margin", "--workers", "--output"))
    given |= {"--trials": str(trials) if tune else None, **flags}
    return asked([*TINY, *words], given, one_at_a_time, list(tune), [])


def design_of(*words, **more):
    return design(asked_of(*words, **more))


@pytest.mark.parametrize(
    ("flags", "asked_for", "part"),
    [
        ({"--seeds": "3"}, ["all"], "test"),
        ({"--max-seeds": "4"}, ["none", "none", "all"], "val"),  # each look would have chosen by it
        ({"--folds": "3"}, ["all"], "val"),  # an arm's runs were judged where they were left out
        ({"--seeds": "2", "tune": TUNED[2:]}, ["none", "all"], "test"),
    ],
)
def test_when_the_test_split_is_looked_at(flags, asked_for, part, tmp_path, monkeypatch):
    """The sweeps are told when; here they draw scores, which are the same for all arms but for noise."""
    told = []

    def make(self, jobs, test):
        told.append(test)
        for job in jobs:
            score = 0.5 + 0.1 * (hash((job.seed, len(job.arm))) % 7 - 3)
            scores = {"val/accuracy": score} | ({"test/accuracy": score} if test == "all" else {})
            self.runs[job] = Run("x", "completed", None, 1.0, scores)

    monkeypatch.setattr(Sweeps, "make", make)
    given = asked_of("optimizer=adam,sgd", **{"--output": str(tmp_path / "x"), **flags})
    ablation = Ablating(given, design(given), "accuracy", "max").run()
    assert told == asked_for
    assert ablation.score == f"{part}/accuracy"
    for job, run in ablation.runs.items():
        assert ("test/accuracy" in run.scores) != job.search


def test_a_study_tries_the_same_points_on_every_arm():
    tune = (
        "optimizer.lr=tag(log,interval(1e-4,1))",
        "optimizer.momentum=interval(0.1,0.9)",
        "model.activation=relu,tanh",
    )
    found = design_of("optimizer=adam,sgd", "seed=5", tune=tune)
    assert list(found.arms) == ["optimizer=adam", "optimizer=sgd"]
    for study in range(3):
        adam, sgd = ([dict(point) for point in found.points(f"optimizer={arm}", study)] for arm in ("adam", "sgd"))
        assert [{k: v for k, v in point.items() if k != "optimizer.momentum"} for point in sgd] == adam
        assert len({point["optimizer.lr"] for point in sgd}) == len({point["optimizer.momentum"] for point in sgd}) == 4
        assert sorted(math.floor(4 * (1 + math.log10(float(p["optimizer.lr"])) / 4)) for p in adam) == [0, 1, 2, 3]
    assert found.points("optimizer=sgd", 0) != found.points("optimizer=sgd", 1)
    assert found.lacking() == ["optimizer=adam: has no optimizer.momentum, which is searched where optimizer=sgd."]
    job = Job("optimizer=sgd", 1002, found.points("optimizer=sgd", 1)[2])
    assert found.point(job) == {"optimizer": "sgd", **dict(job.settings), "seed": "1007"}
    point = found.space.given(found.point(job))
    assert found.job(Trial(0, 0, 0, 0, point, [], "", {}), search=False) == job
    for other in ({"optimizer": "lion"}, {"optimizer.lr": "\x1b[31m"}, {"seed": "-1"}, {"more": "1"}):
        assert found.job(Trial(0, 0, 0, 0, {**point, **other}, [], "", {}), search=False) is None
    of_adam = found.point(Job("optimizer=adam", 0, found.points("optimizer=adam", 0)[0]))
    assert found.job(Trial(0, 0, 0, 0, {**of_adam, "optimizer.momentum": "0.5"}, [], "", {}), search=False) is None


def test_one_at_a_time_every_arm_differs_from_the_first_in_one_key():
    words = ("optimizer.momentum=0.5,0.9", "optimizer=sgd,adam", "model.hidden=[4],[8],[]", "warmup=none,linear")
    whole, one = design_of(*words), design_of(*words, one_at_a_time=True)
    first, *others = one.arms
    assert first == next(iter(whole.arms))
    assert sorted(others) == [
        "model.hidden=[8]",
        "model.hidden=[]",
        "optimizer.momentum=0.9",
        "optimizer=adam",
        "warmup=linear",
    ]
    assert [whole.arms[name] for name in whole.arms if whole.arms[name] in one.arms.values()] == [*one.arms.values()]
    for name in others:
        key, _, text = name.partition("=")
        changed = one.arms[first] | {key: text}
        if name == "optimizer=adam":
            del changed["optimizer.momentum"]
        assert one.arms[name] == changed
        assert one.job(Trial(0, 0, 0, 0, one.space.given(one.point(Job(name, 3))), [], "", {}), False).arm == name


def test_runs_that_are_tested_are_told_of_once(capsys):
    display = Display("here", "val/accuracy", 1, None)
    for untested in (0, 8, 8, 3, 0):
        display.testing(untested)
        display.look()
    assert capsys.readouterr().out == "testing 8 runs on the test split\n"


def test_a_search_that_a_link_leads_elsewhere_is_left_alone(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "here/search").symlink_to(tmp_path / "elsewhere")
    given = asked_of("optimizer=adam,sgd", tune=TUNED[2:], **{"--output": str(tmp_path / "here")})
    sweeps = Sweeps(given, found := design(given), Display("here", "val/accuracy", 1, found))
    with pytest.raises(ConfigError, match="a link to"):
        sweeps.make([Job("optimizer=sgd", 0, found.points("optimizer=sgd", 0)[0], search=True)], "none")
    assert os.listdir(tmp_path / "elsewhere") == []


def test_an_arm_without_the_key_is_not_searched():
    found = design_of("regularization=none,dropout", tune=("regularization.dropout.p=interval(0.1,0.5)",))
    assert found.points("regularization=none", 0) == ((),)
    assert len(found.points("regularization=dropout", 0)) == 4


def lines(process, *words):
    """Read what a process says until each of these words was in a line."""
    for word in words:
        while word not in (line := process.stdout.readline()):
            assert process.poll() is None, line


@pytest.mark.long
def test_tuned_arms_are_compared_by_study_though_it_was_killed(say, tmp_path):
    """The search of the second arm fails altogether, which counts against it."""
    words = ("optimizer.lr=0.1,1e30", "optimizer=sgd", "--tune", "optimizer.momentum=interval(0,0.9)")
    words += ("--trials", "2", "--studies", "3", "--seeds", "2")
    process = subprocess.Popen(command(*words, "--output", "cut"), cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    lines(process, "study 0, search", "fresh 0")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    process.stdout.close()
    done = say("ablate", *TINY, *words, "--output", "cut")
    assert done.code == 0, done.err
    assert "a verdict was given here before" not in done.out
    record = json.loads((tmp_path / "cut/ablation.json").read_text())
    good, bad = record["arms"]["optimizer.lr=0.1"], record["arms"]["optimizer.lr=1e+30"]
    assert bad["comparison"]["scores"]["failures"] == 3
    assert bad["comparison"]["verdict"] == "too few runs"
    assert set(good["runs"]) == {f"{study}/{seed}" for study in range(3) for seed in range(2)}
    for study, found in record["studies"]["optimizer.lr=0.1"].items():
        fresh = [good["runs"][f"{study}/{seed}"]["scores"]["test/accuracy"] for seed in range(2)]
        assert found["score"] == pytest.approx(np.mean(fresh))
        trials = [json.loads(path.read_text()) for path in tmp_path.glob("cut/search/trials/*/trial.json")]
        own = [
            t for t in trials if t["params"]["optimizer.lr"] == "0.1" and t["params"]["seed"] == str(1000 * int(study))
        ]
        best = max(own, key=lambda t: t["scores"]["val/accuracy"])
        assert (len(own), found["found"]) == (2, best["scores"]["val/accuracy"])
        assert all(trial["tested"] is None for trial in trials)
    assert all(found["failed"] == found["trials"] == 2 for found in record["studies"]["optimizer.lr=1e+30"].values())
    assert (record["search"]["runs"], record["search"]["seeds"]) == (12, 2)

    done = say("ablate", *TINY, *words, "--output", "cut", "--dry-run")
    assert "12 runs of searches and 12 runs on fresh seeds" in done.out
    assert "of 12 completed runs with these settings; of optimizer.lr=1e+30 there is none" in done.out
