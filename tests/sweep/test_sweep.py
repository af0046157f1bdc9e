"""Whole sweeps of real applications, with real worker processes."""

from __future__ import annotations

import csv
import importlib
import itertools
import json
import math
import multiprocessing
import os
import signal
from pathlib import Path

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from runner.errors import ConfigError, Interrupted, RunFailed
from runner.sweep.composer import Composer
from runner.sweep.folder import SweepFolder


def test_grid_runs_every_point_once_in_order(app):
    app("sphere", "x=1,2,3", "y=range(0,5,2)", "hydra.sweeper.workers=3")
    assert [(r["x"], r["y"]) for r in app.rows] == [
        (str(x), str(y)) for x, y in itertools.product([1, 2, 3], [0, 2, 4])
    ]
    assert [float(r["objective"]) for r in app.rows] == [
        x**2 + y**2 for x, y in itertools.product([1, 2, 3], [0, 2, 4])
    ]
    scores = {"objective": {"mean": 1.0, "deviation": None, "n": 1}}
    best = {"trial": 0, "overrides": ["x=1", "y=0"], "objective": 1.0, "trials": [0], "scores": scores}
    assert app.result["best"] == [best]
    record = app.records()[4]
    assert record["config"] == {"x": 2, "y": 2, "z": "foo", "error": False, "sleep": 0.0, "seed": 0}
    assert (app.folder / app.rows[4]["folder"] / ".hydra" / "overrides.yaml").read_text() == "- x=2\n- y=2\n"


@pytest.mark.slow
def test_the_same_command_extends_and_repeats_nothing(app):
    app("sphere", "x=1,2")
    before = {r["number"]: r for r in app.rows}
    app("sphere", "x=1,2,5")
    assert app.column("x") == ["1", "2", "5"]
    assert {r["number"]: r for r in app.rows[:2]} == before
    app(
        "sphere",
        "x=tag(log,interval(1,2))",
        "hydra.sweeper.n_trials=2",
        f"hydra.sweep.dir={app.folder}2",
        sweeper="random",
    )
    with pytest.raises(ConfigError, match="holds a sweep with sampler grid"):
        app("sphere", "x=interval(1,2)", sweeper="random")
    with pytest.raises(ConfigError, match="holds a sweep with fixed nothing, this command says y=3"):
        app("sphere", "x=1,2", "y=3")


@pytest.mark.slow
@pytest.mark.parametrize("sweeper", ["random", "quasirandom"])
def test_point_i_depends_on_seed_and_i_alone(app, sweeper):
    space = ["x=interval(0,1)", "y=int(interval(1,100))", "z=a,b"]
    app("sphere", *space, "hydra.sweeper.n_trials=6", "hydra.sweeper.workers=3", sweeper=sweeper)
    together = [r["overrides"] for r in app.rows]
    app("sphere", *space, "hydra.sweeper.n_trials=3", f"hydra.sweep.dir={app.folder}2", sweeper=sweeper)
    app.folder = Path(f"{app.folder}2")
    app("sphere", *space, "hydra.sweeper.n_trials=6", sweeper=sweeper)  # extended to a total
    assert [r["overrides"] for r in app.rows] == together


@pytest.mark.slow
def test_failures_are_rows_with_a_cause_and_the_rest_goes_on(app):
    kinds = "misbehave=null,raise,die,exit,memory,hang"
    with pytest.raises(RunFailed, match="5 of 6 trials failed; the first, trial 1: ValueError: something is wrong"):
        app("curves", kinds, "hydra.sweeper.workers=3", "hydra.sweeper.timeout=8", "sleep=0")
    status = dict(zip(app.column("misbehave"), app.column("status"), strict=True))
    cause = dict(zip(app.column("misbehave"), app.column("cause"), strict=True))
    assert status == {"null": "completed", **dict.fromkeys(["raise", "die", "exit", "memory", "hang"], "failed")}
    assert "SIGKILL" in cause["die"]
    assert "exit status 3" in cause["exit"]
    assert cause["memory"] == "MemoryError"
    assert cause["hang"] == "timeout: not done after 8 s"
    assert "ValueError: something is wrong" in (app.folder / app.rows[1]["folder"] / "output.log").read_text()
    assert multiprocessing.active_children() == []


