import torch

from runner.augmentation.time_shift import TimeShift, shift_in_time
from tests.batches import batch_of


def test_moves_and_leaves_silence():
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0]] * 4)
    moved = shift_in_time(x, torch.tensor([0, 1, -2, 9]))
    assert moved.tolist() == [[1, 2, 3, 4], [0, 1, 2, 3], [3, 4, 0, 0], [0, 0, 0, 0]]


def test_every_shift_up_to_the_limit_comes_alike():
    torch.manual_seed(0)
    kept = torch.zeros(6000, 20, dtype=torch.int16)
    kept[:, 10] = 16384
    batch = TimeShift(limit=0.2).on_batch(batch_of(torch.arange(6000), kept))
    assert batch.inputs.max() == 0.5
    places = batch.inputs.argmax(1) - 10
    counts = torch.bincount(places + 4, minlength=9)
    assert len(counts) == 9
    assert counts.float().std() < 0.1 * counts.float().mean()
    assert kept[:, 10].unique().tolist() == [16384]


def test_more_than_the_clip_is_never_moved():
    x = torch.rand(50, 7)
    assert torch.equal(TimeShift(limit=0.0).on_batch(batch_of(torch.zeros(50), x)).inputs, x)
    assert TimeShift(limit=1.0).on_batch(batch_of(torch.zeros(50), x)).inputs.shape == x.shape
