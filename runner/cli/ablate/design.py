"""The arms of an ablation and what is tuned, as points of one search space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

from runner.analysis.statistics.procedure import Job, Settings
from runner.cli.ablate.asked import Asked
from runner.cli.trials import Trials
from runner.config.compose import Command, check_names, compose_run, compose_sweep, first_trial, sweep_config
from runner.errors import ConfigError
from runner.sweep.composer import Composer
from runner.sweep.planning import Planning
from runner.sweep.pruning import NoPruner
from runner.sweep.reporter import Reporter
from runner.sweep.samplers import QuasiRandom
from runner.sweep.sequences import sobol_point
from runner.sweep.settings import Settings as SweepSettings
from runner.sweep.space import Dimension, Point, Space
from runner.sweep.trial import Trial

HIGHEST = 999_999
"""How far a seed may be from the first."""


@dataclass(frozen=True)
class Design:
    """What is run.

    Attributes:
        words: the command of its sweeps.
        space: all that differs between runs.
        arms: the point of each arm by its name, the baseline first.
        tuned: what is searched.
        varied: the dimension that tells the runs of an arm apart.
        first: its first value.
        trials: of each search.
        configs: that of a run of each arm.
    """

    words: list[str]
    space: Space
    arms: Mapping[str, Point]
    tuned: tuple[Dimension, ...]
    varied: Dimension
    first: int
    trials: int
    configs: Mapping[str, DictConfig] = field(repr=False, default_factory=dict)

    def points(self, arm: str, study: int) -> tuple[Settings, ...]:
        """What a study tries on an arm: the first points of the study's quasi-random sequence, the same for all arms.

        Keys that the arm does not have are left out, and what is then the same is tried once.
        """
        found: dict[Settings, None] = {}
        for point in _sequence(self.tuned, study, self.trials):
            whole = self.space.given({**self.arms[arm], **point, self.varied.key: str(self.first)})
            found[tuple((d.key, whole[d.key]) for d in self.tuned if d.key in whole)] = None
        return tuple(found)

    def point(self, job: Job) -> dict[str, str]:
        """What a run is set to."""
        return {**self.arms[job.arm], **dict(job.settings), self.varied.key: str(self.first + job.seed)}

    def job(self, trial: Trial, search: bool) -> Job | None:
        """Which run a trial is; None where it is none of this ablation. Its record may come from anybody."""
        try:
            if self.space.given(trial.params) != trial.params:
                return None
        except ConfigError:
            return None
        own = {key: text for key, text in trial.params.items() if key in self._keys}
        arm = next((name for name, point in self.arms.items() if point == own), None)
        if arm is None:
            return None
        seed = trial.params[self.varied.key]
        settings = tuple((d.key, trial.params[d.key]) for d in self.tuned if d.key in trial.params)
        return Job(arm, int(seed) - self.first, settings, search)

    @property
    def _keys(self) -> set[str]:
        return {key for point in self.arms.values() for key in point}

    def lacking(self) -> list[str]:
        """A sentence for each key that some arms don't have."""
        said = []
        for dimension in self.tuned:
            lacking = [arm for arm in self.arms if all(dimension.key not in dict(p) for p in self.points(arm, 0))]
            if lacking:
                where = f", which is searched where {_condition(dimension)}" if dimension.when else ""
                said.append(f"{' and '.join(lacking)}: has no {dimension.name}{where}.")
        return said


@lru_cache(maxsize=64)
def _sequence(tuned: tuple[Dimension, ...], study: int, trials: int) -> list[Point]:
    """Values of all that is tuned, whichever of it an arm has."""
    space = Space(tuple(replace(dimension, when=None) for dimension in tuned))
    return [sobol_point(space, study, index) for index in range(trials)]


def _condition(dimension: Dimension) -> str:
    assert dimension.when is not None
    return f"{dimension.when.key}={','.join(dimension.when.values)}"


