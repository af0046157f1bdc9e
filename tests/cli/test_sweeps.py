"""The verb sweeps: what is said of a winner, before and after it was run again on fresh seeds."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import stats

from runner.cli.verbs import answer
from runner.sweep.folder import SweepFolder
from runner.sweep.trial import Trial

TINY = ["data=iris", "trainer.max_epochs=1", "trainer.threads=1", "model.hidden=[4]", "trainer.images=0"]
SETTINGS = {
    "created": "2026-01-31 12:00:00",
    "study": "s-1",
    "sampler": "random",
    "seed": 0,
    "repeats": 1,
    "repeat_key": "seed",
    "objectives": ["val/loss"],
    "directions": ["minimize"],
    "fixed": TINY,
    "space": {"optimizer.lr": {"space": "interval(0.1,1)", "kind": "interval", "log": False}},
    "application": "runner",
    "config_name": "config",
    "config_dir": None,
    "arguments": ["optimizer.lr=interval(0.1,1)", *TINY],
    "hydra_arguments": ["hydra/sweeper=random", "hydra.sweeper.n_trials=4", "hydra.sweeper.workers=2"],
}
SEARCHED = [0.5, 0.3, 0.4, 0.6]


def put(folder, scores, seed=0, first=0, lrs=None, more=(), tested=None, config=None):
    """Trials in a folder, one for each score; None for those that failed."""
    sweep = SweepFolder(folder)
    sweep.trials.mkdir(parents=True, exist_ok=True)
    for number, score in enumerate(scores):
        lr = f"0.{number + 1}" if lrs is None else lrs
        values = score if isinstance(score, list) else [score]
        trial = Trial(number, number if lrs is None else 0, number, 0 if lrs is None else number, {}, [], "", {})
        trial.params, trial.overrides = ({"optimizer.lr": lr}, [*TINY, f"optimizer.lr={lr}"]) if lr else ({}, TINY)
        trial.folder = f"{number:04d}-lr_{lr}"
        trial.config = {**({"trainer": {}} if config is None else config), "seed": seed + (number if first else 0)}
        trial.status, trial.values = ("failed", None) if score is None else ("completed", values)
        if score is not None and not isinstance(score, list):
            trial.scores = {"val/loss": score}
            trial.tested = None if tested is None else {"loss": score + tested}
        sweep.create(trial)
    return folder


@pytest.fixture
def search(tmp_path, monkeypatch):
    """A sweep of four learning rates, the second of which is the best."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s").mkdir()
    (tmp_path / "s/sweep.yaml").write_text(yaml.safe_dump(SETTINGS))
    (tmp_path / "s/result.json").write_text(json.dumps({"status": "completed", "best": [{"trial": 1}]}))
    put(tmp_path / "s", SEARCHED)
    (tmp_path / "s/trials.csv").write_text(
        "number,point,status,val/loss,optimizer.lr\n"
        + "".join(f"{i},{i},completed,{v},0.{i + 1}\n" for i, v in enumerate(SEARCHED))
    )
    return tmp_path / "s"


FRESH, DEFAULT = [0.45, 0.5, 0.48, 0.41, 0.44], [0.55, 0.64, 0.6, 0.5, 0.58]


@pytest.fixture
def sweeper(monkeypatch):
    """In the place of the process that makes fresh runs: what it was given, and scores by the folder's name."""
    given, scores, status = [], {"trial-0001": FRESH, "default": DEFAULT}, {}

    def sweep(arguments):
        given.append(arguments)
        place = Path(next(w for w in arguments if w.startswith("hydra.sweep.dir=")).partition("=")[2].strip("'"))
        repeats = int(next(w for w in arguments if w.startswith("hydra.sweeper.repeats=")).partition("=")[2])
        first = int(next(w for w in arguments if w.startswith("seed=")).partition("=")[2])
        if place.name in scores:
            put(place, scores[place.name][:repeats], first, 1, lrs="0.2" * (place.name != "default"), tested=0.01)
            (place / "result.json").write_text(json.dumps({"status": "completed"}))
        return status.get(place.name, 0)

    monkeypatch.setattr("runner.cli.confirm.sweep", sweep)
    sweep.given, sweep.scores, sweep.status = given, scores, status
    return sweep