def test_failed_points_are_tried_again_under_their_number(app):
    with pytest.raises(RunFailed):
        app("curves", "misbehave=null,raise", "hydra.sweeper.retries=1", "sleep=0")
    assert [r["attempts"] for r in app.records()] == [0, 2]
    with pytest.raises(RunFailed):
        app("curves", "misbehave=null,raise", "hydra.sweeper.retries=2", "sleep=0")
    assert [r["attempts"] for r in app.records()] == [0, 3]
    assert app.column("number") == ["0", "1"]
    # Each attempt went on from the checkpoint of epoch 2.
    assert (app.folder / app.rows[1]["folder"] / "starts.txt").read_text().split() == ["0", "2", "2"]


@pytest.mark.parametrize("limit", ["fail_fast=true", "max_failures=0"])
def test_a_sweep_may_stop_at_failures(app, limit):
    with pytest.raises(RunFailed):
        app("sphere", "error=true,false", "x=1,2,3", f"hydra.sweeper.{limit}")
    assert app.column("status") == ["failed"]
    assert app.result["status"] == "failed"


@pytest.mark.slow
def test_asha_pauses_promotes_and_resumes(app):
    rates = [1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01]  # the first is best, and is paused all the same
    app("curves", f"lr={','.join(map(str, rates))}", "hydra.sweeper.pruner={name: asha, max_epochs: 9}", "sleep=0.1")
    assert app.column("status") == ["completed"] + ["pruned"] * 8
    starts = [(app.folder / r["folder"] / "starts.txt").read_text().split() for r in app.rows]
    assert len(starts[0]) == 3, "paused at epochs 1 and 3, promoted twice"
    assert [len(s) for s in starts[3:]] == [1] * 6
    for row in app.rows:
        epochs = [json.loads(line)["epoch"] for line in (app.folder / row["folder"] / "metrics.jsonl").open()]
        assert epochs == list(range(1, len(epochs) + 1)), "an epoch was lost or repeated"


@pytest.mark.slow
def test_the_median_stops_what_is_worse_and_the_winner_is_tested_once(app):
    app("curves", "lr=1,0.9,0.8,0.01", "hydra.sweeper.pruner={name: median, n_startup_trials: 3}", "sleep=0.05")
    assert app.column("status") == ["completed"] * 3 + ["pruned"]
    assert "worse than the median" in app.rows[3]["cause"]
    app("curves", "lr=1,0.9,0.8,0.01", "hydra.sweeper.pruner={name: median, n_startup_trials: 3}", "sleep=0.05")
    assert app.result["tested"] == 0
    assert [len((app.folder / r["folder"] / "tested.txt").read_text().split()) for r in app.rows[:1]] == [1]
    assert not any((app.folder / r["folder"] / "tested.txt").exists() for r in app.rows[1:])


def test_reasons_tell_scores_as_they_are(app):
    median = "hydra.sweeper.pruner={name: median, n_startup_trials: 1}"
    app("curves", "lr=1,0.01", "hydra.sweeper.objectives=val/accuracy", median, "sleep=0.1")
    assert app.rows[1]["cause"] == f"epoch 1: its best, {1 - 1 / 1.01:.4g}, is worse than the median 0.5 of 1 trial"


def test_points_with_repeats_are_not_too_few_when_all_are_done(app, capsys):
    app("curves", "lr=0.1,1", "hydra.sweeper.repeats=3", "sleep=0")
    assert "Too few" not in capsys.readouterr().out
    command = ["misbehave=null,raise", "hydra.sweeper.repeats=2", "sleep=0", f"hydra.sweep.dir={app.folder}2"]
    with pytest.raises(RunFailed):
        app("curves", *command)
    assert "Too few points to tell: 1 completed for 1 searched key" in capsys.readouterr().out


def test_a_winner_that_can_not_be_tested_is_told_of_and_tested_by_the_same_command(app):
    app.folder.mkdir()
    (app.folder / "untestable").touch()
    with pytest.raises(RunFailed, match="All trials ended, but trial 0 could not be tested: ValueError: no test today"):
        app("curves", "lr=1,0.5", "sleep=0")
    assert app.result["status"] == "failed"
    assert "no test today" in (app.folder / app.rows[0]["folder"] / "output.log").read_text()
    (app.folder / "untestable").unlink()
    app("curves", "lr=1,0.5", "sleep=0")
    assert (app.result["status"], app.result["tested"], app.result["test"]) == ("completed", 0, {"loss": 0.5})


