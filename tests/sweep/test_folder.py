from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import optuna
import pytest
from hydra.core.hydra_config import HydraConfig
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from runner.errors import ConfigError
from runner.record.lock import Lock
from runner.sweep.folder import Follower, SweepFolder, patiently, slug, write
from runner.sweep.language import parse
from runner.sweep.results import PointResult
from runner.sweep.run_trial import Application, run_trial
from runner.sweep.samplers import Grid
from runner.sweep.study import Journal, Study
from runner.sweep.sweep import sweep_path
from runner.sweep.tables import trials_table
from runner.sweep.trial import Trial


def trial(number=0, **more):
    return Trial(number, number, number, 0, {"x": "1"}, ["x=1"], f"{number:04d}-x_1", {"x": 1}, **more)


def test_a_second_driver_is_refused_and_told_who_works(tmp_path):
    folder = SweepFolder(tmp_path)
    folder.lock()
    other = "from runner.sweep.folder import SweepFolder; from pathlib import Path; "
    other += f"SweepFolder(Path({str(tmp_path)!r})).lock()"
    answer = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True)
    assert re.search(rf"another driver is at work on this sweep \(process {os.getpid()} on ", answer.stderr)
    folder.unlock()
    assert subprocess.run([sys.executable, "-c", other]).returncode == 0


def test_records_come_back(tmp_path):
    folder = SweepFolder(tmp_path)
    folder.trials.mkdir()
    first, second = trial(0), trial(1, status="failed", cause='no, "way"\n')
    folder.create(second)
    folder.create(first)
    (folder.trials / ".0002.tmp").mkdir()  # a driver was killed here
    assert folder.load() == [first, second]
    first.status, first.values = "completed", [0.1]
    folder.save(first)
    assert folder.load()[0] == first
    write(folder.table, trials_table(folder.load(), ["x"], ["loss"]))
    assert folder.table.read_text().splitlines()[1].startswith("0,0,completed,,0.1,")


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write(path, "old")

    def no_sync(handle):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", no_sync)
    with pytest.raises(OSError, match="Input/output"):
        write(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_full_disk_is_waited_for(tmp_path, monkeypatch, caplog):
    answers = [OSError(28, "No space left on device"), OSError(28, "No space left on device"), None]
    waits = []

    def sync(handle):
        if error := answers.pop(0):
            raise error

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr("time.sleep", waits.append)
    write(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"
    assert len(waits) == 2
    assert [record.message for record in caplog.records] == ["The disk is full: waiting up to ten minutes for space."]


def test_a_disk_that_is_full_again_and_again_is_waited_for_each_time(monkeypatch):
    """Ten minutes from when it is full, not from the first time: a table of a large sweep takes long to write."""
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr("runner.sweep.folder.time", clock)

    def failing(times, takes):
        left = [OSError(28, "No space left on device")] * times

        def act():
            now[0] += takes
            if left:
                raise left.pop()

        return act

    patiently(failing(9, takes=400))
    begin = now[0]
    with pytest.raises(OSError, match="No space"):
        patiently(failing(10_000, takes=0))
    assert 600 <= now[0] - begin < 610


def test_workers_of_an_earlier_start_are_waited_for_and_their_files_left_alone(tmp_path, monkeypatch):
    folder, said = SweepFolder(tmp_path), []
    place = folder.trials / "0000-x_1"
    place.mkdir(parents=True)
    left = [tmp_path / ".sweep.yaml.71.tmp", place / ".result.json.71.tmp"]
    for path in left:
        path.touch()
    job, run = Lock(place / "job.lock"), Lock(place / "run.lock")
    assert (job.take(), run.take()) == (None, None)
    folder.lock()
    monkeypatch.setattr("runner.sweep.folder.ENDING", 0.0)
    with pytest.raises(
        ConfigError, match=r"0000-x_1: process \d+ on .*, a worker of an earlier start, is still at work"
    ):
        folder.wait_for_workers(said.append)
    assert left[1].exists(), "it may be about to give the file its name"
    monkeypatch.undo()
    monkeypatch.setattr("time.sleep", lambda seconds: job.release())
    folder.wait_for_workers(said.append)
    assert [path.exists() for path in left] == [False, False]
    assert said == ["waiting for workers of an earlier start to end: 0000-x_1"] * 2
    folder.unlock()
    with pytest.raises(ConfigError, match="0000-x_1: this trial is at work by itself"):
        folder.lock()
    run.release()


def test_follower_reads_whole_lines_once(tmp_path):
    path = tmp_path / "metrics.jsonl"
    follower = Follower(path)
    assert follower.lines() == []
    with open(path, "a") as file:
        file.write('{"epoch": 1}\n{"epo')
        file.flush()
        assert follower.lines() == [{"epoch": 1}]
        assert follower.lines() == []
        file.write('ch": 2}\nnonsense\n{"epoch": 3}\n')
    assert follower.lines() == [{"epoch": 2}, {"epoch": 3}]
    write(path, '{"epoch": 1}\n')  # cut back to a checkpoint
    assert follower.lines() == [{"epoch": 1}]


@given(st.text(max_size=40), st.floats(allow_nan=False))
def test_slugs_are_plain_names(text, number):
    name = slug([f"optimizer.lr={number!r}", f"+a/b@c={text}"])
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+_-]*|[A-Za-z0-9]", name)
    assert len(name) <= 80


def test_slug():
    assert slug(["optimizer=adam", "optimizer.lr=0.00012345678"]) == "optimizer_adam-lr_0.0001235"
    assert slug(["regularization=[dropout,mixup]"]) == "regularization_dropout-mixup"


def test_the_time_gives_way_to_the_name():
    from omegaconf import OmegaConf

    def path(where):
        return str(sweep_path(OmegaConf.create({"base": "out", "hydra": {"sweep": {"dir": where}}}), "name"))

    assert path("multirun/${now:%Y-%m-%d}/${now:%H-%M-%S}") == "multirun/name"
    assert path("outputs/sweeps/${now:%Y}") == "outputs/sweeps/name"
    assert path("mine") == "mine"


SPACE = parse(["x=1,2,3"], {}, lambda group: [], lambda key: None, lambda lines, node: [])


def study(path, storage=None):
    return Study(storage, path, "s", ["val/loss"], ["minimize"], Grid(), SPACE, 0)


def test_the_study_is_put_right_from_the_folders(tmp_path):
    path = tmp_path / "study.journal"
    first = study(path)
    for number in range(3):
        first.begin(number, {"x": str(number + 1)})
    first.tell(0, "completed", [0.5])
    # The driver is killed: 1 went on to complete, 2 never got a folder, 3 is unknown to the study, 4 is under way.
    again = study(path)
    points = [(0, {"x": "1"}, "completed", [0.5]), (1, {"x": "2"}, "completed", [0.2])]
    points += [(3, {"x": "3"}, "pruned", [0.9]), (4, {"x": "3"}, "interrupted", None)]
    for _ in range(2):  # and again: nothing more changes
        again.reconcile(
            PointResult(p, (replace(trial(p), params=params, folder=f"{p:04d}"),), status, values, None)
            for p, params, status, values in points
        )
        states = [(t.user_attrs["point"], t.state.name, t.value) for t in again.study.trials]
        assert states == [
            (0, "COMPLETE", 0.5),
            (1, "COMPLETE", 0.2),
            (2, "FAIL", None),
            (3, "PRUNED", 0.9),
            (4, "RUNNING", None),
        ]
    assert again.study.metric_names == ["val/loss"]
    assert again.study.trials[3].user_attrs["folders"] == ["trials/0003"], "which run it is"
    again.tell(4, "failed", None)
    assert again.study.trials[4].state.name == "FAIL"


def test_a_torn_journal_is_mended(tmp_path):
    path = tmp_path / "study.journal"
    first = study(path)
    first.begin(0, {"x": "1"})
    first.tell(0, "completed", [0.5])
    with open(path, "ab") as file:
        file.write(b'{"op_code": 4, "wor')
    (tmp_path / "study.journal.lock").symlink_to(path)  # left by a reader that was killed
    again = study(path)
    again.begin(1, {"x": "2"})
    assert len(again.study.trials) == 2
    assert [json.loads(line)["op_code"] for line in path.read_text().splitlines()]
    plain = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    assert len(optuna.load_study(storage=plain, study_name="s").trials) == 2


def test_a_full_disk_leaves_no_torn_line(tmp_path, monkeypatch):
    path = tmp_path / "study.journal"
    first = study(path)
    before = path.read_bytes()
    real, seen = os.write, []
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda handle, text: real(handle, text[:10]))

        def fits_again(seconds):
            seen.append(path.read_bytes())
            patch.setattr(os, "write", real)

        patch.setattr("time.sleep", fits_again)
        first.begin(0, {"x": "1"})
    assert seen == [before]
    assert isinstance(first.study._storage._backend, Journal)
    assert [t.params for t in study(path).study.trials] == [{"x": 1}]


