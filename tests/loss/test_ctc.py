import itertools

import torch
from torch.nn import functional as F

from runner.loss.sequence.ctc import CTC


def collapse(path, blank=0):
    return [label for label, _ in itertools.groupby(path) if label != blank]


def brute_force(outputs, target):
    """``-log`` of the summed probability of all paths that collapse to the target."""
    logs = outputs.double().log_softmax(1)
    steps, classes = logs.shape
    paths = [p for p in itertools.product(range(classes), repeat=steps) if collapse(p) == target]
    each = torch.stack([sum(logs[t, c] for t, c in enumerate(path)) for path in paths])
    return -each.logsumexp(0)


def test_all_paths_are_counted():
    torch.manual_seed(0)
    outputs = torch.randn(3, 5, 3)
    targets = torch.tensor([[1, 2, 1], [1, 1, -1], [2, -1, -1]])
    expected = [brute_force(z, [i for i in t.tolist() if i >= 0]) for z, t in zip(outputs, targets)]
    expected = torch.stack([loss / n for loss, n in zip(expected, (3, 2, 1))]).mean()
    torch.testing.assert_close(CTC()(outputs, targets), expected.float())


def test_torchs_and_its_gradient():
    torch.manual_seed(0)
    outputs = torch.randn(4, 12, 6, requires_grad=True)
    lengths = torch.tensor([3, 5, 1, 4])
    targets = torch.randint(1, 6, (4, 5))
    padded = targets.masked_fill(torch.arange(5) >= lengths[:, None], -1)
    expected = F.ctc_loss(outputs.log_softmax(2).transpose(0, 1), targets, torch.full((4,), 12), lengths)
    value = CTC()(outputs, padded)
    torch.testing.assert_close(value, expected)
    (ours,) = torch.autograd.grad(value, outputs, retain_graph=True)
    (theirs,) = torch.autograd.grad(expected, outputs)
    torch.testing.assert_close(ours, theirs)


def test_a_target_that_does_not_fit_counts_nothing():
    outputs = torch.randn(1, 2, 3, requires_grad=True)
    value = CTC()(outputs, torch.tensor([[1, 2, 1]]))
    value.backward()
    assert float(value.detach()) == 0.0
    assert outputs.grad.isfinite().all()


def test_the_best_path_collapses():
    torch.manual_seed(0)
    outputs = torch.randn(20, 7, 3)
    for labels, scores in zip(CTC().predict(outputs), outputs):
        expected = collapse(scores.argmax(1).tolist())
        assert labels.tolist() == expected + [-1] * (7 - len(expected))
