"""What each rank takes of a batch, what statistics make of the parts, and what reads a state in parts."""

import pickle

import pytest
import torch

from runner.engine.batches import Batches
from runner.engine.ranks import parts
from runner.engine.ranks.base import Ranks
from runner.engine.ranks.connections import Connections
from runner.engine.split import TensorSplit
from runner.errors import ConfigError
from runner.launched import launched, local_rank, rank, world, wrong_launch


class OneOf(Ranks):
    def __init__(self, rank, world):
        self.rank, self.world = rank, world


def batches(size, batch_size, ranks=None, **more):
    split = TensorSplit(torch.arange(size)[:, None].float(), torch.arange(size))
    return Batches(split, batch_size, torch.device("cpu"), ranks=ranks, seed=3, **more)


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize(("size", "batch_size"), [(24, 8), (25, 8), (27, 8), (31, 8), (30, 7), (5, 5), (10, 4)])
def test_shares_make_up_every_batch_in_its_order(count, size, batch_size):
    whole = [update[0].targets for update in batches(size, batch_size).updates(1)]
    each = [[u[0] for u in batches(size, batch_size, OneOf(number, count)).updates(1)] for number in range(count)]
    for number, batch in enumerate(whole):
        shares = [own[number] for own in each]
        if len(batch) < count:
            assert all(share.repeated and torch.equal(share.targets, batch) for share in shares)
            continue
        assert not any(share.repeated for share in shares)
        assert all(torch.equal(share.targets, batch[n::count]) for n, share in enumerate(shares))
        assert max(map(len, (s.targets for s in shares))) - min(map(len, (s.targets for s in shares))) <= 1


def test_accumulated_updates_and_evaluation_are_shared_too():
    whole = [[batch.targets for batch in update] for update in batches(21, 4, accumulate=2).updates(0, start=1)]
    own = [[b.targets for b in u] for u in batches(21, 4, OneOf(1, 2), accumulate=2).updates(0, start=1)]
    assert [[len(b) for b in u] for u in whole] == [[4, 4], [4, 1]] and [[len(b) for b in u] for u in own] == [
        [2, 2],
        [2, 1],
    ]
    assert all(torch.equal(a[1::2], b) for a, b in zip(whole[0], own[0]))
    seen = torch.cat([b.targets for n in (0, 1) for b in batches(22, 4, OneOf(n, 2)).in_order()])
    assert sorted(seen.tolist()) == list(range(22))


def test_a_batch_has_at_least_an_example_for_each_rank():
    with pytest.raises(ConfigError, match=r"data.batch_size=3: is of the whole run, and 4 processes share it"):
        batches(24, 3, OneOf(0, 4))


def test_every_statistic_of_parts_is_that_of_the_whole():
    from runner.engine.metric import Scored
    from runner.engine.spec import Spec
    from runner.metric.statistic.confusion import ConfusionMatrix
    from runner.metric.statistic.kept import KeptScores

    generator = torch.Generator().manual_seed(0)
    p = torch.rand(50, 3, generator=generator).softmax(1)
    truth = torch.randint(3, (50,), generator=generator)
    for make in (ConfusionMatrix, KeptScores, type("Counted", (KeptScores,), {"limit": 100})):
        each = [make(Spec.classification((4,), 3)) for _ in range(3)]
        for statistic, rows in zip(each, (slice(0, 50), slice(0, 3), slice(3, 50))):
            statistic.update(Scored(p[rows].argmax(1), truth[rows], p[rows]))
        totals = [each[1].total, each[2].total]
        assert torch.equal(each[0].merged(totals), each[0].total)
        assert torch.equal(each[0].merged(totals[:1]), totals[0]) and each[0].merged([]) is None


def test_a_table_of_contents_that_names_something_else_is_not_read(tmp_path):
    content = {
        "model": {"w": torch.ones(2)},
        "optimizer": {"state": {0: {"m": torch.zeros(2)}}, "lr": 0.1},
        "more": [1],
    }
    with pytest.warns(UserWarning, match="save in a single process"):
        told, sums = parts.write(tmp_path / "last-1", content, rank=0)
    assert told == {"model": {"w": None}, "optimizer": {"state": {0: {"m": None}}, "lr": 0.1}, "more": [1]}
    again = parts.read(tmp_path / "last-1", told, sums)
    assert torch.equal(again["model"]["w"], torch.ones(2)) and torch.equal(
        again["optimizer"]["state"][0]["m"], torch.zeros(2)
    )
    witness = tmp_path / "witness"
    table = tmp_path / "last-1" / ".metadata"

    class Evil:
        def __reduce__(self):
            return open, (str(witness), "w")

    table.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ValueError, match="checksum"):
        parts.read(tmp_path / "last-1", told, sums)
    with pytest.raises(ValueError, match=r"io\.open is no part of a checkpoint"):
        parts.read(tmp_path / "last-1", told, {})
    assert not witness.exists()
    for name in ("load", "compile"):  # of torch itself a table names types of numbers alone
        table.write_bytes(f"ctorch\n{name}\n.".encode())
        with pytest.raises(ValueError, match=rf"torch\.{name} is no part of a checkpoint"):
            parts.read(tmp_path / "last-1", told, {})
    (tmp_path / "secret").touch()
    with pytest.raises(FileNotFoundError, match="last-1/secret"):  # whatever the state says, it looks nowhere else
        parts.read(tmp_path / "last-1", told, {"../secret": "0"})


