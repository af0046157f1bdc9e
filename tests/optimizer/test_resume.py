"""An interruption changes no bit, whatever is around the optimizer; ``tests/test_every_option.py`` has each alone."""

from pathlib import Path

import pytest

from runner.errors import Interrupted
from runner.run import resume
from tests.faults.kill_resume import content, same
from tests.test_run import StopAt

COMMON = (
    "data=iris", "data.batch_size=8", "model.hidden=[6,6]", "trainer.max_epochs=3", "trainer.limit_batches=4",
    "trainer.accumulate=2", "trainer.clip_norm=1.0", "trainer.images=0", "optimizer.params.layer_decay=0.9",
)  # fmt: skip
AROUND = [
    ("optimizer=adamw", "optimizer/wrapper=sam", "regularization=[dropout]"),
    ("optimizer=adamw", "optimizer/wrapper=sam", "trainer.precision=fp16", "model.norm=batch"),
    ("optimizer=momentum", "optimizer/wrapper=lookahead", "optimizer.wrapper.k=3", "trainer.precision=fp16"),
    ("optimizer=schedule_free_adamw", "optimizer/wrapper=sam", "warmup=linear"),
    ("optimizer=schedule_free_sgd", "trainer.precision=fp16", "trainer.on_nonfinite=skip"),
    ("optimizer=muon", "scheduler=onecycle", "trainer.precision=bf16"),
    ("warmup=gradient", "warmup.bound=0.05", "warmup.window=3", "warmup.steps=9", "trainer.precision=fp16"),
    ("scheduler=wsd", "warmup=linear"),
]


@pytest.mark.parametrize("choice", AROUND, ids=",".join)
def test_interrupted_and_resumed_equals_uninterrupted(go, choice):
    go(*COMMON, *choice, folder="whole")
    with pytest.raises(Interrupted):
        go(*COMMON, *choice, folder="cut", progress=StopAt(1))
    resume("cut")
    whole = content(Path("whole"))
    assert same(whole, content(Path("cut"))) == []
    assert whole["last"]["position"]["step"] == 12
