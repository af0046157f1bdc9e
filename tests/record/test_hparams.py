"""TensorBoard's HParams page and list of runs, for two sweeps and three runs under one folder."""

import csv
import json
import os
from pathlib import Path

import pytest
from tensorboard.summary.writer import event_file_writer

from runner.cli.verbs import answer
from runner.hparams import row_name
from runner.run import compose, resume, run
from tests.record.board import Board

pytestmark = pytest.mark.slow

SMALL = ("trainer.max_epochs=2", "trainer.threads=1", "trainer.limit_batches=4", "model.hidden=[4]")
SWEEPS = (
    ("optimizer=sgd,momentum,adam",),
    ("hydra/sweeper=random", "hydra.sweeper.n_trials=3", "optimizer.lr=tag(log,interval(1e-4,1e-1))"),
)
RUNS = (
    (*SMALL, "optimizer=adamw", "data.batch_size=full", "regularization=[label_smoothing,early_stopping]"),
    (*SMALL, "data=diabetes", "data.batch_size=64"),
    (*SMALL[:3], "model=cnn", "model.channels=[2]", "model.head=[4]"),
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    place = tmp_path_factory.mktemp("board")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for sweep in SWEEPS:
            assert answer(["--multirun", *SMALL, *sweep]) == 0
        for overrides in RUNS:
            run(compose([*overrides]))
    return place / "outputs"


@pytest.fixture(scope="module")
def board(outputs):
    return Board(outputs)


def trials(outputs):
    for sweep in sorted((outputs / "sweeps").iterdir()):
        with open(sweep / "trials.csv", newline="") as file:
            yield from ((sweep / row["folder"], row) for row in csv.DictReader(file))


def test_a_row_a_trial_and_a_row_a_run(outputs, board):
    rows = board.rows()
    folders = [path for path, _ in trials(outputs)] + sorted((outputs / "runs").iterdir())
    assert len(rows) == len(folders) == 9
    assert set(rows) == {row_name(folder) for folder in folders}
    assert all(len(sessions) == 1 for _, _, sessions in rows.values())
    assert {session["status"] for _, _, (session,) in rows.values()} == {"STATUS_SUCCESS"}


def test_a_trials_folder_says_what_it_tries(outputs):
    names = {path.name for path, row in trials(outputs) if "optimizer" in row}
    assert names == {"0000-optimizer_sgd", "0001-optimizer_momentum", "0002-optimizer_adam"}


def test_every_row_has_the_columns_of_its_configuration(board):
    infos, scores = board.columns()
    rows = board.rows()
    assert set(infos) == set().union(*(values for values, _, _ in rows.values()))
    shared = {"optimizer", "optimizer.lr", "data", "model", "loss", "regularization", "seed", "trainer.max_epochs"}
    for values, scored, _ in rows.values():
        assert shared <= set(values)
        assert {"best/loss", "score/loss"} <= set(scored)
    assert scores[0] == {"tag": "best/loss", "group": ""}
    assert all(name["group"] == "" for name in scores), "scores of training have columns of their own"
    differs = {name for name, info in infos.items() if info.get("differs")}
    assert {"optimizer", "optimizer.lr", "data", "model", "regularization"} <= differs
    assert "trainer.max_epochs" not in differs


def test_options_have_the_names_that_were_typed(outputs, board):
    rows = board.rows()
    for folder, row in trials(outputs):
        values, scored, _ = rows[row_name(folder)]
        assert scored["best/loss"] == pytest.approx(float(row["val/loss"]), rel=1e-6)
        if "optimizer" in row:
            assert values["optimizer"] == row["optimizer"]
        else:
            assert values["optimizer.lr"] == pytest.approx(float(row["optimizer.lr"]))
    others = [rows[row_name(folder)][0] for folder in sorted((outputs / "runs").iterdir())]
    assert {values["regularization"] for values in others} == {"none", "label_smoothing, early_stopping"}
    assert {values["optimizer"] for values in others} == {"adamw", "adam"}


def test_a_column_has_one_type_and_can_be_sorted(board):
    infos, _ = board.columns()
    assert infos["data.batch_size"]["type"] == "DATA_TYPE_FLOAT64"
    assert infos["data.batch_size (word)"]["domainDiscrete"] == ["full"]
    assert infos["data.drop_last"]["domainDiscrete"] == ["false"]
    rows = board.rows()
    for name, info in infos.items():
        kinds = {type(values[name]) for values, _, _ in rows.values() if name in values}
        assert kinds == {str if info["type"] == "DATA_TYPE_STRING" else float}, name
        if info.get("differs"):
            assert len(board.rows(sort=name)) == 9


def test_an_entry_a_run_and_one_for_its_validation(outputs, board):
    folders = [path for path, _ in trials(outputs)] + list((outputs / "runs").iterdir())
    names = [str(folder.relative_to(outputs)) for folder in folders]
    assert board.entries == sorted(names + [f"{name}/val" for name in names])


def test_training_and_validation_share_charts(board):
    for name in board.entries:
        if not name.endswith("/val"):
            training, validation = board.scalars(name), board.scalars(f"{name}/val")
            scores = {tag for tag in training if tag.startswith("score/")}
            assert "score/loss" in scores
            assert scores == set(validation) - {"best/loss"}
            assert not {tag for tag in training if tag.split("/")[0] not in ("score", "step", "test")}


def test_nothing_at_step_0_and_nothing_twice(board):
    for name in board.entries:
        shown = board.scalars(name)
        for tag, points in shown.items():
            steps = [step for step, _ in points]
            assert 0 not in steps, (name, tag)
            assert steps == sorted(set(steps)), (name, tag)
        if not name.endswith("/val"):
            curves = {tag for tag in shown if not tag.startswith("test/")}
            assert {tag for tag in curves if tag.endswith("loss")} == {"score/loss"}
            assert {tag for tag in curves if tag.endswith("lr")} == {"step/lr"}


def test_the_loss_is_shown_by_log_intervals_and_where_there_are_none_by_epochs(go, tmp_path):
    def steps(*overrides):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        go("trainer.max_epochs=2", "trainer.limit_batches=6", "model.hidden=[4]", *overrides, folder=folder.name)
        shown = Board(folder).scalars(".")
        return [[step for step, _ in shown[tag]] for tag in ("score/loss", "step/lr", "score/accuracy")]

    assert steps() == [[6, 12]] * 3
    assert steps("trainer.log_every=4") == [[4, 10], [4, 10], [6, 12]]
    assert steps("trainer.max_steps=9") == [[6, 9]] * 3  # the second epoch ends before its first interval


@pytest.fixture
def in_order(monkeypatch):
    """TensorBoard reads files in the order of their names, which end in the number of the writer in its process."""
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))


