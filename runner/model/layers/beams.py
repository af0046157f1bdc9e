"""Beam search: the best answer among several that are followed at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from runner.engine.spec import END, PADDING, START

NEVER = torch.finfo(torch.float32).min


def length_penalty(length: int, alpha: float) -> float:
    """``((5 + length) / 6)^alpha``, by which the logarithm of an answer's probability is divided.

    Source: Wu et al. 2016, "Google's Neural Machine Translation System", equation 14.
    """
    penalty: float = ((5 + length) / 6) ** alpha
    return penalty


def beam_search(
    step: Callable[[Tensor, Tensor | None], Tensor],
    examples: int,
    beams: int,
    longest: int,
    alpha: float,
    device: torch.device,
) -> Tensor:
    """Answers of the highest score found: ``log P(answer) / length_penalty``, where the end counts as a token.

    At each step every answer that is followed goes on with every token. Of the `beams` most probable, those that end
    are remembered, the best of each example; the `beams` most probable that do not are followed. It ends when none of
    these has, at its present length, a better score than the one remembered, or at `longest` tokens, where what has not
    ended counts as it is. With one beam it is the most probable token each time; with `alpha` 0 and as many beams as
    there are answers it is exhaustive. Waits for the device at every step.

    Args:
        step: the logarithms of the probabilities of the next tokens ``(examples * beams, vocabulary)``, of the tokens
            told last ``(examples * beams, 1)`` and of which earlier rows they go on from (None at first: their own).
        examples: N.
        beams: answers of each that are followed.
        longest: tokens of an answer, at most.
        alpha: see `length_penalty`.
        device: where the network is.

    Returns:
        Tokens ``(N, steps)``, `END` and `PADDING` behind those of each.
    """
    rows = torch.arange(examples, device=device)[:, None]
    scores = torch.full((examples, beams), -torch.inf, device=device)
    scores[:, 0] = 0.0  # all beams are the same at first
    told = torch.full((examples, beams, 1), START, device=device)
    best = torch.full((examples,), -torch.inf, device=device)
    found = torch.full((examples, longest), PADDING, device=device)
    lengths = torch.full_like(rows[:, 0], longest)
    taken = None
    for length in range(1, longest + 1):
        chances = step(told[:, :, -1].reshape(-1, 1), taken).view(examples, beams, -1)
        totals = (scores[:, :, None] + chances).flatten(1)
        totals, place = totals.topk(min(2 * beams, totals.shape[1]))
        origin, tokens = place // chances.shape[2], place % chances.shape[2]
        told = torch.cat((told[rows, origin], tokens[..., None]), 2)
        penalty, ends = length_penalty(length, alpha), tokens == END
        ended, which = (totals[:, :beams] / penalty).masked_fill(~ends[:, :beams], -torch.inf).max(1)
        better = ended > best
        best, lengths = ended.where(better, best), lengths.masked_fill(better, length)
        found[:, :length] = told[rows[:, 0], which, 1:].where(better[:, None], found[:, :length])
        scores, kept = totals.masked_fill(ends, -torch.inf).topk(beams)
        told, origin = told[rows, kept], origin.gather(1, kept)
        taken = (rows * beams + origin).flatten()
        leading = scores[:, 0] / penalty
        if bool((leading <= best).all()):
            break
    else:
        longer = leading > best
        found, lengths = told[:, 0, 1:].where(longer[:, None], found), lengths.masked_fill(longer, longest)
    inside = torch.arange(longest, device=device) < lengths[:, None]
    return found.masked_fill(~inside, PADDING)[:, : int(lengths.max())]


def in_front(answers: Tensor) -> Tensor:
    """The token in front of each of answers ``(N, S)``: `START`, and all but the last."""
    return torch.cat((torch.full_like(answers[:, :1], START), answers[:, :-1]), 1)


def marked(outputs: Tensor, answers: Tensor) -> Tensor:
    """Logits whose most probable token is that of the answer, with its probability; all others share the rest.

    Where it is not above 1 / vocabulary, it is told as a little above.

    Args:
        outputs: logits ``(N, S, vocabulary)``.
        answers: tokens ``(N, S)``.
    """
    size = outputs.shape[-1]
    own = outputs.float().softmax(-1).gather(-1, answers[..., None]).clamp(1.001 / size, 1 - 1e-6)
    rest = ((1 - own) / (size - 1)).log().expand_as(outputs)
    return rest.scatter(-1, answers[..., None], own.log())