def test_repeats_give_mean_and_standard_error(app):
    app("curves", "lr=0.1,1", "hydra.sweeper.repeats=3", "sleep=0", "hydra.sweeper.workers=2")
    assert app.records()[4]["overrides"] == ["lr=1", "sleep=0", "seed=1"]  # as typed, what is counted last
    assert app.column("point") == ["0"] * 3 + ["1"] * 3
    assert len(set(app.column("number"))) == 6
    best = app.result["best"][0]
    values = [0.1 + 1e-3 * seed for seed in range(3)]
    assert best["val/loss"] == pytest.approx(sum(values) / 3)
    assert best["standard_error"] == [pytest.approx(1e-3 / math.sqrt(3))]
    assert best["standard_deviation"] == [pytest.approx(1e-3)]
    assert best["trials"] == [3, 4, 5]
    assert best["scores"]["val/accuracy"] == {"mean": pytest.approx(0.899), "deviation": pytest.approx(1e-3), "n": 3}
    assert float(app.rows[5]["val/accuracy"]) == pytest.approx(0.898), "not only the monitored score"
    with open(app.folder / "points.csv", newline="") as file:
        points = list(csv.DictReader(file))
    assert [(p["point"], p["trials"], p["status"], p["n"], p["lr"]) for p in points] == [
        ("0", "0 1 2", "completed", "3", "0.1"),
        ("1", "3 4 5", "completed", "3", "1"),
    ]
    assert float(points[1]["val/loss mean"]) == best["val/loss"]
    assert float(points[1]["val/loss std"]) == pytest.approx(1e-3)
    assert float(points[1]["val/accuracy mean"]) == pytest.approx(0.899)


def test_every_repeat_of_the_winner_is_tested_once(app, capsys):
    command = ["lr=0.1,1", "hydra.sweeper.repeats=3", "sleep=0", "hydra.sweeper.workers=2"]
    app("curves", *command)
    said = capsys.readouterr().out
    assert "val/loss 0.101 (sd 0.001) (mean and standard deviation of 3; standard error 0.00058): lr=1\n" in said
    assert "its other scores: val/accuracy 0.899 (sd 0.001)\n" in said
    assert (
        "testing trials 3, 4, 5 on the test split\ntest: loss 0.501 (sd 0.001) (mean and standard deviation of 3)\n"
        in said
    )
    assert (app.result["tested"], app.result["test"]) == (3, {"loss": 0.5})
    assert app.result["tests"] == {"3": {"loss": 0.5}, "4": {"loss": 0.501}, "5": {"loss": 0.502}}
    assert app.result["test_mean"] == {"loss": pytest.approx(0.501)}
    assert app.result["test_standard_deviation"] == {"loss": pytest.approx(1e-3)}
    app("curves", *command)
    tested = [app.folder / row["folder"] / "tested.txt" for row in app.rows]
    assert [path.read_text().split() if path.exists() else [] for path in tested] == [[]] * 3 + [["once"]] * 3


def test_a_test_that_was_killed_continues(app, monkeypatch):
    save = SweepFolder.save

    def killed(self, trial):
        save(self, trial)
        if trial.tested:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(SweepFolder, "save", killed)
    with pytest.raises(Interrupted):
        app("curves", "lr=0.1,1", "hydra.sweeper.repeats=2", "sleep=0")
    assert "tested" not in app.result
    monkeypatch.setattr(SweepFolder, "save", save)
    app("curves", "lr=0.1,1", "hydra.sweeper.repeats=2", "sleep=0")
    assert app.result["tests"] == {"2": {"loss": 0.5}, "3": {"loss": 0.501}}
    assert [(app.folder / r["folder"] / "tested.txt").read_text() for r in app.rows[2:]] == ["once\n"] * 2


@pytest.mark.slow
def test_more_repeats_of_what_is_there(app):
    app("curves", "lr=0.1,1", "sleep=0")
    app("curves", "lr=0.1,1", "hydra.sweeper.repeats=3", "sleep=0")
    assert app.column("status") == ["completed"] * 6
    assert app.result["best"][0]["standard_error"] == [pytest.approx(1e-3 / math.sqrt(3))]


def test_enqueued_points_come_first(app):
    queue = "hydra.sweeper.enqueue=[{x: 3, z: b}]"
    app("sphere", "x=interval(0,10)", "z=a,b", queue, "hydra.sweeper.n_trials=2", sweeper="random")
    assert (app.rows[0]["x"], app.rows[0]["z"]) == ("3.0", "b")
    with pytest.raises(ConfigError, match="not in the search space interval"):
        app("sphere", "x=interval(0,1)", "hydra.sweeper.enqueue=[{x: 3}]", sweeper="random")


