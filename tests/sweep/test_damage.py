"""Files of a sweep that something else has damaged: each is told of by name, none is deleted, the rest goes on."""

from __future__ import annotations

import errno
import json
import os
import time

import optuna
import pytest

from runner.cli.sweeps import sweep_table
from runner.errors import ConfigError
from runner.sweep.folder import SweepFolder
from runner.sweep.listing import continuing, summaries
from runner.sweep.study import Journal
from runner.sweep.trial import from_record
from runner.sweep.verdict import read_result, reported


def slow(*contents):
    return [pytest.param(content, marks=pytest.mark.slow) for content in contents]


TRIAL = {"number": 1, "point": 1, "index": 1, "repeat": 0, "params": {"x": "2"}, "overrides": ["x=2"], "folder": "1"}
TRIAL |= {"config": {}, "status": "completed", "values": [4.0]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no whole JSON"),
        (json.dumps(TRIAL)[:-9], "no whole JSON"),
        ("\xff\xfe", "no whole JSON"),
        ("[" * 100_000, "no whole JSON"),
        ("[]", "no record of a trial"),
        (json.dumps({"number": 1}), "'point' is missing"),
        (json.dumps({**TRIAL, "later": 1}), "unknown 'later'; a newer version may have written it"),
        (json.dumps({**TRIAL, "number": "one"}), "number is 'one'"),
        (json.dumps({**TRIAL, "number": True}), "number is 'True'"),
        (json.dumps({**TRIAL, "number": -1}), "number -1"),
        (json.dumps({**TRIAL, "number": 0}), "trial 0 is in 0000-x_1 too"),
        (json.dumps({**TRIAL, "status": "gone"}), "status 'gone'"),
        (json.dumps({**TRIAL, "params": {"x": 2}}), "params or overrides are no texts"),
        (json.dumps({**TRIAL, "values": ["4"]}), r"values are \['4'\]"),
        (json.dumps({**TRIAL, "values": [float("nan")]}), r"values are \[nan\]"),
    ],
)
def test_records_are_not_believed(tmp_path, content, reason):
    folder = SweepFolder(tmp_path)
    for name in ("0000-x_1", "0001-x_2"):
        (folder.trials / name).mkdir(parents=True)
    (folder.trials / "0000-x_1/trial.json").write_text(json.dumps({**TRIAL, "number": 0}))
    (folder.trials / "0001-x_2/trial.json").write_bytes(content.encode("latin-1"))
    (trial,), bad = folder.read()
    assert (trial.number, trial.folder) == (0, "0000-x_1")
    assert list(bad) == [folder.trials / "0001-x_2"]
    with pytest.raises(ValueError, match=reason):
        raise ValueError(bad[folder.trials / "0001-x_2"])


def test_a_record_is_what_it_was():
    trial = from_record(TRIAL, "0001-x_2")
    assert (trial.folder, trial.values, trial.status) == ("0001-x_2", [4.0], "completed")


@pytest.mark.slow
def test_a_sweep_goes_on_beside_a_damaged_record(app, capsys):
    app("sphere", "x=1,2,3")
    record = app.folder / app.rows[2]["folder"] / "trial.json"
    record.write_text("")
    app("sphere", "x=1,2,3")
    name = f"damaged-{record.parent.name}"
    assert f"note: trials/{name}: set aside under this name, trial.json: no whole JSON" in capsys.readouterr().out
    assert (app.folder / "trials" / name / "trial.json").read_text() == ""
    assert app.column("status") == ["completed"] * 3
    assert app.column("x") == ["1", "2", "3"]
    (app.folder / app.rows[2]["folder"] / "trial.json").write_text("{")
    app("sphere", "x=1,2,3")
    assert {p.name for p in (app.folder / "trials").glob("damaged*")} == {name, f"damaged-2-{record.parent.name}"}


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "x\n\n{}\n",
        *(
            pytest.param(c, marks=pytest.mark.slow)
            for c in ("", "[]\n", '{"op_code": 99}\n', '{"a": 1}\n{"op_code"', None)
        ),
    ],
)
def test_a_damaged_study_is_made_again_from_the_trials(app, capsys, content):
    app("sphere", "x=interval(0,1)", "hydra.sweeper.n_trials=3", sweeper="bayes")
    (app.folder / "study.journal").unlink()
    if content is None:
        (app.folder / "study.journal").mkdir()
    else:
        (app.folder / "study.journal").write_text(content)
    app("sphere", "x=interval(0,1)", "hydra.sweeper.n_trials=4", sweeper="bayes")
    told = "note: damaged-study.journal: set aside under this name" in capsys.readouterr().out
    assert told == (app.folder / "damaged-study.journal").exists()
    assert told or content in ("", "{", "[]\n"), "a last line that was not written to its end is no damage"
    assert app.column("status") == ["completed"] * 4
    storage = optuna.storages.JournalStorage(Journal(app.folder / "study.journal"))
    assert [t.state.name for t in optuna.load_study(study_name=None, storage=storage).trials] == ["COMPLETE"] * 4


