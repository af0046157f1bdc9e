"""The next batch is on its way to a GPU before the present one is worked with."""

from contextlib import contextmanager

import pytest
import torch

from runner.engine import prefetch
from runner.engine.batch import Batch
from runner.engine.batches import Batches
from runner.engine.prefetch import prefetched
from runner.engine.split import TensorSplit
from tests.batches import batch_of

ELSEWHERE = torch.device("meta")  # in the place of a GPU: batches are copied to it, and nothing is computed


class Gpu:
    """What `torch.cuda` is asked for, which writes down what happens in which stream."""

    Event = object

    def __init__(self):
        self.log, self.inside, self.streams = [], "work", 0

    def Stream(self, device):  # noqa: N802
        assert device == ELSEWHERE
        self.streams += 1
        return self

    @contextmanager
    def stream(self, beside):
        assert beside is self
        self.inside = "beside"
        yield
        self.inside = "work"

    def record_event(self):
        assert self.inside == "beside"
        self.log.append("copied")
        return len([entry for entry in self.log if entry == "copied"]) - 1

    def current_stream(self, device):
        assert self.inside == "work"
        return self

    def wait_event(self, event):
        self.log.append(f"wait for {event}")


@pytest.fixture
def gpu(monkeypatch):
    there = Gpu()
    monkeypatch.setattr(prefetch.torch, "cuda", there)
    monkeypatch.setattr(Batch, "pin_memory", lambda batch: there.log.append("pin") or batch)
    monkeypatch.setattr(
        torch.Tensor, "record_stream", lambda tensor, stream: there.log.append("kept until worked with")
    )
    return there


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_batch_is_copied_while_the_one_before_is_worked_with(gpu, count):
    def read():
        for number in range(count):
            gpu.log.append(f"read {number}")
            yield batch_of(torch.full((2, 3), float(number)))

    def move(batch):
        assert gpu.inside == "beside"
        gpu.log.append(f"copy {batch.inputs[0, 0]:g}")
        return batch.to(ELSEWHERE)

    found = []
    for number, batch in enumerate(prefetched(read(), move, ELSEWHERE)):
        assert batch.inputs.device == ELSEWHERE and gpu.inside == "work"
        found.append(number)
        gpu.log.append(f"work {number}")
    assert found == list(range(count))

    def coming(number):
        return [f"read {number}", "pin", f"copy {number}", "copied"]

    def working(number):
        return [f"wait for {number}", "kept until worked with", "kept until worked with", f"work {number}"]

    expected = coming(0) if count else []
    for number in range(count):
        expected += (coming(number + 1) if number + 1 < count else []) + working(number)
    assert gpu.log == expected
    assert gpu.streams == 1


def test_what_is_there_already_is_passed_on_and_no_stream_is_used(gpu):
    there = [batch_of(torch.zeros(1, device=ELSEWHERE)) for _ in range(3)]
    assert list(prefetched(there, lambda batch: batch, ELSEWHERE)) == there
    assert gpu.log == []


def test_on_a_cpu_nothing_is_read_ahead(monkeypatch):
    monkeypatch.setattr("runner.engine.batches.prefetched", None)  # which could not be called
    monkeypatch.setattr("runner.engine.split.tensors._GATHER_BYTES", 1)
    split, read = TensorSplit(torch.arange(6.0)[:, None], torch.arange(6)), []
    monkeypatch.setattr(TensorSplit, "read", lambda self, rows: read.append(1) or batch_of(torch.zeros(len(rows), 1)))
    for number, _ in enumerate(Batches(split, 2, torch.device("cpu")).updates(0)):
        assert len(read) == number + 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("channels_last", [False, True])
def test_on_a_gpu_the_values_are_those_that_were_read(channels_last):
    device = torch.device("cuda", 0)
    split = TensorSplit(torch.randn(64, 3, 32, 32), torch.arange(64))
    batches = Batches(split, 8, device, channels_last=channels_last, seed=1)
    batches.split = split  # as where the device has too little memory for all of it
    for epoch in range(3):
        for rows, (batch,) in zip(batches.order(epoch).split(8), batches.updates(epoch), strict=True):
            busy = torch.randn(2000, 2000, device=device)
            for _ in range(5):
                busy = busy @ busy / 2000
            assert torch.equal(batch.inputs.cpu(), split.read(rows).inputs)
            assert batch.targets.tolist() == rows.tolist()
