import time

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from runner.diagnostics import throughput
from runner.diagnostics.throughput import Throughput, resident_bytes


def test_steps_and_evaluation_are_timed_apart(fit, monkeypatch):
    technique = Throughput()
    parts = fit(nn.Linear(2, 2))
    technique.setup(parts)
    time.sleep(0.05)
    with technique.around_evaluation():
        time.sleep(0.2)
    scores = technique.on_interval(10)
    assert 5.0 <= scores["throughput/step_ms"] < 15.0
    assert scores["throughput/evaluation_share"] == pytest.approx(0.8, abs=0.1)
    assert technique.advice() == []  # nothing is said of short runs
    monkeypatch.setattr(throughput, "_WORTH_A_WORD", 0.0)
    assert "of the time went into evaluation" in technique.advice()[0]


def test_memory_is_that_of_this_process():
    before = resident_bytes()
    block = bytearray(200 * 2**20)
    block[:: 2**12] = b"x" * len(block[:: 2**12])
    assert resident_bytes() >= max(before, 200 * 2**20)


def test_scores_are_written(go):
    go("diagnostics=[throughput]", "trainer.max_epochs=2")
    accumulator = EventAccumulator("run")
    accumulator.Reload()
    for name in ("step_ms", "evaluation_share", "memory_gib"):
        assert [event.value > 0 for event in accumulator.Scalars(f"step/throughput/{name}")][-1]