@pytest.mark.slow
def test_a_sampler_whose_study_is_gone_draws_no_point_twice(app):
    words = ("x=interval(0,1)", "hydra.sweeper.sampler.n_startup_trials=3")
    app("sphere", *words, "hydra.sweeper.n_trials=5", sweeper="bayes")
    (app.folder / "study.journal").unlink()
    app("sphere", *words, "hydra.sweeper.n_trials=8", sweeper="bayes")
    assert len(set(app.column("x"))) == 8


@pytest.mark.parametrize(
    "content",
    ["", "[", *slow("a: &x [*x]", "{}", "- 1", "arguments: 3", "\x00")],
)
def test_one_bad_sweep_yaml_takes_no_other_sweep_from_the_list(app, capsys, content):
    app("sphere", "x=1,2")
    other = app.folder.parent / "other"
    other.mkdir()
    (other / "sweep.yaml").write_text(content)
    bad, good = summaries(app.folder.parent)
    assert (good.folder, good.statuses) == (app.folder, {"completed": 2})
    assert bad.folder == other
    assert str(other / "sweep.yaml") in bad.problem
    sweep_table([bad, good])
    assert str(other / "sweep.yaml") in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r"other/sweep.yaml: "):
        continuing(other)
    (app.folder / "sweep.yaml").write_text(content)
    app("sphere", "x=1,2,3")
    assert (app.folder / "damaged-sweep.yaml").read_text() == content
    assert "note: damaged-sweep.yaml: set aside under this name" in capsys.readouterr().out
    assert app.column("x") == ["1", "2", "3"]


@pytest.mark.parametrize("content", ["", "number\n1\n", "number,point,status,objective,x\n0,0,completed,a,1\n", "\0"])
def test_a_bad_table_is_told_of_and_written_anew(app, content):
    app("sphere", "x=1,2")
    (app.folder / "trials.csv").write_text(content)
    (one,) = summaries(app.folder.parent)
    assert (one.problem is None) == (content in ("", "\0"))
    app("sphere", "x=1,2")
    assert len(app.rows) == 2


def test_a_lock_of_any_content(app):
    app("sphere", "x=1,2")
    (app.folder / "driver.lock").write_bytes(b"\xff\xfe")
    app("sphere", "x=1,2")
    assert len(app.rows) == 2


@pytest.mark.parametrize("content", ["", "[]", "3", "{", "\x00"])
def test_a_result_that_is_none(tmp_path, content):
    (tmp_path / "result.json").write_text(content)
    assert read_result(tmp_path) == {}


@pytest.mark.parametrize("value", ["0.5", None, [1], {}, True])
def test_a_score_that_is_no_number(tmp_path, value):
    result = {"status": "completed", "monitor": "val/loss", "best_value": value}
    assert reported(tmp_path, result, ["val/loss"]) == ("failed", "the run reports no val/loss", None)
    assert reported(tmp_path, {"status": [1], "cause": [1]}, ["val/loss"]) == ("failed", "[1]", None)


def test_lines_that_are_no_scores(app):
    app("curves", "lr=0.1,1", "sleep=0", "hydra.sweeper.pruner=median")
    lines = app.folder / app.rows[0]["folder"] / "metrics.jsonl"
    before = lines.read_text()
    bad = ["3", "[]", "{", '{"epoch": "x", "val/loss": 1}', '{"epoch": 1, "val/loss": "x"}', '{"epoch": 1}', "\x00"]
    lines.write_text("\n".join(bad) + "\n" + before)
    app("curves", "lr=0.1,1,2", "sleep=0", "hydra.sweeper.pruner=median")
    assert len(app.rows) == 3


@pytest.mark.slow
def test_a_trial_waits_for_space_and_goes_on(tmp_path, monkeypatch):
    """The worker finds the disk full when it writes a state, three times; then there is space again."""
    from runner.cli.verbs import answer

    replace, full, told = os.replace, [], tmp_path / "told"

    def replaced(source, target):
        if str(target).endswith("last.pt") and len(full) < 3 and "trials" in str(target):
            full.append(1)
            with open(told, "a") as file:
                file.write(f"{target}\n")
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("runner.record.files.os.replace", replaced)
    sleep = time.sleep
    monkeypatch.setattr("time.sleep", lambda seconds: sleep(min(seconds, 0.05)))
    words = ["data=iris", "model.hidden=[4]", "trainer.max_epochs=2", "trainer.threads=1", "hydra.sweep.dir=sweep"]
    assert answer(["--multirun", *words, "seed=1,2", "hydra/sweeper=grid", "hydra.sweeper.workers=1"]) == 0
    for folder in sorted((tmp_path / "sweep/trials").iterdir()):
        assert json.loads((folder / "result.json").read_text())["status"] == "completed"
        assert json.loads((folder / "result.json").read_text())["epochs"] == 2
    assert len(told.read_text().splitlines()) == 3  # one worker, which trains both
