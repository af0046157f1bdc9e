from collections import Counter
from math import ceil

import pytest
import torch

from runner.augmentation.permutation import Permutation, reordered
from runner.engine.batch import Batch


def test_segments_are_put_in_order_as_a_loop_does():
    torch.manual_seed(0)
    lengths, x = torch.tensor([17, 12, 3, 1, 8]), torch.randn(5, 17, 2)
    ranks, count = torch.rand(5, 5), torch.tensor([5, 3, 4, 2, 1])
    made = reordered(x, ranks, count[:, None], lengths[:, None] - 1)
    for i, (length, n) in enumerate(zip(lengths.tolist(), count.tolist(), strict=True)):
        cuts = [ceil(k * length / n) for k in range(n + 1)]
        order = sorted(range(n), key=lambda k, row=ranks[i]: float(row[k]))
        parts = [x[i, cuts[k] : cuts[k + 1]] for k in order]
        assert torch.equal(made[i], torch.cat([*parts, x[i, length:]]))


def test_every_step_stays_once_with_its_channels():
    torch.manual_seed(0)
    lengths = torch.randint(1, 31, (200,))
    x = torch.arange(200 * 30 * 2.0).view(200, 30, 2)
    changed = Permutation().on_batch(Batch(x, torch.zeros(200), {"lengths": lengths})).inputs
    behind = torch.arange(30) >= lengths[:, None]
    assert torch.equal(changed[behind], x[behind])
    assert torch.equal(changed.sort(1).values, x)
    assert torch.equal(changed[..., 1], changed[..., 0] + 1)
    assert not torch.equal(changed, x)


def test_numbers_of_segments_and_their_orders_come_alike():
    torch.manual_seed(0)
    steps = torch.arange(6.0).expand(18000, 6)[..., None]
    changed = Permutation(segments=3).on_batch(Batch(steps, torch.zeros(18000))).inputs
    counts = Counter("".join(map(str, one)) for one in changed[..., 0].int().tolist())
    orders = {"012345": 10, "345012": 3, "014523": 1, "230145": 1, "234501": 1, "450123": 1, "452301": 1}
    assert set(counts) == set(orders)
    for order, share in orders.items():  # in 18: one, two or three segments
        assert counts[order] == pytest.approx(1000 * share, rel=0.13)
