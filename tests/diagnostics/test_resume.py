"""Every diagnostic: interrupted and resumed equals uninterrupted, and none changes the training it looks at."""

import os
import signal
from pathlib import Path

import pytest

from runner.config.options import Options
from runner.engine.progress import Progress
from runner.errors import Interrupted
from runner.run import resume
from tests.faults.kill_resume import content, same

NAMES = [name for name in Options().names("diagnostics") if name != "none"]
COMMON = ["model=cnn", "model.channels=[4]", "model.head=[8]", "regularization=[dropout]", "data.batch_size=16"]
COMMON += ["trainer.accumulate=2", "trainer.clip_norm=0.5", "trainer.limit_batches=6", "trainer.max_epochs=5"]


class StopAt(Progress):
    def epoch(self, fit, row):
        if row["epoch"] == 2:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("name", NAMES)
def test_interrupted_and_resumed_equals_uninterrupted(go, name):
    drawn = ["init=normal", "init.std=0.2"]  # far from the weights that a network has before its initialization
    options = [*COMMON, *drawn, f"diagnostics=[{name}]", "trainer.log_every=4"]
    go(*options, folder="whole")
    with pytest.raises(Interrupted):
        go(*options, folder="cut", progress=StopAt())
    resume("cut")
    whole, cut = content(Path("whole")), content(Path("cut"))
    if name in ("time_to_target", "profile"):  # they tell seconds
        whole["result"]["advice"] = cut["result"]["advice"] = []
    assert same(whole, cut) == []


def test_the_loss_before_training_is_that_of_the_first_session(go):
    """A resumed run takes its weights from the checkpoint and initializes none, so it can't look again."""
    seen = []

    class Look(StopAt):
        def epoch(self, fit, row):
            seen.append([technique.start for technique in fit.techniques])
            super().epoch(fit, row)

    with pytest.raises(Interrupted):
        go("init=normal", "init.std=1", "diagnostics=[divergence,stall]", "trainer.max_epochs=3", progress=Look())
    resume("run", progress=Look())
    assert len(seen) == 3 and seen[0] == seen[-1]


@pytest.mark.slow
def test_looking_changes_nothing(go):
    go(*COMMON, folder="without")
    go(*COMMON, f"diagnostics=[{','.join(NAMES)}]", folder="with")
    without, looked = content(Path("without")), content(Path("with"))
    for part in ("model", "optimizer", "position"):
        assert same(without["last"][part], looked["last"][part]) == []


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_in_half_precision(go, precision):
    result = go(*COMMON, f"diagnostics=[{','.join(NAMES)}]", f"trainer.precision={precision}", "trainer.max_epochs=1")
    assert result["status"] == "completed"
