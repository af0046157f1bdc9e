"""Random predictions, and the value of a metric over them in batches."""

import torch
from hypothesis import strategies as st

from runner.engine.metric import Scored
from runner.engine.spec import Spec

# Few examples for many classes, so that classes are often missing from the targets, the predictions, or both.
labels = st.integers(2, 7).flatmap(
    lambda classes: st.tuples(
        st.just(classes),
        st.lists(st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)), min_size=1, max_size=30),
    )
)


def classes(count):
    return Spec.classification((4,), count)


def columns(pairs):
    """Pairs (target, prediction) as two tensors."""
    return torch.tensor(pairs).unbind(1)


def measure(metric, spec, targets, predictions, batch=4):
    statistic = metric.statistic(spec)
    for t, p in zip(targets.split(batch), predictions.split(batch), strict=True):
        statistic.update(Scored(p, t))
    value = metric().compute(statistic.total)
    assert value.shape == ()
    return value.item()
