"""Weights & Biases in its offline mode: what stands in its files."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("wandb")

from runner.run import resume

from .conftest import SMALL, result, rows, state, until

CHOSEN = (*SMALL, "tracking=[wandb]")


def log_records(content):
    """The records of a file in LevelDB's log format: blocks of 32 KiB; crc, length and kind before each piece."""
    position, piece = 7, b""  # behind the file's own header
    while position + 7 <= len(content):
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        length, kind = struct.unpack("<HB", content[position + 4 : position + 7])
        piece += content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, last
            yield piece
            piece = b""


def records(folder):
    """All records of all sessions, by kind."""
    from wandb.proto.wandb_internal_pb2 import Record

    found = {"history": [], "summary": {}, "run": [], "exit": []}
    for path in sorted(Path(folder).glob("tracking/wandb/offline-run-*/*.wandb")):
        for data in log_records(path.read_bytes()):
            record = Record.FromString(data)
            kind = record.WhichOneof("record_type")
            if kind == "history":
                items = {item.key or "/".join(item.nested_key): item.value_json for item in record.history.item}
                found["history"].append({key: json.loads(value) for key, value in items.items()})
            elif kind == "summary":
                for item in record.summary.update:
                    found["summary"][item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
            elif kind in ("run", "exit"):
                found[kind].append(getattr(record, kind))
    return found


def finished(folder, sessions=1):
    return until(lambda: len((found := records(folder))["exit"]) == sessions and found)


@pytest.mark.slow
def test_scores_settings_and_the_end(go):
    go(*CHOSEN, "optimizer=adamw")
    found = finished("run")
    (run,) = {record.run_id: record for record in found["run"]}.values()
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert run.run_id == state("run", "wandb")["id"]
    assert (config["optimizer"], config["optimizer.weight_decay"]) == ("adamw", 0.01)
    assert config["folder"] == str(Path("run").resolve())
    assert [entry["val/loss"] for entry in found["history"]] == [row["val/loss"] for row in rows("run")]
    assert [entry["_step"] for entry in found["history"]] == [row["step"] for row in rows("run")]
    assert found["summary"]["test/loss"] == result("run")["test"]["loss"]
    assert found["summary"]["status"] == "finished"
    assert found["exit"][0].exit_code == 0
    resume("run", ["trainer.max_epochs=5"])
    again = finished("run", sessions=2)
    assert {record.run_id for record in again["run"]} == {run.run_id}
    assert [entry["_step"] for entry in again["history"]] == [row["step"] for row in rows("run")]


@pytest.mark.slow
def test_the_trials_of_a_sweep_are_a_group(tmp_path):
    command = [sys.executable, "-m", "runner", "--multirun", *CHOSEN, "optimizer=sgd,adam", "hydra.sweep.dir=sweep"]
    command += ["hydra.sweeper.plots=false"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    trials = sorted((tmp_path / "sweep/trials").iterdir())
    assert len(trials) == 2
    assert {finished(trial)["run"][0].run_group for trial in trials} == {"sweep"}
