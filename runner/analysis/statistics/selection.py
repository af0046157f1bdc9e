"""The winner of a search: its score there is the best of many by luck too, and says nothing of what it is worth."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass

from runner.analysis.statistics.evidence import Direction, Scores
from runner.analysis.statistics.spread import Spread


@dataclass(frozen=True)
class Confirmation:
    """A winner, run again on seeds that its search never saw.

    Attributes:
        found: its score in the search.
        fresh: its scores on fresh seeds, the only ones that may be compared or published.
        overstated: by how much the search flattered it, in the score's unit; below 0 where the fresh runs are better.
            None where no fresh run completed.
    """

    found: float
    fresh: Spread
    overstated: float | None


def confirm(found: float, searched: Collection[Hashable], fresh: Scores, direction: Direction) -> Confirmation:
    """What the search overstated.

    Args:
        found: the winner's score in the search; where it is a mean over repeats, that mean.
        searched: all seeds that the search used, of whichever trial.
        fresh: the winner's runs by seed.
        direction: whether a smaller or a larger score is better.

    Raises:
        ValueError: a fresh seed is one of the search.
    """
    if seen := [seed for seed in fresh if seed in searched]:
        raise ValueError(f"Fresh runs need seeds that the search never used. Received: {', '.join(map(str, seen))}.")
    spread = Spread.of(fresh.values())
    if spread.mean is None:
        return Confirmation(found, spread, None)
    return Confirmation(found, spread, found - spread.mean if direction == "max" else spread.mean - found)


def by_study(fresh: Mapping[tuple[Hashable, Hashable], float | None]) -> dict[Hashable, float | None]:
    """One score for each study: the mean over the fresh runs of its winner.

    Where arms are tuned by several independent studies, these are what can be compared: a study that happened to find
    good settings is good on every fresh seed, so that its runs together are one proof and not several.

    Args:
        fresh: scores by study and seed.

    Returns:
        A score by study; None where one of its runs failed.
    """
    studies: dict[Hashable, list[float]] = {}
    for (study, _), score in fresh.items():
        studies.setdefault(study, []).append(math.nan if score is None else score)
    return {study: sum(s) / len(s) if all(map(math.isfinite, s)) else None for study, s in studies.items()}
