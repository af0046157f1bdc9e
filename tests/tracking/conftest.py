"""Small runs with trackers, and what to wait for: a tracker ends by itself, soon after its run."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

SMALL = ("trainer.max_epochs=3", "trainer.threads=1", "trainer.limit_batches=4", "model.hidden=[4]")


def until(condition, seconds: float = 120.0):
    """What `condition` gives once that is something; a busy machine is no fault."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(0.1)
    return found


def state(folder, name):
    """What a tracker has noted in the run folder; None where there is nothing yet."""
    path = Path(folder, "tracking", f"{name}.json")
    return json.loads(path.read_text()) if path.exists() else None


def rows(folder):
    return [json.loads(line) for line in Path(folder, "metrics.jsonl").read_text().splitlines()]


def result(folder):
    return json.loads(Path(folder, "result.json").read_text())


@pytest.fixture(autouse=True)
def at_home(monkeypatch):
    """Nothing leaves the machine."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
