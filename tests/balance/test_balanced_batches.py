"""Every batch holds classes equally, epochs keep their length, and no example is left out for good."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.balance.balanced_batches import BalancedBatches, class_by_class
from runner.engine.batches import Batches
from tests.balance.test_oversampling import sorted_by_class


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(0, 30), min_size=2, max_size=5).filter(lambda counts: sum(c > 0 for c in counts) > 1),
    st.integers(1, 16),
    st.integers(0, 99),
)
def test_any_batch_holds_every_class_equally_to_within_one(counts, size, seed):
    of = torch.cat([torch.full((count,), number) for number, count in enumerate(counts)])
    order = class_by_class(of, torch.Generator().manual_seed(seed))
    assert len(order) == len(of)
    for batch in order.split(size):
        held = of[batch].bincount(minlength=len(counts))[torch.tensor(counts) > 0]
        assert held.max() - held.min() <= 1
    for number, count in enumerate(counts):  # one goes again only when all of its class have gone
        own = order[of[order] == number]
        assert len(own[:count].unique()) == min(count, len(own))


def test_epochs_take_other_examples_and_all_of_them_in_time():
    data = BalancedBatches()(sorted_by_class(60, 20, 4), 0)
    assert len(data.train) == 84 and data.spec.class_counts == (28, 28, 28)
    batches = Batches(data.train, 12, torch.device("cpu"), seed=3)
    epochs = [torch.cat([u[0].inputs[:, 0] for u in batches.updates(epoch)]) for epoch in range(12)]
    for update in batches.updates(0):
        assert update[0].targets.bincount().tolist() == [4, 4, 4]
    assert not torch.equal(epochs[0], epochs[1])
    assert len(torch.cat(epochs).unique()) == 84
    again = torch.cat([u[0].inputs[:, 0] for u in batches.updates(5, start=3)])
    assert torch.equal(again, epochs[5][36:])  # from where a run was stopped


def test_loss_weights_see_what_is_drawn_and_do_not_correct_twice(go):
    short = ("data=breast_cancer", "model.hidden=[4]", "trainer.max_epochs=2", "trainer.log_every=1")
    once = go(*short, "balance=balanced_batches", "loss=cross_entropy")
    twice = go(*short, "balance=balanced_batches", "loss=cross_entropy", "loss.weight=balanced", folder="twice")
    # 398 rows: 199 of each class, hence a weight of exactly 1
    assert once["val"] == twice["val"]
