import json
import os
import shutil

import pytest

from runner.analysis.run import Run
from runner.record.lock import Lock


def test_a_run_is_what_its_folder_says(few_runs):
    run = Run.read(few_runs / "adam")
    result = json.loads((few_runs / "adam/result.json").read_text())
    assert (run.status, run.task, run.monitor, run.epochs, run.best_epoch) == (
        "completed", "classification", "val/loss", 1, 1,
    )  # fmt: skip
    assert (run.settings["data"], run.settings["model"], run.settings["optimizer"]) == ("iris", "mlp", "adam")
    assert run.scores["val/loss"] == result["best_value"] == result["val"]["loss"]
    assert run.scores["test/accuracy"] == result["test"]["accuracy"]
    assert run.scores["samples_per_second"] == result["samples_per_second"]
    assert run.seconds == result["seconds"]
    assert run.started.startswith("20") and len(run.started) == 19
    assert run.notes == []
    assert Run.read(few_runs / "diabetes").task == "regression"
    assert Run.read(few_runs / "sgd").settings["optimizer"] == "sgd"


@pytest.fixture
def going(few_runs, tmp_path):
    """A run that has no result yet, with three epochs of which the second was best."""
    place = tmp_path / "run"
    shutil.copytree(few_runs / "adam", place)
    (place / "result.json").unlink()
    manifest = json.loads((place / "manifest.json").read_text())
    (place / "manifest.json").write_text(json.dumps({**manifest, "status": "running"}))
    rows = [
        {"epoch": n, "step": n, "time": n * 1.5, "val/loss": v, "val/accuracy": n / 10}
        for n, v in enumerate([3, 1, 2], 1)
    ]
    (place / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"epoch": 4, "st')
    return place


def test_a_run_under_way_is_told_by_its_lock(going):
    def seen():
        run = Run.read(going)
        return run.status, run.epochs, run.best_epoch, run.scores["val/loss"], run.scores["val/accuracy"], run.seconds

    assert seen() == ("interrupted", 3, 2, 1, 0.2, 4.5)
    lock = Lock(going / "run.lock")
    lock.take()
    try:
        assert seen() == ("running", 3, 2, 1, 0.2, 4.5)
    finally:
        lock.release()


def test_the_best_epoch_is_by_the_direction_of_the_score(going):
    text = (going / "config.yaml").read_text()
    for monitor, mode, best in (("val/accuracy", "auto", 3), ("val_loss", "auto", 2), ("val/loss", "max", 1)):
        changed = text.replace("monitor: val/loss", f"monitor: {monitor}").replace("mode: auto", f"mode: {mode}")
        (going / "config.yaml").write_text(changed)
        run = Run.read(going)
        assert run.best_epoch == best
        assert run.scores[run.monitor] == {1: 3, 2: 1, 3: 0.3}[best]
        assert run.direction("train/loss") == "min", "the mode is that of the monitored score alone"


def test_the_direction_of_a_score_of_nobodys_is_seen_in_which_epoch_was_best(make, tmp_path):
    for best, direction in ((0.2, "min"), (0.8, "max"), (0.5, None)):
        folder = make(tmp_path / str(best), monitor="mine/own", result={"monitor": "mine/own", "best_value": best})
        (folder / "metrics.jsonl").write_text("".join(f'{{"epoch": 1, "mine/own": {v}}}\n' for v in (0.5, 0.2, 0.8)))
        assert Run.read(folder).direction("mine/own") == direction
        assert Run.read(folder).direction("other/own") is None
        assert Run.read(folder).direction("test/f1") == "max"


def test_a_run_that_has_ended_stays_so_while_somebody_looks_at_it(few_runs, tmp_path):
    shutil.copytree(few_runs / "adam", tmp_path / "run")
    lock = Lock(tmp_path / "run/run.lock")
    lock.take()
    try:
        assert Run.read(tmp_path / "run").status == "completed"
    finally:
        lock.release()


FILES = ["config.yaml", "manifest.json", "result.json", "metrics.jsonl", "trial.json", "run.lock"]
CONTENT = {
    "gone": None,
    "empty": b"",
    "torn": b'{"status": "compl',
    "bytes": bytes(range(256)),
    "a list": b"[1, 2]",
    "other kinds": b'{"status": [], "data": 3, "git": "x", "monitor": {}, "best_value": "x", "val": [1], "scores": 1, '
    b'"started": [], "seconds": true, "epochs": "x", "params": 3, "values": 1, "best_epoch": 1e999, "cause": 3}',
    "huge": b'{"best_value": 1' + b"0" * 400 + b', "started": 1e300, "seconds": NaN, "val": {"loss": Infinity}}',
}


@pytest.mark.parametrize("content", CONTENT)
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_folder_is_a_row_with_a_note(file, content, few_runs, tmp_path):
    from runner.analysis.rows import COLUMNS, Row

    place = tmp_path / "run"
    shutil.copytree(few_runs / "adam", place)
    (place / file).unlink(missing_ok=True)
    if CONTENT[content] is not None:
        (place / file).write_bytes(CONTENT[content])
    row = Row(Run.read(place), "run")
    values = {name: row[name] for name in COLUMNS}
    assert values["status"] in ("completed", "interrupted")
    if file in ("config.yaml", "manifest.json") and content != "other kinds" and content != "huge":
        assert file in row.note
    if file == "result.json" and content in ("empty", "torn", "bytes", "a list"):
        assert row.note == "result.json is damaged"


@pytest.mark.parametrize("file", FILES)
def test_pipes_and_folders_in_the_place_of_files(file, few_runs, tmp_path):
    from runner.analysis.rows import COLUMNS, Row

    for make_it in (os.mkfifo, os.mkdir):
        place = tmp_path / make_it.__name__
        shutil.copytree(few_runs / "adam", place)
        (place / file).unlink(missing_ok=True)
        make_it(place / file)
        row = Row(Run.read(place), "run")
        assert {name: row[name] for name in COLUMNS}
        assert row.note or file in ("metrics.jsonl", "run.lock")


TRIAL = {
    "number": 0, "point": 0, "index": 0, "repeat": 0, "params": {"lr": "0.1", "kind": "a"}, "overrides": ["lr=0.1"],
    "folder": "0000-x", "config": {"lr": 0.1, "seed": 3}, "status": "completed", "values": [0.25], "seconds": 3.0,
    "scores": {"other": 2.0}, "started": 1e9,
}  # fmt: skip


def test_a_trial_of_another_application(tmp_path):
    import yaml

    from tests.trust.test_folders import SWEEP

    place = tmp_path / "s/trials/0000-x"
    place.mkdir(parents=True)
    sweep = {**SWEEP, "objectives": ["value"], "directions": ["maximize"]}
    (tmp_path / "s/sweep.yaml").write_text(yaml.safe_dump(sweep))
    (place / "trial.json").write_text(json.dumps(TRIAL))
    run = Run.read(place)
    assert (run.status, run.monitor, run.scores, run.direction("value")) == (
        "completed", "value", {"value": 0.25, "other": 2.0}, "max",
    )  # fmt: skip
    assert run.settings == {"lr": 0.1, "kind": "a"}
    assert run.seconds == 3.0 and run.started.startswith("2001-09-09") and run.notes == []


def test_a_trial_that_was_killed(few_runs, tmp_path):
    import yaml

    place = tmp_path / "0001-x"
    place.mkdir()
    config = yaml.safe_load((few_runs / "sgd/config.yaml").read_text())
    (place / "trial.json").write_text(
        json.dumps({**TRIAL, "config": config, "status": "failed", "cause": "out of memory"})
    )
    run = Run.read(place)
    assert (run.status, run.cause, run.settings["optimizer"], run.foreign) == ("failed", "out of memory", "sgd", False)


def test_a_trial_that_waits_for_its_turn(tmp_path):
    place = tmp_path / "s/trials/0000-x"
    place.mkdir(parents=True)
    (place / "trial.json").write_text(json.dumps({**TRIAL, "status": "running", "values": None}))
    assert Run.read(place).status == "interrupted"
    lock = Lock(tmp_path / "s/driver.lock")
    lock.take()
    try:
        assert Run.read(place).status == "running"
    finally:
        lock.release()


def test_an_ensemble(make, tmp_path):
    """It has members and no epochs; its scores are those of its parts."""
    import yaml

    folder = make(tmp_path / "ensemble", best=0.3)
    result = json.loads((folder / "result.json").read_text())
    kept = {key: value for key, value in result.items() if key not in ("best_epoch", "best_value", "epochs")}
    (folder / "result.json").write_text(json.dumps(kept))
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config = {"ensemble": {"members": ["a", "b"], "vote": False}, "data": config["data"]}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    run = Run.read(folder)
    assert (run.settings["model"], run.settings["ensemble.members"]) == ("ensemble", "[a, b]")
    assert run.scores["val/loss"] == 0.3
    assert (run.best_epoch, run.epochs, run.notes) == (None, None, [])


def test_a_variant_says_what_was_done_to_its_parent(make, tmp_path):
    done = {"verb": "export", "format": "onnx", "dynamic_batch": True, "half": False}
    variant = Run.read(make(tmp_path / "v", variant=done, manifest={"parent": {"path": "outputs/runs/cnn"}}))
    plain = Run.read(make(tmp_path / "p"))
    assert (variant.variant, variant.parent) == ("export onnx dynamic_batch", "outputs/runs/cnn")
    assert (plain.variant, plain.parent) == ("", "")