def test_the_points_of_a_file_and_no_others(app, tmp_path):
    listed = tmp_path / "it's.json"
    file = "hydra.sweeper.sampler.file='" + str(listed).replace("'", "\\'") + "'"
    space = ("x=interval(0,10)", "z=a,b", "y=choice(1)", "hydra.sweeper.plots=false", "hydra.sweeper.workers=2")
    listed.write_text('[{"x": "2.5", "z": "b"}, {"z": "a", "x": 7}]')
    app("sphere", *space, file, sweeper="listed")
    assert [(r["x"], r["z"], r["y"]) for r in app.rows] == [("2.5", "b", "1"), ("7.0", "a", "1")]
    listed.write_text('[{"x": 1, "z": "a"}, {"x": 2.5, "z": "b"}]')
    app("sphere", *space, file, sweeper="listed")
    assert app.column("x") == ["2.5", "7.0", "1.0"]
    assert not (app.folder / "plots").exists()
    for text, said in (
        ('[{"x": 11}]', "x=11: not in the search space"),
        ('[{"x": 1}]', "a point lacks 'z'"),
        ('[{"w": 1}]', "w is not searched over"),
        ('{"x": 1}', "expected a list of points in JSON"),
        ("[", "expected a list of points in JSON"),
    ):
        listed.write_text(text)
        with pytest.raises(ConfigError, match=said):
            app("sphere", *space, file, f"hydra.sweep.dir={tmp_path}/other", sweeper="listed")
    with pytest.raises(ConfigError, match=r"file=3: expected a text"):
        app("sphere", *space, "hydra.sweeper.sampler.file=3", sweeper="listed")
    with pytest.raises(ConfigError, match="No such file"):
        app("sphere", *space, sweeper="listed")


def test_several_objectives(app):
    goals = "hydra.sweeper.directions=[minimize,minimize]"
    app("pareto", "x=range(6)", "y=range(4)", goals, "hydra.sweeper.workers=2")
    points = {(x, y): (4 * x**2 + 4 * y**2, (x - 5) ** 2 + (y - 5) ** 2) for x in range(6) for y in range(4)}
    front = {k for k, v in points.items() if not any(w != v and w[0] <= v[0] and w[1] <= v[1] for w in points.values())}
    got = {tuple(int(o.partition("=")[2]) for o in b["overrides"]) for b in app.result["best"]}
    assert got == front
    with pytest.raises(ConfigError, match="several objectives"):
        app("curves", "lr=1,2", "hydra.sweeper.objectives=[val/loss,val/accuracy]", "hydra.sweeper.pruner=median")


@pytest.mark.parametrize("sweeper", ["bayes", "cmaes", "nsga2", pytest.param("gp", marks=pytest.mark.slow)])
def test_learning_samplers_continue_where_they_were(app, sweeper):
    space = ["x=interval(-5,5)", "y=interval(-5,5)"]
    app("sphere", *space, "hydra.sweeper.n_trials=12", "hydra.sweeper.workers=2", sweeper=sweeper)
    first = [r["overrides"] for r in app.rows]
    app("sphere", *space, "hydra.sweeper.n_trials=15", "hydra.sweeper.workers=2", sweeper=sweeper)
    assert [r["overrides"] for r in app.rows][:12] == first
    assert len({r["overrides"] for r in app.rows}) == 15


def test_an_interval_of_a_key_that_takes_whole_numbers_only_has_no_others(app):
    space = ["epochs=tag(log,interval(2,5))", "lr=interval(1,2)"]
    app("curves", *space, "sleep=0", "hydra.sweeper.n_trials=5", sweeper="random")
    assert app.column("status") == ["completed"] * 5
    assert all(text.isdecimal() and 2 <= int(text) <= 5 for text in app.column("epochs"))
    assert not any(text.isdecimal() for text in app.column("lr"))


def test_maximizing(app):
    app("curves", "lr=0.1,1", "hydra.sweeper.objectives=val/accuracy", "sleep=0")
    assert app.result["best"][0]["overrides"] == ["lr=1"]


def test_conditions_hold_in_every_sampler(app):
    params = (
        "hydra.sweeper.params={optimizer.name: 'sgd,adam', "
        "optimizer.momentum: {space: '0.5,0.9', when: 'optimizer.name=sgd'}}"
    )
    app("curves", params, "sleep=0", "hydra.sweeper.workers=2")
    names = list(zip(app.column("optimizer.name"), app.column("optimizer.momentum"), strict=True))
    assert names == [("sgd", "0.5"), ("sgd", "0.9"), ("adam", "")]


