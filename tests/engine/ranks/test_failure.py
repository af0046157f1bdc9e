"""What ranks leave for each other when one of them fails, in a store that all of them see; and who ends when."""

import pytest
import torch.distributed as dist

from runner.engine.ranks import failure
from runner.engine.ranks.failure import Failures, RankFailed
from runner.errors import RunFailed


class Counted:
    """Connections that are counted when they are cut."""

    count = 0

    def cut(self):
        self.count += 1


@pytest.fixture
def of(monkeypatch):
    """The failures of a rank of three, which share a store."""
    store = dist.HashStore()
    monkeypatch.setattr(failure, "_PATIENCE", 0.1)
    return lambda rank: Failures(store, rank, 3, Counted())


LOST = RuntimeError("[gloo/transport/tcp/pair.cc:1] Connection closed by peer")


def test_the_first_cause_is_the_one_that_is_told(of):
    first, second, other = of(2), of(1), of(0)
    error, late = ValueError("no luck"), RunFailed("too late")
    assert (first.explained(error), second.explained(late)) == (error, late)
    assert (first.connections.count, second.connections.count) == (1, 1), "those who wait for them are to notice"
    told = other.explained(LOST)
    assert (str(told), told.teller, other.connections.count) == ("rank 2 failed: ValueError: no luck", 0, 1)


def test_who_hears_of_a_failure_leaves_no_cause_of_its_own(of):
    told = RankFailed("rank 2 failed: ValueError: no luck", 0)
    assert of(1).explained(told) is told
    assert not of(1).store.check(["cause"])


@pytest.mark.parametrize(
    ("left", "error", "said", "teller"),
    [
        ((0, 2), LOST, "rank 1 is gone (killed?)", 0),
        ((1, 2), RuntimeError("gloo: Timed out waiting 3000ms"), "rank 0 is gone (no answer in time)", 1),
        ((2,), LOST, "ranks 0, 1 are gone (killed?)", 2),
        ((0, 1, 2), LOST, "the ranks lost each other: [gloo", 0),
    ],
)
def test_who_does_not_answer_is_gone(left, error, said, teller, of):
    for rank in left:
        of(rank).store.set(f"left/{rank}", "1")
    told = of(left[0]).explained(error)
    assert str(told).startswith(said)
    assert told.teller == teller


def test_the_first_rank_has_the_last_word(of, monkeypatch):
    waited = []
    monkeypatch.setattr(failure.time, "sleep", lambda seconds: waited.append(seconds) or of(0).leave_last(None))
    of(1).leave_last(None)
    of(1).leave_last(RankFailed("rank 0 is gone", 1))  # nobody else is there to tell of it
    assert waited == []
    of(1).leave_last(RunFailed("no luck"))
    assert len(waited) == 1


def test_what_the_first_rank_does_first_is_waited_for_however_it_ends(of):
    from runner.engine.ranks.group import Group

    group = Group.__new__(Group)
    group.rank, group.failures = 0, of(0)

    def fail():
        raise ValueError("no such file")

    with pytest.raises(ValueError, match="no such file"):
        group.first(fail)
    assert group.failures.store.check(["done/1"])
    of(1).wait_for(1)
