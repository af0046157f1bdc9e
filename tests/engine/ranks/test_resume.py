"""Runs that go on with another number of processes, and with another strategy: as if they had never been stopped."""

import json

import pytest

from runner.engine.checkpoint import Damaged, load, load_last
from tests.engine.ranks.test_losses import IRIS, TOLERANCE, difference
from tests.engine.ranks.world import interrupted_after

RUN = (
    *IRIS,
    "data.batch_size=12",
    "trainer.max_epochs=4",
    "optimizer=adamw",
    "regularization=[ema]",
    "trainer.log_every=2",
)


@pytest.fixture(scope="module")
def uninterrupted(one, tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert one.train(folder, *RUN)[0].error is None
    return rows(folder)


def stopped(world, folder, *overrides):
    """A run that is asked to stop in the middle of its third epoch, on its last rank."""
    ranks = world.train(folder, *RUN, *overrides, more=interrupted_after(23))
    assert {rank.error[0] for rank in ranks} == {"Interrupted"}
    assert json.loads((folder / "result.json").read_text())["status"] == "interrupted"
    assert load(folder / "checkpoints/last.pt")["position"]["step"] == 25


@pytest.mark.parametrize(
    ("strategy", "sharded", "then"),
    [("ddp", False, "ddp"), ("fsdp", False, "fsdp"), ("fsdp", True, "fsdp"), ("fsdp", True, "ddp")],
)
def test_four_processes_then_two(strategy, sharded, then, four, two, uninterrupted, tmp_path, rows):
    where = f"trainer.checkpoint.sharded={str(sharded).lower()}"
    stopped(four, tmp_path / "run", f"trainer.strategy={strategy}", where)
    assert bool(list((tmp_path / "run/checkpoints").glob("last-*"))) == sharded
    ranks = two.train(tmp_path / "run", f"trainer.strategy={then}", resume=True)
    assert [rank.error for rank in ranks] == [None, None]
    assert difference(rows(tmp_path / "run"), uninterrupted) < TOLERANCE
    assert ranks[0].weights == ranks[1].weights


@pytest.mark.parametrize("sharded", ["false", "true"])
def test_two_processes_then_one(sharded, two, one, uninterrupted, tmp_path, rows):
    stopped(two, tmp_path / "run", "trainer.strategy=fsdp", f"trainer.checkpoint.sharded={sharded}")
    (rank,) = one.train(tmp_path / "run", "trainer.strategy=single", resume=True)
    assert rank.error is None
    assert difference(rows(tmp_path / "run"), uninterrupted) < TOLERANCE
    assert not list((tmp_path / "run/checkpoints").glob("last-*")) or sharded == "true"


def test_what_ranks_saw_for_themselves_is_brought_together(two, tmp_path, rows):
    """Statistics that each takes of its own examples, before they are scored and saved; noise is drawn by all alike."""
    own = (*IRIS, "data.batch_size=34", "model.norm=batch", "regularization=[gradient_noise]")  # three are left over
    whole = two.train(tmp_path / "whole", *own)
    assert [rank.error for rank in whole] == [None, None]
    assert whole[0].weights == whole[1].weights
    stopped = two.train(tmp_path / "run", *own, more=interrupted_after(4))
    assert {rank.error[0] for rank in stopped} == {"Interrupted"}
    assert [rank.error for rank in two.train(tmp_path / "run", resume=True)] == [None, None]
    assert difference(rows(tmp_path / "run"), rows(tmp_path / "whole")) < TOLERANCE


def test_of_sharded_states_two_are_kept(two, tmp_path):
    more = ("trainer.strategy=fsdp", "trainer.checkpoint.sharded=true", "trainer.checkpoint.every_seconds=0")
    assert two.train(tmp_path / "run", *RUN, *more)[0].error is None
    assert len(list((tmp_path / "run/checkpoints").glob("last-*"))) == 2


def test_a_damaged_part_goes_back_to_the_state_before(two, one, uninterrupted, tmp_path, rows):
    folder = tmp_path / "run"
    stopped(
        two, folder, "trainer.strategy=fsdp", "trainer.checkpoint.sharded=true", "trainer.checkpoint.every_seconds=0"
    )
    part = max((folder / "checkpoints").glob("last-*/__1_0.distcp"))
    part.write_bytes(part.read_bytes()[:-7] + b"damaged")
    with pytest.raises(Damaged, match="its checksum does not match"):
        load(folder / "checkpoints/last.pt")
    assert 0 < load_last(folder / "checkpoints")["position"]["step"] <= 25
    (rank,) = one.train(folder, "trainer.strategy=single", resume=True)
    assert rank.error is None
    assert difference(rows(folder), uninterrupted) < TOLERANCE