def test_resuming_adds_no_row(go, tmp_path, in_order):
    go(*SMALL, folder="run")
    before = Board(tmp_path / "run").rows()
    resume("run", ["trainer.max_epochs=4"])
    board = Board(tmp_path / "run")
    ((name, (values, scored, sessions)),) = board.rows().items()
    assert before[name][0] == values
    assert len(sessions) == 1
    epochs = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert [step for step, _ in board.scalars("val")["score/loss"]] == [row["step"] for row in epochs]
    assert scored["best/loss"] == pytest.approx(min(row["val/loss"] for row in epochs))


def test_a_run_that_died_before_its_first_checkpoint_keeps_its_row(go, tmp_path, in_order):
    go(*SMALL, folder="run")
    for path in (*Path("run/checkpoints").iterdir(), Path("run/result.json"), Path("run/metrics.jsonl")):
        path.unlink()
    resume("run")
    board = Board(tmp_path)
    assert len(board.rows()) == 1
    steps = [step for step, _ in board.scalars("run/val")["score/loss"]]
    assert steps == sorted(set(steps))
    assert len(board.multiplexer.Tensors("run", "config/text_summary")) == 1


def test_names_are_short_and_unlike(tmp_path):
    home = tmp_path / "outputs"
    trial = home / "sweeps" / "grid-optimizer-0a1b2c3d" / "trials" / "0003-optimizer_adam"
    named = home / "sweeps" / "lr" / "trials" / "0003-optimizer_adam"
    run = home / "runs" / "2026-01-31_23-59-59_digits-mlp"
    assert row_name(trial).startswith("0a1b2c3d/0003-optimizer_adam ")
    assert row_name(named).startswith("lr/0003-optimizer_adam ")
    assert row_name(run).startswith("digits-mlp 2026-01-31_23-59-59 ")
    elsewhere = tmp_path / "other" / trial.relative_to(tmp_path)
    assert row_name(elsewhere) != row_name(trial)
    os.makedirs(trial)
    assert row_name(Path(os.path.relpath(trial))) == row_name(trial)