def test_connections_are_cut_but_for_those_from_before_and_the_stores():
    import socket

    def pair():
        server = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(server.getsockname())
        return client, server.accept()[0], server

    before = pair()
    store_port = before[2].getsockname()[1]
    connections = Connections(0)
    after, local = pair(), socket.socketpair()
    connections.cut()
    local[0].sendall(b"z")
    assert local[1].recv(1) == b"z"
    after[1].settimeout(5)
    assert after[1].recv(1) == b""  # the other end hears that nobody is here
    before[0].sendall(b"x")
    assert before[1].recv(1) == b"x"
    kept = Connections(store_port)
    kept.before = set()
    kept.cut()
    before[0].sendall(b"y")
    assert before[1].recv(1) == b"y"
    for sockets in (before, after, local):
        for one in sockets:
            one.close()


def test_one_of_several_is_who_a_launcher_says(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert (launched(), rank(), world(), local_rank()) == (False, 0, 1, 0)
    monkeypatch.setenv("WORLD_SIZE", "4")  # as some set it for themselves
    assert (launched(), world(), wrong_launch()) == (False, 1, None)
    for name, value in (("RANK", "3"), ("LOCAL_RANK", "1"), ("MASTER_ADDR", "node0"), ("MASTER_PORT", "29500")):
        monkeypatch.setenv(name, value)
    assert (launched(), rank(), world(), local_rank()) == (True, 3, 4, 1)
    assert wrong_launch() is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("RANK", "first", "RANK=first in the environment: expected the number of this process, from 0."),
        ("RANK", "4", "RANK=4 in the environment: expected less than WORLD_SIZE=4."),
        ("RANK", "-1", "RANK=-1 in the environment"),
        ("WORLD_SIZE", "abc", "WORLD_SIZE=abc in the environment"),
        ("WORLD_SIZE", "0", "WORLD_SIZE=0 in the environment"),
        ("LOCAL_RANK", "x", "LOCAL_RANK=x in the environment"),
        ("MASTER_PORT", "x", "MASTER_PORT=x in the environment: expected a port from 1 to 65535."),
        ("MASTER_PORT", "70000", "MASTER_PORT=70000 in the environment"),
        ("MASTER_PORT", "", "RANK=3 and WORLD_SIZE=4 are set in the environment, and MASTER_PORT must be too"),
    ],
)
def test_what_no_launcher_says_is_refused_in_one_sentence(monkeypatch, capsys, name, value, said):
    """Processes that take themselves for single ones would each train and save a run of their own."""
    from runner.cli import verbs

    class Left(Exception):
        pass

    def leave(code):
        raise Left(code)

    whole = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "node0", "MASTER_PORT": "29500"}
    for key, given in (whole | {name: value}).items():
        monkeypatch.setenv(key, given)
    monkeypatch.setattr(verbs, "_leave", leave)
    with pytest.raises(Left, match="2"):
        verbs.main()
    assert capsys.readouterr().err.startswith(f"error: {said}")


def test_the_strategy_goes_with_how_a_process_was_started(monkeypatch):
    from types import SimpleNamespace

    from runner.engine.ranks import chosen

    def strategy(name):
        return chosen(SimpleNamespace(strategy=name))

    for name, value in (("RANK", "0"), ("WORLD_SIZE", "1"), ("MASTER_ADDR", "node0"), ("MASTER_PORT", "29500")):
        monkeypatch.setenv(name, value)
    assert [strategy(name) for name in ("auto", "single", "ddp", "fsdp", "dp")] == ["single"] * 4 + ["dp"]
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert [strategy(name) for name in ("auto", "ddp", "fsdp")] == ["ddp", "ddp", "fsdp"]
    for name in ("single", "dp"):
        with pytest.raises(ConfigError, match=f"trainer.strategy={name}: is of one process, and 2 were started"):
            strategy(name)


@pytest.mark.parametrize(("contiguous", "listed", "why"), [(True, True, "go on where"), (False, False, "come as they")])
def test_data_that_can_not_be_shared_are_refused(contiguous, listed, why):
    from types import SimpleNamespace

    from runner.run.together import check_parts

    data = SimpleNamespace(parts={"train": SimpleNamespace(contiguous=contiguous, listed=listed)})
    check_parts(data, OneOf(0, 1))
    with pytest.raises(ConfigError, match=f"not with these data: batches of train {why}"):
        check_parts(data, OneOf(0, 2))


def test_every_rank_draws_something_else_in_the_same_update():
    from runner.engine.fit import Fit
    from runner.engine.state import TrainState

    seeds = []
    for number in range(4):
        fit = Fit.__new__(Fit)
        fit.state, fit.ranks = TrainState(3), OneOf(number, 4)
        seeds.append(fit.step_seed())
    assert len(set(seeds)) == 4
    assert seeds[0] == TrainState(3).step_seed(), "the first draws what one process draws"


def test_a_clock_that_said_it_is_time_is_heard_once():
    from runner.engine.ranks.group import Group

    group = Group.__new__(Group)
    group.heard, group.due = "SIGINT", True
    assert (group.is_due(), group.is_due(), group.interrupted()) == (True, False, "SIGINT")
    group.due = True
    group.attend(None, None)  # the next run of these processes
    assert (group.is_due(), group.interrupted()) == (False, None)
