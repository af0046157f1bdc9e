"""What the runs of an arm and of the baseline say, before it is judged."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from runner.analysis.statistics import FEWEST
from runner.analysis.statistics.difference import Array, Difference, paired, unpaired
from runner.analysis.statistics.spread import Spread

Scores = Mapping[Hashable, float | None]
"""The runs of an arm: a score by seed (or by fold and seed, ...); None, NaN or an infinity where the run failed."""

Direction = Literal["min", "max"]


@dataclass(frozen=True)
class Evidence:
    """The runs of an arm beside those of the baseline.

    Attributes:
        arm: name of the arm.
        baseline: name of the baseline.
        scores: of the arm's runs; where runs are paired, of those that have a partner.
        baseline_scores: of the baseline's, likewise.
        completed: difference of the runs that completed; None without any.
        punished: difference where each failed run has the worst score of both arms, since those that completed may have
            had the easy seeds (Lachin 1999, "Worst-rank score analysis with informatively missing observations in
            clinical trials"); None without any.
        p_failures: two-sided p of failing equally often (Fisher's exact test).
        wins: how often a run of the arm beat one of the baseline, ties half; None without any.
    """

    arm: str
    baseline: str
    scores: Spread
    baseline_scores: Spread
    completed: Difference | None
    punished: Difference | None
    p_failures: float
    wins: float | None

    @property
    def enough(self) -> bool:
        """Whether there are runs for a verdict."""
        return self.completed is not None and self.completed.n >= FEWEST


def gather(
    arms: Mapping[str, Scores], arm: str, direction: Direction, pairs: bool = True, test_to_train: float = 0.0
) -> Evidence:
    """The runs of an arm beside those of the first one, the baseline; arguments as of `compare`."""
    baseline = next(iter(arms))
    ours, theirs = arms[arm], arms[baseline]
    keys = [key for key in theirs if key in ours]
    a = _array(ours[key] for key in keys) if pairs else _array(ours.values())
    b = _array(theirs[key] for key in keys) if pairs else _array(theirs.values())
    whole_a, whole_b = np.isfinite(a), np.isfinite(b)
    higher_a, higher_b = (np.where(np.isfinite(x), x if direction == "max" else -x, -np.inf) for x in (a, b))
    known = np.concatenate([a[whole_a], b[whole_b]])
    worst = (known.min() if direction == "max" else known.max()) if known.size else np.nan
    hard_a, hard_b = np.where(whole_a, a, worst), np.where(whole_b, b, worst)
    if pairs:
        both, either = whole_a & whole_b, whole_a | whole_b
        completed = paired(a[both], b[both], test_to_train)
        punished = completed if (both == either).all() else paired(hard_a[either], hard_b[either], test_to_train)
    else:
        higher_a = higher_a[:, None]
        completed = unpaired(a[whole_a], b[whole_b])
        punished = completed if known.size in (0, a.size + b.size) else unpaired(hard_a, hard_b)
    won = (higher_a > higher_b) + 0.5 * (higher_a == higher_b)
    return Evidence(
        arm,
        baseline,
        Spread.of(a.tolist()),
        Spread.of(b.tolist()),
        completed,
        punished,
        p_failures=_failing(whole_a, whole_b) if known.size < a.size + b.size else 1.0,
        wins=float(won.mean()) if won.size else None,
    )


def _failing(*whole: NDArray[np.bool_]) -> float:
    """Fisher's exact test of who fails more often."""
    from scipy.stats import fisher_exact

    return float(fisher_exact([[int((~side).sum()), int(side.sum())] for side in whole]).pvalue)


def _array(values: Iterable[float | None]) -> Array:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
