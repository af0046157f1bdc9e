"""What a predictor without a network would reach."""

from __future__ import annotations

import math
from typing import NamedTuple

from runner.analysis.advice.record import Record


class Baseline(NamedTuple):
    """A score of a predictor that looks at no input.

    Attributes:
        score: its plain name, such as ``loss``.
        value: what the predictor reaches on the validation part.
        best: what cannot be bettered: 0 for losses, 1 for shares.
        predictor: what it does, in words.
    """

    score: str
    value: float
    best: float
    predictor: str

    def skill(self, value: float) -> float:
        """Share of the way from the predictor (0) to the best there can be (1); below 0 is worse than it."""
        return (self.value - value) / (self.value - self.best)


def baselines(record: Record) -> list[Baseline]:
    """The trivial predictors that the record tells of; empty where it tells none, as of detection and labels."""
    found = []
    if record.values("val/r2"):
        found.append(Baseline("r2", 0.0, 1.0, "the mean of the targets"))
    if record.values("val/mase"):
        found.append(Baseline("mase", 1.0, 0.0, "the last value seen"))  # Hyndman and Koehler 2006
    size = record.observed("vocabulary")
    if record.values("val/perplexity") and type(size) is int and size > 1:
        found.append(Baseline("perplexity", float(size), 1.0, f"each of {size:,} tokens as likely"))
    train, val = record.counts("train_counts"), record.counts("val_counts")
    if train and val and len(train) == len(val) and sum(n > 0 for n in val) > 1:
        shares = [n / sum(train) for n in train]
        if plain_cross_entropy(record) and all(p > 0 for p, n in zip(shares, val, strict=True) if n):
            entropy = -sum(n * math.log(p) for p, n in zip(shares, val, strict=True) if n) / sum(val)
            found.append(Baseline("loss", entropy, 0.0, "the shares of the classes"))
        common = shares.index(max(shares))
        if val[common] < sum(val):
            name = record.class_name(common)
            found.append(Baseline("accuracy", val[common] / sum(val), 1.0, f"always {name!r}"))
    return found


def learnt(record: Record) -> tuple[Baseline, float] | None:
    """The predictor beside which the network looks best in training, and its score at the end; None where unknown."""
    told = [(base, values[-1]) for base in baselines(record) if (values := record.values(f"train/{base.score}"))]
    return max(told, key=lambda pair: pair[0].skill(pair[1])) if told else None


def plain_cross_entropy(record: Record) -> bool:
    """Whether ``val/loss`` is the mean negative log-likelihood of the true classes, in nats."""
    unweighted = record.setting("loss.weight") is None
    return record.task in ("classification", "nodes", "segmentation") and (
        record.kind("loss") == "Auto" or (record.kind("loss") == "CrossEntropy" and unweighted)
    )


def loss_scale(record: Record) -> float | None:
    """The loss of a predictor that looks at no input: what a loss is large or small beside. None where unknown."""
    entropy = next((b.value for b in baselines(record) if b.score == "loss"), None)
    if entropy is not None:
        return entropy
    sd = record.observed("targets.largest.sd")
    if (
        record.kind("loss") in ("MSE", "Auto")
        and record.task in ("regression", "forecasting", "node_regression")
        and sd
    ):
        return float(sd) ** 2
    size = record.observed("vocabulary")
    if record.task in ("tokens", "sequence") and record.kind("loss") in ("Auto", "CrossEntropy") and size:
        return math.log(size)
    return None