def test_what_a_search_overstated_and_whether_it_is_better_than_the_default(search, sweeper, capsys):
    assert answer(["sweeps", "s", "--confirm", "5"]) == 0
    said = capsys.readouterr().out
    record = json.loads((search / "confirmation.json").read_text())
    (winner,) = record["winners"]
    shown = winner["confirmed"]["val/loss"]
    assert (winner["trial"], winner["overrides"], shown["found"]) == (1, ["optimizer.lr=0.2"], 0.3)
    assert shown["fresh"]["mean"] == pytest.approx(np.mean(FRESH))
    assert shown["fresh"]["deviation"] == pytest.approx(np.std(FRESH, ddof=1))
    ends = stats.t.interval(0.95, 4, np.mean(FRESH), stats.sem(FRESH))
    assert (shown["fresh"]["low"], shown["fresh"]["high"]) == pytest.approx(ends)
    assert shown["overstated"] == pytest.approx(np.mean(FRESH) - 0.3)
    assert record["seeds"] == {"trial 1": [1000, 1001, 1002, 1003, 1004], "default": [1000, 1001, 1002, 1003, 1004]}
    found = winner["comparison"]["val/loss"]
    assert winner["compared_by"] == {"val/loss": "test/loss"}
    assert found["difference"] == pytest.approx(np.mean(FRESH) - np.mean(DEFAULT))
    assert found["p"] == pytest.approx(stats.ttest_rel(FRESH, DEFAULT).pvalue)
    assert found["verdict"] == "better"
    assert record["default"]["scores"]["test/loss"]["mean"] == pytest.approx(np.mean(DEFAULT) + 0.01)
    sentence = (
        "trial 1: the search said val/loss 0.3000, the best of 4; 5 fresh runs say 0.4560 ± 0.044. The search "
        "flattered it by 0.1560. Against the default configuration, by test/loss: better."
    )
    assert sentence in said
    for words in (["sweeps", "s"], ["sweeps", "."]):
        assert answer(words) == 0
        listed = capsys.readouterr().out
        assert "0.4560 ± 0.044 (n 5)" in listed
        assert (sentence in listed) == (words[1] == "s")


def test_what_is_run(search, sweeper, capsys):
    assert answer(["sweeps", "s", "--confirm", "3"]) == 0
    of_winner, of_default = sweeper.given
    assert {"optimizer.lr=0.2", *TINY, "seed=1000", "hydra.sweeper.repeats=3", "hydra.sweeper.test=all"} <= {*of_winner}
    assert "hydra.sweeper.workers=2" in of_winner, "as the search had"
    assert "hydra.sweeper.n_trials=4" not in of_winner
    assert {*of_winner} - {*of_default} == {
        "optimizer.lr=0.2",
        f"hydra.sweep.dir='{search}/confirmation/trial-0001'".replace(f"{search}", "s"),
    }
    assert "seed 1000 to 1002, which no trial of the search used" in capsys.readouterr().out
    assert answer(["sweeps", "s", "--confirm", "3"]) == 0
    assert len(sweeper.given) == 2, "what is there is not made again"
    assert "a verdict was given here before" not in capsys.readouterr().out
    sweeper.scores.clear()  # as if the sweep had added nothing
    assert answer(["sweeps", "s", "--confirm", "5", "--workers", "1"]) == 0
    assert [w for w in sweeper.given[2] if "workers" in w][-1] == "hydra.sweeper.workers=1"
    assert "a verdict was given here before, of 3 fresh runs" in capsys.readouterr().out


