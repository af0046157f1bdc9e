"""Both ways to grow, through real runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from runner.engine.batches import Batches
from runner.engine.split import TensorSplit
from runner.errors import ConfigError, Interrupted
from runner.run import resume

QUICK = ("data=iris", "data.batch_size=8", "model.hidden=[8]", "trainer.max_epochs=7", "trainer.images=0")
STEP = ("batch_growth=step", "batch_growth.step_size=2")
EXAMPLES = 105  # of iris' training part


def rows(folder: str = "run") -> list[dict]:
    return [json.loads(line) for line in Path(folder, "metrics.jsonl").read_text().splitlines()]


def updates(size: int) -> int:
    return -(-EXAMPLES // size)


def test_the_order_of_examples_is_the_same_at_every_size():
    split = TensorSplit(torch.arange(23.0).view(23, 1), torch.arange(23))
    batches = Batches(split, 3, torch.device("cpu"), seed=4)
    small = torch.cat([batch.targets for update in batches.updates(5) for batch in update])
    batches.grow(4)
    large = [batch.targets for update in batches.updates(5) for batch in update]
    assert [len(y) for y in large] == [12, 11]
    assert torch.equal(torch.cat(large), small)
    assert torch.equal(torch.cat([batch.targets for u in batches.updates(5, start=1) for batch in u]), small[12:])


def test_by_step(go):
    go(*QUICK, *STEP, "batch_growth.max_batch_size=40")
    sizes = [8, 8, 16, 16, 32, 32, 32]
    assert [row["batch_size"] for row in rows()] == sizes
    steps = [sum(map(updates, sizes[: n + 1])) for n in range(7)]
    assert [row["step"] for row in rows()] == steps


def test_the_rate_follows_the_share_of_the_run(go):
    go(*QUICK, "scheduler=linear", "scheduler.by=epoch")
    plain = [row["lr"] for row in rows()]
    go(*QUICK, "scheduler=linear", "scheduler.by=epoch", *STEP, folder="grown")
    assert [row["lr"] for row in rows("grown")] == plain
    go(*QUICK, "scheduler=cosine", "scheduler.by=step", *STEP, folder="fine")
    assert rows("fine")[-1]["lr"] < 0.05 * plain[0]


def test_on_a_plateau(go):
    go(*QUICK, "batch_growth=plateau", "batch_growth.patience=2", "batch_growth.min_delta=100")  # nothing is better
    assert [row["batch_size"] for row in rows()] == [8, 8, 8, 16, 16, 32, 32]


@pytest.mark.parametrize(
    "growth", [STEP, ("batch_growth=plateau", "batch_growth.patience=2", "batch_growth.min_delta=100")]
)
def test_resumed_in_the_middle_of_a_grown_epoch(go, growth):
    from runner.engine.progress import Progress

    command = (*QUICK, *growth, "scheduler=cosine", "scheduler.by=step", "trainer.log_every=1")

    class Stop(Progress):
        def interval(self, fit, scores):
            if fit.state.epoch == 4 and fit.state.epoch_step == 2:
                assert fit.train.growth > 1
                fit.interrupt.requested = "test"

    go(*command)
    with pytest.raises(Interrupted):
        go(*command, folder="cut", progress=Stop())
    resume("cut")
    assert len(rows()) == 7
    times = ("time", "samples_per_second")
    for a, b in zip(rows(), rows("cut"), strict=True):
        assert {k: v for k, v in a.items() if k not in times} == {k: v for k, v in b.items() if k not in times}
    whole, cut = (torch.load(Path(f, "checkpoints/last.pt"))["model"] for f in ("run", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_growing_by_accumulation_too(go):
    go(*QUICK, *STEP, "trainer.accumulate=2", "trainer.max_epochs=4")
    assert [row["step"] for row in rows()] == [7, 14, 18, 22]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([*STEP, "trainer.max_steps=5"], r"trainer.max_steps=5 says nothing"),
        ([*STEP, "data.batch_size=full"], "more than the training examples"),
        ([*STEP, "batch_growth.max_batch_size=15"], "more than max_batch_size"),
        (["batch_growth=plateau", "batch_growth.monitor=val/lss"], r"batch_growth.monitor=val/lss.*'val/loss'"),
        ([*STEP, "regularization=snapshot"], "step can't be combined with snapshot"),
    ],
)
def test_what_can_not_work(go, overrides, message):
    with pytest.raises(ConfigError, match=message):
        go(*QUICK, *overrides)


def test_swa_takes_the_end_of_every_epoch(go):
    go(*QUICK, *STEP, "regularization=swa", "regularization.swa.start=3")
    assert torch.load("run/checkpoints/last.pt")["techniques"]["swa"]["count"] == 4


def test_full_batch_is_gradient_descent(go):
    """One update per epoch, on the mean gradient of all training examples."""
    from runner.run import load
    from runner.run.assembly import load_data

    common = ("data=iris", "data.batch_size=full", "model.hidden=[]", "optimizer=sgd", "optimizer.lr=0.5")
    result = go(*common, "scheduler=constant", "trainer.max_epochs=3", "trainer.checkpoint.every_epochs=1")
    assert result["step"] == 3
    before, after = (load("run", f"epoch-{number:04d}") for number in (2, 3))
    train = load_data(after.recipe).train
    loss = torch.nn.functional.cross_entropy(before.model(train.inputs), train.targets)
    for (_, a), (_, b), g in zip(
        before.model.named_parameters(),
        after.model.named_parameters(),
        torch.autograd.grad(loss, list(before.model.parameters())),
        strict=True,
    ):
        torch.testing.assert_close(b, a - 0.5 * g, rtol=1e-5, atol=1e-6)
