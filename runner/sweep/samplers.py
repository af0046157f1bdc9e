"""Who chooses the next point: functions of an index, or Optuna's samplers that learn from what was told."""

from __future__ import annotations

import json
import warnings
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Gt

from runner.errors import ConfigError
from runner.sweep import sequences
from runner.sweep.space import Dimension, Point, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler


class Sampler:
    """Chooses points.

    Attributes:
        adaptive: whether results change what is chosen next; if not, a point is a function of seed and index.
        intervals: whether it takes intervals.
        startup: results that an adaptive sampler waits for; until then points are quasi-random.
    """

    adaptive: ClassVar[bool] = False
    intervals: ClassVar[bool] = True
    startup: int = 0

    def point(self, space: Space, seed: int, index: int) -> Point | None:
        """The point numbered `index` (from 0), or None when there are no more."""
        return sequences.sobol_point(space, seed, index)

    def optuna(self, seed: int, space: Space) -> BaseSampler:
        """Optuna's sampler behind an adaptive one."""
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=seed)


class Grid(Sampler):
    """Every point once, in a stable order: the last key turns fastest."""

    intervals = False

    def __init__(self) -> None:
        self._space: Space | None = None
        self._points: list[Point] = []

    def points(self, space: Space) -> list[Point]:
        """All of them."""
        if space is not self._space:
            self._space, self._points = space, self._list(space)
        return self._points

    def point(self, space: Space, seed: int, index: int) -> Point | None:
        """The point numbered `index` of the list, the same for every seed."""
        points = self.points(space)
        return points[index] if index < len(points) else None

    def _list(self, space: Space) -> list[Point]:
        return list(space.grid())


class Listed(Grid):
    """The points of a file and no others, in its order.

    Args:
        file: of JSON, a list of mappings from key to value. A key whose condition does not hold at a point is left out
            of it, and one that has a single value need not be there.
    """

    intervals = True

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file

    def _list(self, space: Space) -> list[Point]:
        try:
            entries = json.loads(Path(self.file).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"hydra.sweeper.sampler.file={self.file}: {error.strerror}.") from error
        except (ValueError, RecursionError):
            entries = None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise ConfigError(
                f"hydra.sweeper.sampler.file={self.file}: expected a list of points in JSON, each a mapping from key "
                'to value: [{"lr": 0.01}, {"lr": 0.1}].'
            )
        try:
            return [space.given(entry) for entry in entries]
        except ConfigError as error:
            raise ConfigError(f"hydra.sweeper.sampler.file={self.file}: {error}") from error


class Random(Sampler):
    """Independent uniform draws (Bergstra and Bengio 2012, "Random Search for Hyper-Parameter Optimization")."""

    def point(self, space: Space, seed: int, index: int) -> Point | None:
        """Draws that depend on seed, index and key alone."""
        return sequences.random_point(space, seed, index)


class QuasiRandom(Sampler):
    """A scrambled Sobol sequence: fills the space more evenly than random draws (Sobol 1967; Owen 1998)."""


class Bayes(Sampler):
    """Tree-structured Parzen estimator, multivariate and grouped by condition, with constant liar.

    Args:
        n_startup_trials: results before the model speaks; until then points are quasi-random (at least 1).
        n_ei_candidates: draws among which the one of largest expected improvement is taken (at least 1).

    Source: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization"; Falkner et al. 2018 (multivariate).
    """

    adaptive = True

    def __init__(
        self, n_startup_trials: Annotated[int, Ge(1)] = 10, n_ei_candidates: Annotated[int, Ge(1)] = 24
    ) -> None:
        self.startup, self.n_ei_candidates = n_startup_trials, n_ei_candidates

    def optuna(self, seed: int, space: Space) -> BaseSampler:
        """Optuna's TPESampler."""
        from optuna.samplers import TPESampler

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "experimental", since 2020
            return TPESampler(
                n_startup_trials=self.startup,
                n_ei_candidates=self.n_ei_candidates,
                multivariate=True,
                group=True,
                constant_liar=True,
                seed=seed,
            )


