"""Going on from an earlier checkpoint: bit by bit the same run from there, and nothing left of what came after it."""

import json
import signal
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer

from runner.engine.checkpoint import go_back_to
from runner.errors import ConfigError
from runner.run import evaluate_run, resume
from tests.faults.kill_resume import content, same
from tests.run.conftest import TABLE
from tests.test_run import StopAt, rows

LONG = (*TABLE, "trainer.max_epochs=8", "trainer.checkpoint.every_epochs=2", "optimizer.lr=0.05")
TECHNIQUES = {
    "momentum": ["optimizer=momentum", "trainer.accumulate=2"],
    "ema": ["regularization=[ema]", "regularization.ema.decay=0.9"],
    "swa": ["regularization=[swa]", "regularization.swa.start=3", "model.norm=batch"],
    "snapshot": ["regularization=[snapshot]", "regularization.snapshot.cycles=4", "scheduler=cosine"],
    "early_stopping": ["regularization=[early_stopping]", "regularization.early_stopping.patience=3"],
    "plateau": ["scheduler=plateau", "scheduler.patience=0", "optimizer=sgd"],
    "bf16": ["trainer.precision=bf16", "regularization=[dropout,mixup]"],
    "schedule_free": ["optimizer=schedule_free_adamw"],
    "top": ["trainer.checkpoint.keep_top=3"],
}


def scalars(folder):
    """What TensorBoard shows: every tag's steps and values, each step once."""
    shown = {}
    for entry in ("", "val"):
        events = EventAccumulator(str(Path(folder, entry))).Reload()
        for tag in events.Tags()["scalars"]:
            if "samples_per_second" not in tag:
                shown[entry, tag] = [(event.step, event.value) for event in events.Scalars(tag)]
    return shown


def kept(folder):
    """All checkpoints of a run that hold weights, by name."""
    paths = sorted(Path(folder, "checkpoints").glob("*.pt"))
    return {path.stem: torch.load(path, weights_only=True)["model"] for path in paths}


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_it_is_the_same_run_from_there(go, table, technique, monkeypatch):
    # TensorBoard reads files in the order of their names, which end in the number of the writer in its process.
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))
    overrides = [*LONG, *TECHNIQUES[technique]]
    go(*overrides, folder="whole")
    go(*overrides, folder="again")
    whole, saved = content(Path("whole")), kept("whole")
    shown = scalars("whole")
    for name in ("epoch-0004", "epoch-0002.pt"):
        result = resume("again", checkpoint=name)
        assert same(whole, content(Path("again"))) == []
        assert same(saved, kept("again")) == []
        assert [row["epoch"] for row in rows("again")] == list(range(1, result["epochs"] + 1))
        assert scalars("again") == shown


@pytest.mark.parametrize("keep", [None, 2])
def test_best_weights_of_before_are_taken_from_where_they_are_kept(go, table, keep):
    """The best epoch of all comes after the checkpoint; a shorter run from there must not have its weights."""
    messages = []

    class Hear(StopAt):
        def __init__(self):
            super().__init__(None)

        def message(self, text):
            messages.append(text)

    go(*LONG, f"trainer.checkpoint.keep_top={keep or 'null'}", "trainer.checkpoint.every_epochs=1", "optimizer.lr=0.01")
    values = [row["val/loss"] for row in rows("run")]
    assert values.index(min(values)) > 3, "the best epoch comes late"
    if keep:  # those of the first epochs were displaced by better ones: an early one is put back
        first = torch.load("run/checkpoints/epoch-0003.pt", weights_only=True)
        best = {"model": first["model"], "position": {**first["position"], "epoch": 3}, "format": 2}
        torch.save(best, "run/checkpoints/top-0003.pt")
    result = resume("run", ["trainer.max_epochs=3"], Hear(), checkpoint="epoch-0003")
    lost = [text for text in messages if "best weights so far, of epoch 3, are lost" in text]
    assert result["epochs"] == 3
    assert len(lost) == (0 if keep else 1)
    best = Path("run/checkpoints/best.pt")
    assert not best.exists() if not keep else torch.load(best)["position"]["epoch"] == 3
    if keep:
        assert evaluate_run("run", "val")["loss"] == pytest.approx(values[2])
    else:
        assert resume("run", ["trainer.max_epochs=4"])["best_epoch"] == 4
        assert torch.load(best)["position"]["epoch"] == 4
    assert result["test"] is not None


def test_killed_right_after_it_still_goes_on_from_there(go, table):
    go(*LONG, folder="whole")
    go(*LONG, folder="again")
    go_back_to(Path("again/checkpoints"), "epoch-0004")  # and then the power went
    assert not Path("again/checkpoints/last.pt.previous").exists()
    with pytest.raises(ConfigError, match="is complete"):  # the result was not yet taken back
        resume("again")
    resume("again", ["trainer.max_epochs=8"])
    assert same(content(Path("whole")), content(Path("again"))) == []


def test_interrupted_on_the_way_it_goes_on(go, table):
    from runner.errors import Interrupted

    go(*LONG, folder="whole")
    go(*LONG, folder="again")
    with pytest.raises(Interrupted):
        resume("again", progress=StopAt(5), checkpoint="epoch-0002")
    assert [row["epoch"] for row in rows("again")] == [1, 2, 3, 4, 5]
    assert not json.loads(Path("again/result.json").read_text()).get("test")
    resume("again")
    assert same(content(Path("whole")), content(Path("again"))) == []


def test_other_names_are_answered_with_what_there_is(say, table):
    words = [*LONG, "trainer.max_epochs=4", "trainer.checkpoint.keep_top=1", "regularization=[snapshot]"]
    assert say(*words, "scheduler=cosine", "regularization.snapshot.cycles=2", "hydra.run.dir=run").code == 0
    (top,) = (path.stem for path in Path("run/checkpoints").glob("top-*.pt"))
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    there = "Expected one of: last, epoch-0002, epoch-0004."
    for name, said in {
        "epoch-0003": "there is no run/checkpoints/epoch-0003.pt",
        "epoch-2": "Did you mean 'epoch-0002'?",
        "2": "there is no run/checkpoints/2.pt",
        "best": "it holds weights alone",
        top: "it holds weights alone",
        "snapshot-01": "it holds weights alone",
        "": "there is no",
        "../../run/config.yaml": "there is no",
        "x" * 300: "there is no",
    }.items():
        answer = say("resume", "run", "--from", name)
        assert answer.code == 2 and answer.err.startswith(f"error: --from {name}: "), answer
        assert said in answer.err and there in answer.err and answer.err.count("\n") == 1
    assert say("resume", "run", "--from").code == 2
    assert say("resume", "run", "--from", "epoch-0002", "optimizer.lr=1").code == 2
    assert {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()} == before
    Path("run/checkpoints/epoch-0002.pt").write_bytes(b"damaged")
    damaged = say("resume", "run", "--from", "epoch-0002")
    assert damaged.code == 1 and "checksum does not match" in damaged.err
    assert say("resume", "run", "--from", "last").code == 0
    assert say("resume", "run", "--from", "epoch-0004.pt", "trainer.max_epochs=5").code == 0


def test_ctrl_c_while_the_data_are_loaded_leaves_the_run_as_it_was(go, table, monkeypatch):
    go(*LONG, folder="run")
    before = Path("run/result.json").read_bytes()

    def stop(*_):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("runner.run.assembly.load_data", stop)
    with pytest.raises(KeyboardInterrupt):
        resume("run", checkpoint="epoch-0002")
    assert Path("run/result.json").read_bytes() == before