def test_any_optuna_url(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    first = study(tmp_path / "unused", url)
    first.begin(0, {"x": "1"})
    first.tell(0, "completed", [1.0])
    assert optuna.load_study(storage=url, study_name="s").best_value == 1.0
    assert not (tmp_path / "unused").exists()
    with pytest.raises(ConfigError, match="can't open the storage"):
        study(tmp_path / "unused", "postgresql://nobody@localhost:1/none")


def test_a_trial_whose_folder_was_removed_does_not_make_it_again(tmp_path, monkeypatch):
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    sweep = {"dir": str(tmp_path / "sweep"), "subdir": "trials/0000-x"}
    config = OmegaConf.create({"hydra": {"sweep": sweep, "runtime": {}, "overrides": {"task": []}}})
    application = Application(lambda cfg: None, SimpleNamespace(callbacks=[]))
    with pytest.raises(FileNotFoundError):
        run_trial(application, tmp_path / "sweep/trials/0000-x", pickle.dumps(config), resume=False)
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_since_a_folder_was_removed_is_told_and_nothing_else(tmp_path):
    folder = SweepFolder(tmp_path / "sweep")
    folder.lock()
    try:
        missing = FileNotFoundError(2, "No such file or directory", str(folder.trials / "0000-x/output.log"))
        assert folder.gone(missing).count("0000-x: this trial's folder is gone, removed or renamed while") == 1
        (folder.trials / "0000-x").mkdir()
        assert folder.gone(missing) is None
        assert folder.gone(FileNotFoundError(2, "No such file or directory", "sbatch")) is None
        folder.path.rename(tmp_path / "elsewhere")
        assert folder.gone(missing).count("sweep: this sweep's folder is gone, removed or renamed while") == 1
    finally:
        folder.unlock()