class GP(Sampler):
    """Bayesian optimization with a Gaussian process and log expected improvement; best with few, costly trials.

    Args:
        n_startup_trials: results before the model speaks; until then points are quasi-random (at least 1).
        deterministic_objective: whether the same point always gives the same value.

    Source: Snoek et al. 2012, "Practical Bayesian Optimization of Machine Learning Algorithms".
    """

    adaptive = True

    def __init__(self, n_startup_trials: Annotated[int, Ge(1)] = 10, deterministic_objective: bool = False) -> None:
        self.startup, self.deterministic_objective = n_startup_trials, deterministic_objective

    def optuna(self, seed: int, space: Space) -> BaseSampler:
        """Optuna's GPSampler."""
        from optuna.samplers import GPSampler

        return GPSampler(
            seed=seed,
            n_startup_trials=self.startup,
            deterministic_objective=self.deterministic_objective,
            warn_independent_sampling=False,
        )


class CmaEs(Sampler):
    """Covariance matrix adaptation: for many trials over numbers alone.

    Args:
        n_startup_trials: results before it starts; until then points are quasi-random (at least 1).
        sigma0: first step size; null: a sixth of the narrowest range.
        popsize: points per generation; null: 4 + floor(3 ln(number of keys)).

    Source: Hansen 2016, "The CMA Evolution Strategy: A Tutorial".
    """

    adaptive = True

    def __init__(
        self,
        n_startup_trials: Annotated[int, Ge(1)] = 1,
        sigma0: Annotated[float, Gt(0)] | None = None,
        popsize: Annotated[int, Ge(2)] | None = None,
    ) -> None:
        self.startup, self.sigma0, self.popsize = n_startup_trials, sigma0, popsize

    def optuna(self, seed: int, space: Space) -> BaseSampler:
        """Optuna's CmaEsSampler, its state replayed."""
        from runner.sweep.cma import ReplayedCmaEs

        if sum(d.kind != "choice" and d.when is None for d in space.dimensions) < 2:
            raise ConfigError(
                "hydra/sweeper=cmaes needs at least two keys with numbers in an interval or range that are searched "
                "without a condition. Take hydra/sweeper=bayes, which knows choices and conditions."
            )
        return ReplayedCmaEs(
            n_startup_trials=self.startup,
            sigma0=self.sigma0,
            popsize=self.popsize,
            warn_independent_sampling=False,
            seed=seed,
        )


class NSGA2(Sampler):
    """Elitist genetic search for several objectives.

    Args:
        population_size: points per generation (at least 2); the first generation is quasi-random.
        mutation_prob: probability of drawing a key anew; null: 1 / number of keys.
        crossover_prob: probability of mixing two parents rather than copying one.
        swapping_prob: probability, per key, of taking it from the second parent.

    Source: Deb et al. 2002, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II".
    """

    adaptive = True

    def __init__(
        self,
        population_size: Annotated[int, Ge(2)] = 50,
        mutation_prob: Annotated[float, Ge(0)] | None = None,
        crossover_prob: Annotated[float, Ge(0)] = 0.9,
        swapping_prob: Annotated[float, Ge(0)] = 0.5,
    ) -> None:
        self.startup, self.mutation_prob = population_size, mutation_prob
        self.crossover_prob, self.swapping_prob = crossover_prob, swapping_prob

    def optuna(self, seed: int, space: Space) -> BaseSampler:
        """Optuna's NSGAIISampler."""
        from optuna.samplers import NSGAIISampler

        return NSGAIISampler(
            population_size=self.startup,
            mutation_prob=self.mutation_prob,
            crossover_prob=self.crossover_prob,
            swapping_prob=self.swapping_prob,
            seed=seed,
        )


def distribution(dimension: Dimension) -> BaseDistribution:
    """The dimension in Optuna's terms."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if dimension.kind == "choice" or len(dimension.natives) == 1:
        return CategoricalDistribution(dimension.natives)
    if dimension.kind == "interval":
        if dimension.integer:
            return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
        return FloatDistribution(dimension.low, dimension.high, log=dimension.log)
    values: list[Any] = sorted(dimension.natives)
    low, high = values[0], values[-1]
    if all(isinstance(v, int) for v in values):
        return IntDistribution(low, high, step=values[1] - low)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a last value that is no step's, which is looked for below
        even = FloatDistribution(low, high, step=float(Decimal(str(values[1])) - Decimal(str(low))))
    # Where floating point keeps its steps from being even, each draw stands for the nearest value.
    return even if all(map(even._contains, values)) else FloatDistribution(low, high)
