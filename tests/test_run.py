"""Whole runs on real data: limits, stopping, resuming, failing, results."""

import json
import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest
import torch

from runner.engine.batch import Batch
from runner.engine.progress import Progress
from runner.errors import ConfigError, Interrupted, RunFailed
from runner.run import compose, evaluate_run, load, rerun_config, resume, run
from tests.faults.kill_resume import COMMAND, content, interrupted_run, same, start, steps_done, wait


def rows(folder):
    return [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]


class StopAtStep(Progress):
    """The same after a given update, where it ends a log interval."""

    def __init__(self, step):
        self.at = step

    def interval(self, fit, scores):
        if fit.state.step == self.at:
            os.kill(os.getpid(), signal.SIGINT)


class StopAt(Progress):
    """Sends this process a signal at a given epoch, as a person would with Ctrl-C."""

    def __init__(self, epoch, number=signal.SIGINT):
        self.at, self.number = epoch, number

    def epoch(self, fit, row):
        if row["epoch"] == self.at:
            os.kill(os.getpid(), self.number)


def test_a_run_learns_and_leaves_the_whole_folder(go, tmp_path):
    result = go("trainer.max_epochs=8", "optimizer.lr=0.003")
    assert result["status"] == "completed"
    assert result["test"]["accuracy"] > 0.93
    names = {p.name for p in (tmp_path / "run").rglob("*") if p.is_file()}
    assert {"config.yaml", "manifest.json", "metrics.jsonl", "result.json", "run.log", "last.pt", "best.pt"} <= names
    assert {"last.pt.sha256", "best.pt.sha256"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert [row["epoch"] for row in rows("run")] == list(range(1, 9))
    keys = {"status", "cause", "monitor", "best_epoch", "best_value", "train", "val", "test", "seconds"}
    assert keys | {"samples_per_second", "parameters"} <= json.loads(Path("run/result.json").read_text()).keys()


def test_the_best_weights_are_tested(go):
    result = go("trainer.max_epochs=6", "optimizer=sgd", "optimizer.lr=1.5", "monitor=val_accuracy")
    values = [row["val/accuracy"] for row in rows("run")]
    assert result["best_epoch"] == 1 + values.index(max(values))
    assert result["best_value"] == max(values) == result["val"]["accuracy"]
    best = torch.load("run/checkpoints/best.pt", weights_only=True)
    assert best["position"]["epoch"] == result["best_epoch"]
    assert best["position"]["step"] == rows("run")[result["best_epoch"] - 1]["step"]
    assert evaluate_run("run", "val")["accuracy"] == pytest.approx(max(values))
    assert evaluate_run("run", "test") == pytest.approx(result["test"])
    last = go("trainer.max_epochs=6", "optimizer=sgd", "optimizer.lr=1.5", "trainer.test_weights=last", folder="last")
    assert last["val"]["accuracy"] == values[-1]
    assert evaluate_run("last", "test", "last") == pytest.approx(last["test"])


def test_restore_best_weights_false_tests_the_last(go):
    result = go(
        "regularization=[early_stopping]",
        "regularization.early_stopping.restore_best_weights=false",
        "regularization.early_stopping.patience=2",
        "optimizer=sgd",
        "optimizer.lr=1.5",
        "trainer.max_epochs=30",
    )
    assert result["val"]["loss"] == rows("run")[-1]["val/loss"]
    assert result["epochs"] < 30
    assert "has not improved for 2 epochs" in result["cause"]


TECHNIQUES = [
    "optimizer=adamw",
    "scheduler=onecycle",
    "augmentation=[crop,noise]",
    "regularization=[dropout,early_stopping,l2]",
    "trainer.max_epochs=6",
]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_and_resumed_equals_uninterrupted(go, number, capsys):
    go(*TECHNIQUES, folder="whole")
    with pytest.raises(Interrupted, match=r"resume .*cut"):
        go(*TECHNIQUES, folder="cut", progress=StopAt(3, number))
    assert json.loads(Path("cut/result.json").read_text())["status"] == "interrupted"
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []


def test_a_limit_in_the_middle_of_an_epoch_is_resumed_exactly(go):
    common = ["scheduler=plateau", "scheduler.patience=1", "regularization=[early_stopping,dropout]"]
    go(*common, "trainer.max_epochs=5", "trainer.log_every=7", folder="whole")
    result = go(*common, "trainer.max_epochs=5", "trainer.max_steps=93", "trainer.log_every=7", folder="cut")
    assert result["step"] == 93
    assert [row["step"] for row in rows("cut")] == [40, 80, 93]
    resume("cut", ["trainer.max_steps=null"])
    whole, cut = content(Path("whole")), content(Path("cut"))
    for part in (whole, cut):  # the limits differ, and nothing else
        del part["last"]["config"], part["best"]["config"]
    assert same(whole, cut) == []


@pytest.mark.parametrize("limits", [(), ("trainer.max_steps=10",)])
def test_interrupted_behind_its_last_update_a_run_still_ends_its_last_epoch(go, limits):
    common = ["data=iris", "data.batch_size=16", "trainer.max_epochs=2", "trainer.log_every=1", *limits]
    go(*common, folder="whole")
    last = rows("whole")[-1]["step"]
    with pytest.raises(Interrupted):
        go(*common, folder="cut", progress=StopAtStep(last))
    assert [row["epoch"] for row in rows("cut")] == [1]
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_resumes_exactly(go, precision):
    common = ["model=cnn", "model.channels=[4]", "model.head=[8]", f"trainer.precision={precision}"]
    common += ["trainer.limit_batches=5", "trainer.max_epochs=4", "trainer.accumulate=2"]
    go(*common, folder="whole")
    with pytest.raises(Interrupted):
        go(*common, folder="cut", progress=StopAt(2))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []


def test_the_seed_decides_everything_but_the_split(go):
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        go("trainer.max_epochs=2", "regularization=[dropout]", f"seed={seed}", folder=folder)
    a, b, c = (content(Path(name)) for name in "abc")
    assert same(a["last"]["model"], b["last"]["model"]) == []
    assert same(a["last"]["model"], c["last"]["model"]) != []
    fingerprints = {json.loads(Path(name, "manifest.json").read_text())["data"]["fingerprint"] for name in "ac"}
    assert len(fingerprints) == 1


def test_more_epochs_continue_and_say_that_the_schedule_jumps(go):
    messages = []

    class Hear(Progress):
        def message(self, text):
            messages.append(text)

    go("trainer.max_epochs=2", "scheduler=cosine")
    with pytest.raises(ConfigError, match="complete"):
        resume("run")
    result = resume("run", ["trainer.max_epochs=4"], Hear())
    assert [row["epoch"] for row in rows("run")] == [1, 2, 3, 4]
    assert result["epochs"] == 4
    assert any("schedule is computed for the new length" in text for text in messages)


def test_nonfinite_loss_fails_and_keeps_the_last_good_checkpoint(go):
    overrides = ["optimizer=sgd", "optimizer.lr=1e8", "model.norm=none", "model.activation=relu"]
    overrides += ["trainer.checkpoint.every_seconds=0", "trainer.log_every=1", "loss=mse", "data=diabetes"]
    with pytest.raises(RunFailed, match=r"non-finite loss at step \d+"):
        go(*overrides)
    result = json.loads(Path("run/result.json").read_text())
    assert result["status"] == "failed"
    assert result["cause"].startswith("non-finite loss at step")
    assert "try a lower optimizer.lr" in result["advice"][0]
    last = Path("run/checkpoints/last.pt")
    if last.exists():
        for tensor in torch.load(last, weights_only=True)["model"].values():
            assert tensor.isfinite().all()


def test_nonfinite_is_found_before_a_checkpoint_even_between_log_intervals(go):
    overrides = ["optimizer=sgd", "optimizer.lr=1e8", "trainer.log_every=100000", "data=diabetes", "data.batch_size=8"]
    with pytest.raises(RunFailed, match="non-finite"):
        go(*overrides, "trainer.checkpoint.every_seconds=0", "model.norm=none")
    assert not Path("run/checkpoints/best.pt").exists() or load("run")


def test_updates_whose_loss_overflows_are_left_out_by_choice(go):
    """Rows of y = x; in those with 1e25 the squared error is infinite and its slope a number."""
    lines = [f"{i / 100},{1e25 if i % 40 == 7 else i / 100}" for i in range(200)]
    Path("table.csv").write_text("\n".join(["x,y", *lines]))
    overrides = ["data=csv", "data.path=table.csv", "data.target=y", "data.target_scaling=none", "data.batch_size=4"]
    overrides += ["trainer.max_epochs=3", "model.hidden=[]", "trainer.log_every=5"]
    with pytest.raises(RunFailed, match="non-finite loss at step"):
        go(*overrides, folder="stop")
    result = go(*overrides, "optimizer.lr=0.05", "trainer.on_nonfinite=skip", folder="skip")
    skipped = rows("skip")[-1]["skipped_steps"]
    assert 3 <= skipped <= 15  # those of the five rows that are in the training part, in three epochs
    assert skipped % 3 == 0
    assert result["status"] == "completed"
    assert rows("skip")[-1]["train/loss"] < 0.1


def test_a_validation_loss_that_overflows_is_null_and_never_the_best(go):
    lines = [f"{i / 100},{1e25 if i >= 70 else i / 100},{i}" for i in range(85)]
    Path("table.csv").write_text("\n".join(["x,y,when", *lines]))
    overrides = ["data=csv", "data.path=table.csv", "data.target=y", "data.order=when", "data.target_scaling=none"]
    result = go(*overrides, "data.split=[0.8,0.2,0.0]", "trainer.max_epochs=2")
    assert [row["val/loss"] for row in rows("run")] == [None, None]
    assert (result["status"], result["best_epoch"]) == ("completed", None)


def test_a_stop_request_prunes_the_run(go):
    class Ask(Progress):
        def epoch(self, fit, row):
            if row["epoch"] == 2:
                Path("run/stop.json").write_text('{"status": "pruned", "reason": "worse than the median"}')

    result = go("trainer.max_epochs=9", progress=Ask())
    assert (result["status"], result["cause"], result["epochs"]) == ("pruned", "worse than the median", 2)
    assert result["test"] is None
    result = resume("run")
    assert (result["status"], result["epochs"]) == ("completed", 9)


def test_max_time_and_eval_every(go):
    result = go("trainer.max_time=0.3", "trainer.max_epochs=100000", "trainer.eval_every=3")
    assert result["cause"] == "max_time"
    assert 0.3 <= result["seconds"] < 60
    evaluated = [row["epoch"] for row in rows("run") if "val/loss" in row]
    assert all(epoch % 3 == 0 for epoch in evaluated[:-1])
    assert evaluated[-1] == rows("run")[-1]["epoch"]


def test_resume_refuses_what_would_be_another_run(go):
    go("trainer.max_epochs=1")
    for override in ("optimizer.lr=1", "model=cnn", "data.batch_size=8"):
        with pytest.raises(ConfigError, match="another run"):
            resume("run", [override])


def test_a_checkpoint_of_another_network_is_refused_with_the_difference(go):
    go("trainer.max_epochs=1", folder="a")
    go("trainer.max_epochs=1", "model.hidden=[7]", folder="b")
    mixed = torch.load("a/checkpoints/best.pt") | {"model": torch.load("b/checkpoints/best.pt")["model"]}
    torch.save(mixed, "mixed.pt")
    with pytest.raises(RunFailed, match=r"of another shape \(linear1.weight is \(7, 64\) instead of \(128, 64\)"):
        load("a", "./mixed.pt")


def test_rerun_repeats_bit_by_bit(go, tmp_path):
    go("trainer.max_epochs=2", "model.hidden=[16]", folder="a")
    config, overrides, _ = rerun_config("a", [])
    run(config, tmp_path / "b", overrides=overrides)
    assert same(content(Path("a")), content(Path("b"))) == []
    config, _, _ = rerun_config("a", ["optimizer=sgd"])
    assert config.optimizer._target_ == "torch.optim.SGD"
    assert config.model.hidden == [16]


def test_epoch_checkpoints_and_loading_them(go):
    go("trainer.max_epochs=4", "trainer.checkpoint.every_epochs=2")
    assert {p.name for p in Path("run/checkpoints").glob("epoch-*.pt")} == {"epoch-0002.pt", "epoch-0004.pt"}
    network = load("run", "run/checkpoints/epoch-0002.pt")
    assert not network.model.training
    assert network.outputs(Batch(torch.zeros(3, 1, 8, 8), torch.zeros(3))).shape == (3, 10)


def test_the_weights_of_the_best_epochs_are_kept(go):
    go("trainer.max_epochs=6", "optimizer.lr=0.05", "trainer.checkpoint.keep_top=2", "monitor=val/accuracy")
    ranked = sorted(rows("run"), key=lambda row: (-row["val/accuracy"], row["epoch"]))[:2]
    names = {f"top-{row['epoch']:04d}.pt" for row in ranked}
    assert {p.name for p in Path("run/checkpoints").glob("top-*.pt")} == names
    assert {p.name for p in Path("run/checkpoints").glob("top-*.sha256")} == {f"{name}.sha256" for name in names}
    for row in ranked:
        scores = evaluate_run("run", "val", f"run/checkpoints/top-{row['epoch']:04d}.pt")
        assert scores["accuracy"] == row["val/accuracy"]


def test_the_best_epochs_are_the_same_after_a_resume(go):
    command = ("trainer.max_epochs=6", "optimizer.lr=0.05", "trainer.checkpoint.keep_top=2")

    go(*command)
    with pytest.raises(Interrupted):
        go(*command, folder="cut", progress=StopAt(4))
    resume("cut")
    whole, cut = (
        {p.name: torch.load(p)["model"] for p in Path(folder, "checkpoints").glob("top-*.pt")}
        for folder in ("run", "cut")
    )
    assert len(whole) == 2
    assert same(whole, cut) == []


@pytest.mark.slow
def test_ctrl_c_twice_stops_at_once(tmp_path):
    process = start(["trainer.max_epochs=100000", "hydra.run.dir=run"], tmp_path)
    while steps_done(tmp_path / "run") < 200 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130


@pytest.mark.slow
def test_sigterm_saves_and_names_the_command(tmp_path):
    process = start(["trainer.max_epochs=100000", "hydra.run.dir=run"], tmp_path)
    while steps_done(tmp_path / "run") < 200 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "python -m runner resume run" in out
    assert (tmp_path / "run/checkpoints/last.pt").exists()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_sigkill_in_the_middle_then_resumed_is_bit_identical(tmp_path, seed):
    command = [word.replace("max_epochs=60", "max_epochs=25") for word in COMMAND]
    wait(start([*command, "hydra.run.dir=whole"], tmp_path))
    whole = content(tmp_path / "whole")
    draw = random.Random(seed)
    # A machine under load may let the run end before the signal arrives: then the next one is killed.
    for attempt in range(5):
        folder = f"killed{attempt}"
        if interrupted_run(tmp_path, folder, draw, command, whole["last"]["position"]["step"], kills=1):
            break
    else:
        pytest.fail("every run ended before it could be killed")
    assert same(whole, content(tmp_path / folder)) == []


def test_signals_are_left_alone_outside_the_main_thread(go):
    errors = []

    def in_thread():
        try:
            go("trainer.max_epochs=1")
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert errors == []


def test_a_model_of_ones_own_with_lazy_layers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("options/model").mkdir(parents=True)
    Path("options/model/lazy.yaml").write_text("# Lazy.\n_target_: lazy_models.Lazy\nwidth: 8\n")
    Path("lazy_models.py").write_text(
        "from torch import nn\n\n\nclass Lazy(nn.Sequential):\n    def __init__(self, spec, width: int = 8) -> None:\n"
        "        super().__init__(nn.Flatten(), nn.LazyLinear(width), nn.LazyBatchNorm1d(), nn.ReLU(),"
        " nn.LazyLinear(spec.num_outputs))\n"
    )
    overrides = ["model=lazy", "trusted_targets=[lazy_models]", "trainer.max_epochs=2", "model.width=16"]
    result = run(compose(overrides, "options"), tmp_path / "run")
    assert result["parameters"] == 64 * 16 + 16 + 32 + 16 * 10 + 10
    assert evaluate_run("run", trusted_targets=["lazy_models"]) == pytest.approx(result["test"])
