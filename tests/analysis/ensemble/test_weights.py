"""Weights are those of the convex problems that the docstrings state."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import VotingClassifier
from sklearn.preprocessing import LabelEncoder

from runner.analysis.ensemble.weights import evidence, log_loss_weights, squared_error_weights
from runner.engine.spec import IGNORED, Field, Spec
from runner.task import task_named

seeds, sizes = st.integers(0, 2**31), st.integers(1, 6)


def expectation_maximization(p, steps=20_000):
    """Mixture weights by an algorithm of another kind (Dempster, Laird and Rubin 1977)."""
    w = np.full(len(p), 1 / len(p))
    for _ in range(steps):
        shares = w[:, None] * p
        w = (shares / shares.sum(0)).mean(1)
    return w


def test_mixture_weights_are_those_of_expectation_maximization():
    draw = np.random.default_rng(0)
    p = draw.beta([[2.0], [3.0], [1.0]], [[2.0], [2.0], [2.0]], (3, 400))
    assert log_loss_weights(p) == pytest.approx(expectation_maximization(p), abs=1e-3)


def test_squared_error_weights_by_the_closed_form():
    """Errors without correlation weigh by their inverse variance, where no bound is met."""
    draw = np.random.default_rng(0)
    errors = np.linalg.qr(draw.normal(size=(1000, 3)))[0].T * np.array([[1.0], [2.0], [0.5]])
    inverse = 1 / np.array([1.0, 4.0, 0.25])
    assert squared_error_weights(errors) == pytest.approx(inverse / inverse.sum(), abs=1e-6)


@given(seeds, sizes, st.integers(1, 50), st.booleans())
def test_weights_are_shares_and_never_worse_than_any_member(seed, members, units, certain):
    draw = np.random.default_rng(seed)
    p = draw.integers(0, 2, (members, units)).astype(float) if certain else draw.random((members, units))
    w = log_loss_weights(p)
    loss = lambda w: -np.log(np.maximum(w @ np.maximum(p, 1e-300), 1e-300)).mean()  # noqa: E731
    assert w.min() >= 0
    assert w.sum() == pytest.approx(1)
    assert loss(w) <= min(loss(one) for one in np.eye(members)) + 1e-9
    errors = draw.normal(size=(members, units)) * draw.exponential(size=(members, 1))
    w = squared_error_weights(errors)
    assert w.min() >= 0
    assert w.sum() == pytest.approx(1)
    assert ((w @ errors) ** 2).mean() <= (errors**2).mean(1).min() + 1e-9


def test_where_the_solver_finds_nothing_it_is_the_best_member(monkeypatch):
    monkeypatch.setattr("scipy.optimize.minimize", lambda *_, **__: SimpleNamespace(x=np.full(3, np.nan)))
    p = np.array([[0.9, 0.8], [0.1, 0.2], [0.2, 0.1]])
    assert log_loss_weights(p).tolist() == [1, 0, 0]


@pytest.mark.parametrize("kind", ["mask", "tokens"])
def test_what_is_not_scored_is_no_evidence(kind):
    shares = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))  # classes behind the examples
    targets = torch.arange(40).view(2, 4, 5) % 3
    targets[0, 0], targets[1, 3, 2] = IGNORED, IGNORED
    task = SimpleNamespace(
        spec=SimpleNamespace(targets=SimpleNamespace(kind=kind)),
        probabilities=lambda outputs: outputs.movedim(1, -1) if kind == "tokens" else outputs,
    )
    expected = [
        float(shares[n, targets[n, y, x], y, x])
        for n in range(2) for y in range(4) for x in range(5) if targets[n, y, x] != IGNORED
    ]  # fmt: skip
    assert evidence(task, shares, targets).tolist() == pytest.approx(expected)
    assert len(expected) == 40 - 5 - 1


class Fitted:
    """An estimator of sklearn's that tells what it was given."""

    def __init__(self, shares):
        self.shares = shares

    def predict_proba(self, x):
        return self.shares

    def predict(self, x):
        return self.shares.argmax(1)


@given(seeds, sizes, st.integers(2, 4), st.booleans())
def test_averages_and_votes_are_those_of_sklearns_voting_classifier(seed, members, classes, weighted):
    draw = np.random.default_rng(seed)
    logits = torch.tensor(draw.normal(size=(members, 20, classes)) * 3)
    weights = draw.dirichlet(np.ones(members)) if weighted else np.full(members, 1 / members)
    task = task_named("classification")(Spec("classification", None, Field("class", (), classes)), "softmax")
    fitted = [Fitted(task.probabilities(one).numpy()) for one in logits]
    for voting in ("soft", "hard"):
        theirs = VotingClassifier([(str(n), one) for n, one in enumerate(fitted)], voting=voting, weights=weights)
        theirs.estimators_, theirs.le_ = fitted, LabelEncoder().fit(range(classes))
        ours = task.combine if voting == "soft" else task.vote
        outputs = ours(logits, torch.tensor(weights))
        assert task.predict(outputs).tolist() == theirs.predict(np.zeros((20, 1))).tolist()
        if voting == "soft":
            assert task.probabilities(outputs).numpy() == pytest.approx(
                theirs.predict_proba(np.zeros((20, 1))), abs=1e-9
            )


@pytest.mark.parametrize(
    ("link", "width"), [("softmax", 3), ("sigmoid", 1), ("sigmoid", 3), ("log", 3), ("identity", 3)]
)
def test_outputs_of_every_link_stand_for_the_weighted_mean(link, width):
    outputs = torch.randn(4, 10, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    outputs = outputs.log_softmax(2) if link == "log" else outputs.softmax(2) if link == "identity" else outputs
    classes = max(2, width)
    task = task_named("classification")(Spec("classification", None, Field("class", (), classes)), link)
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    if (link, width) != ("sigmoid", 3):  # whose answers are scaled to the sum 1 after they are averaged
        each = torch.stack([task.probabilities(one) for one in outputs])
        wanted = torch.tensordot(weights, each, 1)
        assert task.probabilities(task.combine(outputs, weights)).numpy() == pytest.approx(wanted.numpy(), abs=1e-9)
    same = task.probabilities(task.combine(outputs, torch.full((4,), 0.25, dtype=torch.float64)))
    assert same.numpy() == pytest.approx(task.probabilities(task.combine(outputs)).numpy(), abs=1e-9)
    shares = task.probabilities(task.vote(outputs, weights))
    votes = torch.stack([task.predict(one) for one in outputs])
    wanted = torch.stack([(weights[:, None] * (votes == c)).sum(0) for c in range(classes)], 1)
    assert shares.numpy() == pytest.approx(wanted.numpy(), abs=1e-9)


def test_values_of_several_steps_and_series_change_their_units():
    def task(mean, std):
        return task_named("forecasting")(Spec("forecasting", None, Field("values", (3, 2), mean=mean, std=std)))

    one, other, plain = task((1.0, 5.0), (2.0, 4.0)), task((0.0, 3.0), (1.0, 8.0)), task((), ())
    values = torch.arange(12.0, dtype=torch.float64).view(2, 6)
    told = values.view(2, 3, 2) * torch.tensor([2.0, 4.0]) + torch.tensor([1.0, 5.0])
    assert torch.equal(one.in_units_of(plain, values).view(2, 3, 2), told)
    wanted = (told - torch.tensor([0.0, 3.0])) / torch.tensor([1.0, 8.0])
    assert torch.equal(one.in_units_of(other, values).view(2, 3, 2), wanted)
    assert torch.equal(one.in_units_of(other, values.view(2, 3, 2)), wanted)
    assert one.in_units_of(one, values) is values