def design(asked: Asked) -> Design:
    """What is run, with every option that any run can reach composed and checked.

    Raises:
        ConfigError: it can't be done.
    """
    fixed = [word for word in asked.words if word.lstrip("+").partition("=")[0] != asked.varied]
    first, last = _range(asked)
    typed = [*fixed, *asked.tune, f"{asked.varied}=int(interval({first},{last}))"]
    command = Command(typed, asked.config_dir)
    words = compose_sweep(command)
    with sweep_config(command, words) as (loader, master):
        composer = Composer(loader, master)
        params: Any = OmegaConf.to_container(master.hydra.sweeper, resolve=True)
        settings = SweepSettings(n_trials=1, dry_run=True, params=params["params"] or {})
        space = Planning(settings, QuasiRandom(), NoPruner(), composer, Trials(), Reporter()).plan(words).space
        varied = next(d for d in space.dimensions if d.name == asked.varied)
        ours = {word.partition("=")[0] for word in asked.words}
        tuned = tuple(d for d in space.dimensions if d.key not in ours and d is not varied)
        arms = _arms(asked, space, tuned)
        configs = {arm: composer.compose(space.complete(_first(space, point))) for arm, point in arms.items()}
    _refuse_equal(configs)
    return Design(typed, space, arms, tuned, varied, first, asked.trials, configs)


def _range(asked: Asked) -> tuple[int, int]:
    """The first and the last value of the key that tells runs apart."""
    if asked.varied == "data.fold":
        return 0, asked.seeds - 1
    typed = [word.partition("=")[2] for word in asked.words if word.lstrip("+").partition("=")[0] == asked.varied]
    given = typed[-1] if typed else str(_default(asked))
    if not given.isdecimal():
        raise ConfigError(
            f"{asked.varied}={given}: expected a whole number, from which the runs of an arm are counted."
        )
    return int(given), int(given) + HIGHEST


def _default(asked: Asked) -> Any:
    command = Command([*asked.words, *asked.tune], asked.config_dir)
    check_names(command)
    return OmegaConf.select(compose_run(Command(first_trial(command), asked.config_dir)), asked.varied)


def _arms(asked: Asked, space: Space, tuned: tuple[Dimension, ...]) -> dict[str, Point]:
    names = {d.name for d in tuned}
    dimensions = tuple(d for d in space.dimensions if d.key in asked.arms)
    if after := next((d for d in dimensions if d.when and d.when.key in names), None):
        assert after.when is not None
        raise ConfigError(
            f"--tune {after.when.key}: {after.name}, in which the arms differ, depends on it. Tune another key, or "
            "compare its options as arms."
        )
    points = list(replace(space, dimensions=dimensions).grid())
    if not asked.one_at_a_time:
        return {_name(point): point for point in points}
    baseline = points[0]
    first = {dimension.key: dimension.ends()[0] for dimension in dimensions} | baseline
    changes = [{key: text for key, text in point.items() if text != first[key]} for point in points]
    alone = {_name(changed): point for changed, point in zip(changes, points, strict=True) if len(changed) == 1}
    return {_name(baseline): baseline, **alone}


def _name(settings: Point) -> str:
    return " ".join(f"{key}={text}" for key, text in settings.items())


def _first(space: Space, arm: Point) -> Point:
    return space.build(lambda dimension: arm.get(dimension.key) or dimension.ends()[0])


def _refuse_equal(configs: Mapping[str, DictConfig]) -> None:
    """Refuse arms that are one: every run of the one would be that of the other."""
    seen: list[tuple[str, Any]] = []
    for arm, config in configs.items():
        plain: Any = OmegaConf.to_container(config, resolve=False)
        del plain["hydra"]
        if twin := next((name for name, other in seen if other == plain), None):
            raise ConfigError(
                f"{twin} and {arm}: the same configuration, so there is nothing to compare. Each arm once."
            )
        seen.append((arm, plain))
