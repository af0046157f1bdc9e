"""How the next token is drawn from what a network says of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from runner.errors import ConfigError


@dataclass(frozen=True)
class Sampling:
    """What is made of the logits before a token is drawn, in this order.

    Attributes:
        repetition_penalty: θ of `penalized`, at least 1; 1 changes nothing.
        temperature: logits are divided by it, at least 0; 0 takes the most probable token.
        top_k: only so many of the most probable tokens are drawn from; None: all.
        top_p: only the most probable ones that have this share of the probability together are drawn from, in (0, 1];
            None: all.

    Raises:
        ConfigError: a value is out of its range.
    """

    repetition_penalty: float = 1.0
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        for name, fits, expected in (
            ("repetition_penalty", 1 <= self.repetition_penalty < float("inf"), "a number of at least 1"),
            ("temperature", 0 <= self.temperature < float("inf"), "a number of at least 0"),
            ("top_k", self.top_k is None or self.top_k >= 1, "a whole number of at least 1"),
            ("top_p", self.top_p is None or 0 < self.top_p <= 1, "a number above 0 and at most 1"),
        ):
            if not fits:
                flag = name.replace("_", "-")
                raise ConfigError(f"--{flag} {getattr(self, name)}: expected {expected}.")

    def probabilities(self, logits: Tensor, told: Collection[int], never: Collection[int] = ()) -> Tensor:
        """The probability of every entry of the vocabulary ``(V,)`` float64.

        Args:
            logits: what the network says ``(V,)``.
            told: tokens that were read or told, for the penalty.
            never: tokens that are not drawn.
        """
        logits = logits.double()
        if self.repetition_penalty != 1:
            logits = penalized(logits, told, self.repetition_penalty)
        logits = logits.index_fill(0, torch.tensor(list(never), dtype=torch.int64), -torch.inf)
        if self.temperature == 0:
            return torch.zeros_like(logits).index_fill_(0, logits.argmax(), 1.0)
        logits = (logits - logits.max()) / self.temperature  # the largest is 0, however small the temperature
        if self.top_k is not None:
            logits = most_probable(logits, self.top_k)
        if self.top_p is not None:
            logits = nucleus(logits, self.top_p)
        return logits.softmax(-1)


def penalized(logits: Tensor, told: Collection[int], penalty: float) -> Tensor:
    """Logits ``(V,)`` in which those of `told` tokens are divided by `penalty` where above 0, else multiplied by it.

    None falls below the least number there is, so that something is left to draw from.

    Source: Keskar et al. 2019, "CTRL: A Conditional Transformer Language Model for Controllable Generation", section
    4.1; for logits below 0, which the division there would raise, as in the transformers library.
    """
    logits, rows = logits.clone(), list(told)
    changed = torch.where(logits[rows] > 0, logits[rows] / penalty, logits[rows] * penalty)
    logits[rows] = changed.clamp(min=torch.finfo(logits.dtype).min)
    return logits


def most_probable(logits: Tensor, k: int) -> Tensor:
    """Logits ``(V,)`` but for the `k` largest ``-inf``.

    Source: Fan et al. 2018, "Hierarchical Neural Story Generation", section 5.4.
    """
    kept = logits.topk(min(k, len(logits))).indices
    return torch.full_like(logits, -torch.inf).index_copy_(0, kept, logits[kept])


def nucleus(logits: Tensor, p: float) -> Tensor:
    """Logits ``(V,)`` but for the fewest largest whose probabilities reach `p` together ``-inf``.

    Source: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", equation 3.
    """
    chances, order = logits.softmax(-1).sort(descending=True, stable=True)
    kept = order[chances.cumsum(0) - chances < p]
    return torch.full_like(logits, -torch.inf).index_copy_(0, kept, logits[kept])


def draw(probabilities: Tensor, generator: torch.Generator) -> int:
    """A token ``(V,)``: the first up to which the probabilities add up to more than one uniform number."""
    reached = probabilities.cumsum(0)
    wanted = torch.rand((), dtype=torch.float64, generator=generator) * reached[-1]
    return int((reached > wanted).long().argmax())