def test_before_it_is_confirmed_the_command_is_named(search, capsys):
    assert answer(["sweeps", "s"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == (
        "trial 1: the best of 4 single runs, so by luck too, and the score flatters. On fresh seeds: "
        "python -m runner sweeps s --confirm 5"
    )


def test_repeats_are_a_mean_with_an_interval(search, capsys):
    (search / "sweep.yaml").write_text(yaml.safe_dump({**SETTINGS, "repeats": 2}))
    rows = [(0, 0.5), (0, 0.6), (1, 0.2), (1, 0.4)]
    (search / "trials.csv").write_text(
        "number,point,status,val/loss,optimizer.lr\n"
        + "".join(f"{i},{p},completed,{v},0.{p + 1}\n" for i, (p, v) in enumerate(rows))
    )
    assert answer(["sweeps", "s"]) == 0
    head, row = capsys.readouterr().out.splitlines()[:2]
    half = stats.t.ppf(0.975, 1) * stats.sem([0.2, 0.4])
    assert head.split() == ["sweep", "started", "sampler", "trials", "best", "n", "sd", "with"]
    assert row.endswith(f"val/loss 0.3000 ± {half:.2g}  2  0.14  optimizer.lr=0.2")


def test_runs_that_failed_count(search, sweeper, capsys):
    sweeper.scores["trial-0001"] = [None, 0.5, 0.48]
    sweeper.status["trial-0001"] = 1
    assert answer(["sweeps", "s", "--confirm", "3"]) == 0
    assert " failed " in capsys.readouterr().out
    (winner,) = json.loads((search / "confirmation.json").read_text())["winners"]
    assert winner["confirmed"]["val/loss"]["fresh"]["failures"] == 1
    assert winner["comparison"]["val/loss"]["verdict"] == "too few runs"
    sweeper.scores["trial-0001"] = [None] * 3


def test_where_all_failed_it_has_failed(search, sweeper, capsys):
    sweeper.scores["trial-0001"] = [None] * 3
    assert answer(["sweeps", "s", "--confirm", "3"]) == 1
    said = capsys.readouterr()
    assert "trial 1: no fresh run has val/loss." in said.out
    assert "No fresh run came to its end" in said.err


def test_what_stops_the_sweep_stops_it(search, sweeper):
    sweeper.status["trial-0001"] = 130
    assert answer(["sweeps", "s", "--confirm", "3"]) == 130
    assert not (search / "confirmation.json").exists()
    assert len(sweeper.given) == 1


def test_several_objectives_are_a_front(search, sweeper, capsys):
    goals = {"objectives": ["val/loss", "samples_per_second"], "directions": ["minimize", "maximize"]}
    (search / "sweep.yaml").write_text(yaml.safe_dump({**SETTINGS, **goals}))
    for number, values in enumerate([[0.5, 90.0], [0.3, 40.0], [0.4, 30.0], [0.6, 80.0]]):
        path = search / f"trials/{number:04d}-lr_0.{number + 1}/trial.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "values": values}))
    (search / "result.json").unlink()
    sweeper.scores |= {
        "trial-0001": [[0.5, 41.0], [0.4, 42.0], [0.3, 43.0]],
        "trial-0000": [[0.5, 88.0], [0.7, 86.0], [0.6, 87.0]],
        "default": [[0.7, 50.0], [0.8, 51.0], [0.75, 52.5]],
    }
    assert answer(["sweeps", "s", "--confirm", "3"]) == 0
    said = capsys.readouterr().out
    assert "confirming trial 0, trial 1, the default configuration" in said
    record = json.loads((search / "confirmation.json").read_text())
    first, second = record["winners"]
    assert first["confirmed"]["samples_per_second"]["overstated"] == pytest.approx(90 - 87)
    assert second["confirmed"]["samples_per_second"]["overstated"] == pytest.approx(40 - 42)
    assert "The search did not flatter it: they are better by 2.0000" in said
    assert first["comparison"]["samples_per_second"]["verdict"] == "better"
    assert second["comparison"]["samples_per_second"]["verdict"] == "worse"
    assert "note: the search is not at its end" in said


def test_the_default_itself_needs_no_comparison(search, sweeper, capsys):
    for path in search.glob("trials/0001*/trial.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "overrides": [*TINY, "optimizer.lr=0.001"]}))
    assert answer(["sweeps", "s", "--confirm", "3"]) == 0
    assert "that is what the search found" in capsys.readouterr().out
    assert len(sweeper.given) == 1


def test_a_loss_that_was_searched_over_is_not_compared(search, sweeper, capsys):
    space = {"loss": {"space": "cross_entropy,focal", "kind": "choice", "log": False}}
    (search / "sweep.yaml").write_text(yaml.safe_dump({**SETTINGS, "space": space}))
    assert answer(["sweeps", "s", "--confirm", "3"]) == 0
    assert "two losses can't be compared" in capsys.readouterr().out
    (winner,) = json.loads((search / "confirmation.json").read_text())["winners"]
    assert winner["comparison"] == {"val/loss": None}


def test_another_application_is_told_what_to_run(search, sweeper, capsys):
    for path in search.glob("trials/*/trial.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "config": {"seed": 7, "lr": 1.0}}))
    assert answer(["sweeps", "s", "--confirm", "3"]) == 2
    said = capsys.readouterr().err
    assert "a search of another application (runner), which can only be started by yourself" in said
    assert "seed=1000" in said
    assert "hydra.sweep.dir=" in said
    for name, scores in sweeper.scores.items():
        lrs = "0.2" * (name != "default")
        put(search / "confirmation" / name, scores[:3], 1000, 1, lrs=lrs, config={"lr": 1.0})
        (search / "confirmation" / name / "result.json").write_text(json.dumps({"status": "completed"}))
    assert answer(["sweeps", "s", "--confirm", "3"]) == 0
    (winner,) = json.loads((search / "confirmation.json").read_text())["winners"]
    assert winner["confirmed"]["val/loss"]["fresh"]["mean"] == pytest.approx(np.mean(FRESH[:3]))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["s", "--confirm", "2"], "--confirm 2: expected a whole number of at least 3"),
        (["s", "--confirm", "many"], "--confirm many: expected a whole number"),
        (["s", "--confirm"], "--confirm: a value is expected after it"),
        (["--confirm", "3"], "expected the folder of a sweep"),
        (["s", "--confirm", "3", "optimizer=sgd"], "optimizer=sgd: not taken here"),
        (["s", "--confirm", "3", "hydra.sweeper.repeats=9"], "hydra.sweeper.repeats=9: not taken here"),
        (["s", "--confirm", "3", "--workers", "0"], "--workers 0: expected a whole number"),
        (["s", "--workers", "2"], "--workers: goes with --confirm"),
        (["nowhere", "--confirm", "3"], "nowhere: not the folder of a sweep"),
        (["s/trials", "--confirm", "3"], "s/trials: not the folder of a sweep"),
        (["s", "more"], "more: not expected"),
    ],
)
def test_mistakes(words, said, search, capsys):
    assert answer(["sweeps", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"repeat_key": "data.fold"}, "all folds together chose the winner"),
        ({"repeat_key": "trusted_targets=[evil]+x"}, "is no key of a configuration"),
        ({"repeat_key": "hydra.job.num"}, "is no key of a configuration"),
        ({"sampler": "listed"}, "nothing was searched there"),
        ({"config_dir": ["x"]}, "is no folder"),
        ({"directions": []}, "1 objectives and 0 directions"),
        ({"objectives": ["a", "b"], "directions": ["minimize"] * 2}, "values are [0.5]"),
        ({"fixed": [*TINY, "trusted_targets=[evil]"]}, "a folder's own word is not taken for which code is trusted"),
        ({"hydra_arguments": ["hydra.searchpath=[file://evil]"]}, "a folder's own word is not taken for that"),
    ],
)
def test_searches_that_are_not_confirmed(settings, said, search, sweeper, capsys):
    (search / "sweep.yaml").write_text(yaml.safe_dump({**SETTINGS, **settings}))
    assert answer(["sweeps", "s", "--confirm", "3"]) == 2
    assert said in capsys.readouterr().err
    assert sweeper.given == []
    assert answer(["sweeps", "s"]) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_a_winner_that_is_gone_is_not_replaced_by_the_next_one(search, sweeper, capsys):
    (search / "trials/0001-lr_0.2").rename(search / "elsewhere")
    assert answer(["sweeps", "s", "--confirm", "3"]) == 2
    assert "trial 1 is the best by result.json, and its folder in trials/ is gone" in capsys.readouterr().err