@pytest.mark.parametrize(
    ("overrides", "sweeper", "message"),
    [
        (["x=interval(0,1)"], "grid", "a grid has no intervals"),
        (["w=1,2"], "grid", "w"),
        (["hydra.sweeper.params={xx: '1,2'}"], "grid", "params.xx: there is no key 'xx'. Did you mean 'x'"),
        (["x=1,2", "hydra.sweeper.params={z.a: 2}"], "grid", "params.z.a: z is a value, it has no key 'a'"),
        (["hydra.sweeper.params={y: {spce: '1,2'}}"], "grid", "params.y: unknown 'spce'. Did you mean 'space'?"),
        (["x=1,2", "hydra.sweeper.workers=0"], "grid", "workers=0: expected a whole number"),
        (["x=1,2", "hydra.sweep.subdir=${nowhere}"], "grid", "subdir: Interpolation key 'nowhere' not found. Expected"),
        (["x=1,2", "hydra.sweeper.pruner=medain"], "grid", "Did you mean 'median'"),
        (["x=1,2", "hydra.sweeper.pruner={name: asha, min_epoch: 2}"], "grid", "Did you mean 'min_epochs'"),
        (["x=1,2", "hydra.sweeper.pruner={name: asha, min_epochs: few}"], "grid", "min_epochs=few: expected"),
        (["x=1,2", "hydra.sweeper.pruner={name: median, n_startup_trials: 0}"], "grid", "at least 1"),
        (["x=1,2", "hydra.sweeper.fail_fast=maybe"], "grid", "fail_fast=maybe: expected true or false"),
        (["x=1,2", "hydra.sweeper.study_name=a/b"], "grid", "expected a plain name"),
        (["x=1,2", "hydra.sweeper.enqueue=[{x: 7}]"], "grid", "enqueue: x=7: not in the search space"),
        (["x=1,2", "hydra.sweeper.storage=mysqli"], "grid", "no URL that is understood"),
        (["x=1,2", "hydra.sweeper.storage=sqlite:////nowhere/x.db"], "grid", "unable to open database file"),
        (["x=1,2", "hydra.sweeper.pruner=median"], "grid", "does not report by epoch"),
        (["x=1,2", "hydra.sweeper.directions=[minimise]"], "grid", "Did you mean 'minimize'"),
        (["x=1,2"], "cmaes", "at least two keys"),
        (["x=tag(log,interval(0,1))"], "random", "starts above 0"),
        (["x=1,2", "hydra.sweeper.storage='postgresql://me:secret@host/db'"], "grid", "holds a password"),
    ],
)
def test_mistakes_are_found_before_the_first_trial(app, overrides, sweeper, message):
    with pytest.raises(ConfigError, match=message):
        app("sphere", *overrides, sweeper=sweeper)
    assert not list(app.folder.glob("trials/*"))


def test_a_trial_that_is_interrupted_before_it_listens_has_not_failed(app, monkeypatch):
    def interrupted(cfg):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(importlib.import_module("sphere").sphere, "__wrapped__", interrupted)
        app("sphere", "x=1,2")
    assert app.column("status") == ["interrupted"] * 2
    app("sphere", "x=1,2")
    assert app.column("status") == ["completed"] * 2


@pytest.mark.slow
def test_a_sampler_that_learns_says_at_once_that_it_needs_a_number(app, monkeypatch):
    monkeypatch.setattr(importlib.import_module("sphere").sphere, "__wrapped__", lambda cfg: None)
    with pytest.raises(RunFailed, match="Trial 0: the task function returned NoneType; this sweep needs 1 number"):
        app("sphere", "x=interval(0,1)", "hydra.sweeper.n_trials=4", sweeper="bayes")
    assert app.column("status") == ["failed"]
    app("sphere", "x=1,2", "hydra.sweeper.repeats=2", f"hydra.sweep.dir={app.folder}2")
    app("sphere", "x=1,2,3", "hydra.sweeper.repeats=2", f"hydra.sweep.dir={app.folder}2")
    app.folder = Path(f"{app.folder}2")
    assert (app.column("status"), app.column("objective")) == (["completed"] * 6, [""] * 6)


