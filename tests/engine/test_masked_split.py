"""Hidden tokens: how many, which, what of them becomes; the same however examples are put together."""

import pytest
import torch

from runner.engine.spec import END, IGNORED, SPECIAL, START
from runner.engine.split import SequenceSplit, WindowSplit
from runner.engine.split.masked import MaskedSplit, uniform
from runner.engine.split.sequences import ragged

SIZE = 50
CPU = torch.device("cpu")


def texts(number=400, longest=60, seed=0):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, longest, (number,), generator=generator).tolist()
    made = [torch.randint(len(SPECIAL), SIZE, (n,), generator=generator) for n in lengths]
    return SequenceSplit(*ragged([torch.cat((torch.tensor([START]), text)) for text in made]), torch.zeros(number))


def masked(inner=None, share=0.15, anew=True, seed=7):
    return MaskedSplit(inner or texts(), SIZE, share, anew).opened(CPU, seed, 0)


def whole(split, epoch=0, size=1000):
    (batch,) = split.batches(epoch, torch.arange(len(split)), size, iter)
    return batch


def test_shares_are_those_of_bert():
    split = masked()
    batch, true = whole(split), split.inner.read(torch.arange(len(split)))
    hidden = batch.targets != IGNORED
    ordinary = true.inputs >= len(SPECIAL)
    assert hidden.sum() == batch.units
    assert (hidden & ~ordinary).sum() == 0  # neither padding nor what stands in front
    assert torch.equal(batch.targets[hidden], true.inputs[hidden])
    assert torch.equal(batch.inputs[~hidden], true.inputs[~hidden])
    assert hidden.sum() / ordinary.sum() == pytest.approx(0.15, abs=0.015)  # one at least of short ones
    told, was = batch.inputs[hidden], true.inputs[hidden]
    signs, same = (told == SIZE).float().mean(), (told == was).float().mean()
    assert signs == pytest.approx(0.8, abs=0.03)
    assert same == pytest.approx(0.1 + 0.1 / 46, abs=0.025)
    others = told[(told != SIZE) & (told != was)]
    assert len(SPECIAL) <= others.min() and others.max() < SIZE and len(others.unique()) > 30


def test_at_least_one_token_of_each_is_hidden():
    for inner in (texts(), SequenceSplit(*ragged([torch.tensor([START])] * 3), torch.zeros(3))):
        assert bool((whole(masked(inner, 0.001)).targets != IGNORED).any(1).all())


def test_what_is_hidden_does_not_depend_on_the_batch():
    split = masked()
    together = whole(split, 3)
    for rows in (torch.tensor([5]), torch.tensor([17, 5, 300])):
        (batch,) = split.batches(3, rows, 10, iter)
        for place, row in enumerate(rows):
            n = batch.more["lengths"][place]
            assert torch.equal(batch.inputs[place, :n], together.inputs[row, :n])
            assert torch.equal(batch.targets[place, :n], together.targets[row, :n])
            assert bool((batch.targets[place, n:] == IGNORED).all())


def test_learning_hides_others_in_every_epoch_and_evaluation_never():
    split = masked()
    assert torch.equal(whole(split, 1).inputs, whole(split, 1).inputs)
    assert not torch.equal(whole(split, 1).targets, whole(split, 2).targets)
    assert not torch.equal(whole(split, 1).targets, whole(masked(seed=8), 1).targets)
    fixed = masked(anew=False)
    assert torch.equal(whole(fixed, 1).targets, whole(fixed, 2).targets)
    assert torch.equal(whole(fixed, 1).targets, whole(masked(anew=False, seed=8), 1).targets)
    assert torch.equal(fixed.read(torch.arange(9)).targets, next(fixed.batches(4, torch.arange(9), 9, iter)).targets)


def test_windows_of_a_stream_are_hidden_too():
    batch = whole(masked(WindowSplit(torch.arange(4, 44).repeat(5), 20, 20)))
    assert batch.inputs.shape == (9, 20) and batch.more == {}
    hidden = batch.targets != IGNORED
    assert bool((batch.targets[hidden] >= 4).all())


def test_numbers_are_even_and_independent():
    values = uniform(3, torch.arange(500), torch.arange(200))
    assert values.min() >= 0 and values.max() < 1
    assert values.mean() == pytest.approx(0.5, abs=0.005) and values.var() == pytest.approx(1 / 12, abs=0.002)
    for other in (uniform(4, torch.arange(500), torch.arange(200)), values.roll(1, 0), values.roll(1, 1)):
        assert torch.corrcoef(torch.stack((values.flatten(), other.flatten())))[0, 1].abs() < 0.015
    assert len(SPECIAL) > END
