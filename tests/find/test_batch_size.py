"""The batch-size finder: which sizes it tries, when it ends, what it suggests, and that nothing is changed."""

from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch

from runner.engine.loop import Saver
from runner.errors import ConfigError
from runner.find import batch_size
from runner.find.batch_size import Search, Speed, find_batch_size, search
from runner.find.trial import kept, trial
from runner.run import compose
from tests.faults.kill_resume import same

OVERRIDES = ["trainer.threads=1", "model.hidden=[8]", "data=iris", "model.norm=batch"]


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(batch_size, "AT_LEAST", 0.01)


def test_sizes_double_up_to_the_data_and_nothing_is_changed():
    with trial(compose([*OVERRIDES, "trainer.accumulate=2"])) as tried:
        before, train = deepcopy(Saver(tried.fit).content()), tried.fit.train
        with kept(tried.fit):
            found = search(tried, 4, 60)
        examples = len(tried.data.train)
        assert same(before, Saver(tried.fit).content()) == []
        assert tried.fit.train is train
    assert [speed.batch_size for speed in found.speeds] == [4, 8, 16, 32, 64]
    assert found.end == f"there are {examples} training examples"
    for speed in found.speeds:
        parts = min(2, examples // speed.batch_size)  # an update is made of so many
        assert speed.samples_per_second * speed.seconds == pytest.approx(parts * speed.batch_size, rel=0.51)


def test_throughput_is_that_of_the_loop(monkeypatch):
    """A step that moves the clock has a known speed, on a machine however busy."""
    from runner.engine.step import Step
    from runner.find import batch_size

    clock = [0.0]
    monkeypatch.setattr(batch_size, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    monkeypatch.setattr(Step, "apply", lambda self, want_norm: clock.__setitem__(0, clock[0] + 0.02))
    found = find_batch_size(compose([*OVERRIDES]), start=32)
    assert found.speeds[0].seconds == pytest.approx(0.02)
    assert found.speeds[0].samples_per_second == pytest.approx(32 / 0.02)
    assert found.suggestion() == 64


def test_the_suggestion_is_the_smallest_fast_one():
    speeds = [Speed(size, speed, 0.0, None) for size, speed in [(8, 100), (16, 190), (32, 285), (64, 300), (128, 310)]]
    assert Search(speeds).suggestion() == 32
    assert Search().suggestion() is None


def test_ends_when_the_time_is_up():
    found = find_batch_size(compose(OVERRIDES), start=2, seconds=1e-6)
    assert len(found.speeds) == 1
    assert found.end.startswith("the time is up")


def test_ends_where_memory_does(monkeypatch):
    """A device's refusal is real: the allocation of more bytes than any machine has."""
    with trial(compose(OVERRIDES)) as tried:
        forward = tried.fit.network.forward

        def greedy(inputs):
            return forward(inputs) if len(inputs) < 16 else torch.empty(2**60, dtype=torch.uint8)

        monkeypatch.setattr(tried.fit.network, "forward", greedy)
        with kept(tried.fit):
            found = search(tried, 4, 60)
    assert [speed.batch_size for speed in found.speeds] == [4, 8]
    assert found.end == "16 does not fit into memory"


def test_a_host_is_not_asked_for_more_than_it_has():
    steps = [Speed(8, 1.0, 1.0, 2**30), Speed(16, 1.0, 1.0, 2**30 + 2**20)]
    assert batch_size._fits(steps)
    assert not batch_size._fits([steps[0], Speed(16, 1.0, 1.0, 2**60)])
    assert batch_size._fits([])


def test_on_the_command_line(command):
    code, out, error = command("find-batch-size", *OVERRIDES, "--start=16", "--seconds", "20")
    assert (code, error) == (0, "")
    lines = out.splitlines()
    assert lines[0].split()[:2] == ["batch", "size"]
    assert [line.split()[0] for line in lines[1:4]] == ["16", "32", "64"]
    assert command("check", lines[-1])[0] == 0
    assert lines[-1].startswith("data.batch_size=")


def test_wrong_bounds():
    with pytest.raises(ConfigError, match="size of at least 1"):
        find_batch_size(compose(OVERRIDES), start=0)