def test_a_trial_s_output_tells_why_it_failed_also_where_nothing_ran(app, capsys):
    kinds = ["misbehave=null,raise,die", "sleep=0", "hydra.sweeper.timeout=30"]
    with pytest.raises(RunFailed):
        app("curves", *kinds)
    said = [(app.folder / r["folder"] / "output.log").read_text() for r in app.rows]
    assert said[0] == ""
    assert "Traceback" in said[1]
    assert said[2].endswith("the worker was ended by SIGKILL (out of memory is the usual reason)\n")


def test_the_application_checks_what_can_be_reached(app):
    with pytest.raises(ConfigError, match="lr=-1: expected a rate above 0"):
        app("curves", "lr=1,0.5,-1")


def test_dry_run_shows_and_starts_nothing(app, capsys):
    app("sphere", "x=1,2,3", "y=range(4)", "hydra.sweeper.dry_run=true")
    shown = capsys.readouterr().out
    assert "points: 12 of 12" in shown
    assert "x=1 y=0" in shown
    assert not app.folder.exists()


def test_a_runs_folder_is_called_what_the_user_says_behind_its_number(app):
    named = "hydra.sweep.subdir=${hydra.job.num}/${hydra.job.override_dirname}"
    app("curves", "lr=1,0.5", "sleep=0", named, "+hydra.job.env_set.NUMBER=n${hydra.job.num}")
    assert app.column("folder") == ["trials/0000-lr=1,sleep=0", "trials/0001-lr=0.5,sleep=0"]
    app("curves", "lr=1,0.5", "sleep=0", f"hydra.sweep.dir={app.folder}2", "hydra.sweep.subdir=${hydra:job.id}")
    app.folder = Path(f"{app.folder}2")
    assert app.column("folder") == ["trials/0000-lr_1", "trials/0001-lr_0.5"]


def test_stored_names_have_no_escapes_and_overrides_mean_the_same_again(app):
    values = ["a\\,b", "'c, d'", "x\\ \\=y", "\\\\", "nan"]
    app("sphere", f"z={','.join(values)}", "x=1")
    assert app.column("z") == ["a,b", "c, d", "x =y", "\\", "nan"]
    assert not any(mark in name for name in app.column("folder") for mark in "\\'\" ,")
    assert [str(r["config"]["z"]) for r in app.records()] == app.column("z")
    parser = OverridesParser.create()
    told = [parser.parse_override(r["overrides"].removesuffix(" x=1")).value() for r in app.rows]
    assert [str(value) for value in told] == app.column("z")
    study = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(app.folder / "study.journal"))
    )
    assert [t.params["z"] for t in study.get_all_trials(0)] == app.column("z")


def test_a_combination_that_can_not_be_composed_is_a_row(app, monkeypatch):
    real = Composer.compose

    def compose(self, overrides):
        # Stands in for an option that is broken while the sweep runs: everything was checked before it began.
        if "x=2" in overrides and (app.folder / "trials").exists():
            raise ConfigError("x=2: gone")
        return real(self, overrides)

    monkeypatch.setattr(Composer, "compose", compose)
    with pytest.raises(RunFailed, match="1 of 3 trials failed"):
        app("sphere", "x=1,2,3", "hydra.sweeper.retries=1")
    assert [(r["status"], r["cause"]) for r in app.rows] == [
        ("completed", ""),
        ("failed", "x=2: gone"),
        ("completed", ""),
    ]
    assert (app.folder / app.rows[1]["folder"] / "output.log").read_text() == "x=2: gone\n"
    monkeypatch.undo()


@pytest.mark.slow
def test_a_trial_keeps_its_config_when_the_options_change(app):
    curves = importlib.import_module("curves")
    command = ["lr=0.5,1", "epochs=4", "sleep=0.3"]
    with pytest.raises(RunFailed, match="timeout"):
        app("curves", *command, "hydra.sweeper.timeout=0.8", "hydra.sweeper.fail_fast=true")
    curves.store.store(name="curves", node=OmegaConf.create({**curves.CONFIG, "floor": 7.0}))
    try:
        app("curves", *command, "hydra.sweeper.retries=1")
    finally:
        curves.store.store(name="curves", node=OmegaConf.create(curves.CONFIG))
    assert app.column("status") == ["completed", "completed"]
    assert [r["config"]["floor"] for r in app.records()] == [0.0, 7.0]  # asked before, and after
    assert float(app.rows[0]["val/loss"]) == pytest.approx(1 / 3)
    assert float(app.rows[1]["val/loss"]) == pytest.approx(7.2)