def test_without_a_completed_trial_there_is_no_winner(search, capsys):
    (search / "result.json").unlink()
    for path in search.glob("trials/*/trial.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "status": "failed", "values": None}))
    assert answer(["sweeps", "s", "--confirm", "3"]) == 2
    assert "no trial has completed with a score" in capsys.readouterr().err


def test_nothing_is_written_through_a_link(search, sweeper, tmp_path, capsys):
    (tmp_path / "victim").mkdir()
    (search / "confirmation").symlink_to(tmp_path / "victim")
    assert answer(["sweeps", "s", "--confirm", "3"]) == 2
    assert "confirmation: a link to" in capsys.readouterr().err
    assert sweeper.given == []
    assert os.listdir(tmp_path / "victim") == []


def test_seeds_that_the_search_has_used_since_are_not_fresh(search, sweeper, capsys):
    assert answer(["sweeps", "s", "--confirm", "3"]) == 0
    path = search / "trials/0000-lr_0.1/trial.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "config": {**record["config"], "seed": 1001}}))
    capsys.readouterr()
    assert answer(["sweeps", "s"]) == 0
    assert answer(["sweeps", "s", "--confirm", "3"]) == 2
    assert "not fresh any more" in capsys.readouterr().err


@pytest.mark.long
def test_killed_and_continued_it_tells_the_runs_that_these_seeds_give(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    search = ["hydra/sweeper=random", "hydra.sweeper.n_trials=3", "optimizer.lr=interval(0.001,0.1)"]
    assert answer(["--multirun", *TINY, *search, "hydra.sweep.dir=s", "hydra.sweeper.plots=false"]) == 0
    assert "python -m runner sweeps s --confirm 5" in capsys.readouterr().out
    command = [sys.executable, "-m", "runner", "sweeps", "s", "--confirm", "3"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while "completed" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    process.stdout.close()
    assert not Path("s/confirmation.json").exists()
    until = time.monotonic() + 60
    while SweepFolder(Path("s/confirmation/trial-0000")).locked and time.monotonic() < until:
        time.sleep(0.1)
    assert answer(command[3:]) == 0
    record = json.loads(Path("s/confirmation.json").read_text())
    (winner,) = record["winners"]
    from runner.run import compose, run

    for name, own in ((f"trial {winner['trial']}", winner["overrides"]), ("default", [])):
        assert record["seeds"][name] == [1000, 1001, 1002]
        results = [
            run(compose([*TINY, *own, f"seed={seed}"]), tmp_path / f"alone-{name}-{seed}")
            for seed in record["seeds"][name]
        ]
        spreads = winner["scores"] if own else record["default"]["scores"]
        assert spreads["val/loss"]["mean"] == pytest.approx(np.mean([r["val"]["loss"] for r in results]), rel=1e-6)
        assert spreads["test/loss"]["mean"] == pytest.approx(np.mean([r["test"]["loss"] for r in results]), rel=1e-6)
    assert answer(["compare", "s"]) == 0
    assert f"trial {winner['trial']}: the search said val/loss" in capsys.readouterr().out
