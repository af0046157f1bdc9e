"""A command turned into a plan: what is searched, by whom, for what, with every option that it can reach checked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig

from runner.errors import ConfigError, counted
from runner.sweep.composer import Composer, UnknownKey, is_integer
from runner.sweep.configs import subdir
from runner.sweep.coverage import covering
from runner.sweep.language import parse, with_whole_numbers
from runner.sweep.plan import Plan
from runner.sweep.pruning import NoPruner, Pruner
from runner.sweep.reporter import Reporter, readable
from runner.sweep.samplers import Grid, Sampler
from runner.sweep.settings import Settings
from runner.sweep.space import Point, Space
from runner.sweep.sweep_protocol import SweepProtocol


class Planning:
    """The checks before a sweep.

    Args:
        settings: what ``hydra.sweeper`` holds.
        sampler: who chooses points.
        pruner: who stops trials early.
        composer: of the application's configs.
        protocol: what the task function offers; None: it returns numbers and no more.
        reporter: where to speak.
    """

    def __init__(
        self,
        settings: Settings,
        sampler: Sampler,
        pruner: Pruner,
        composer: Composer,
        protocol: SweepProtocol | None,
        reporter: Reporter,
    ) -> None:
        self.settings, self.sampler, self.pruner = settings, sampler, pruner
        self.composer, self.protocol, self.reporter = composer, protocol, reporter

    def plan(self, arguments: Sequence[str]) -> Plan:
        """The plan of the command with the overrides `arguments`.

        Raises:
            ConfigError: it can't be done.
        """
        try:
            return self._plan(self.space(arguments), arguments)
        except UnknownKey as error:
            if error.key not in {key.lstrip("+") for key in self.settings.params}:
                raise
            raise ConfigError(f"hydra.sweeper.params.{error.key}: {error.problem}") from error

    def space(self, arguments: Sequence[str]) -> Space:
        """What is searched over."""
        space = parse(arguments, self.settings.params, self.composer.options, self.composer.current, self.composer.keys)
        return with_whole_numbers(space, self._whole_numbers_only)

    def _intent(self, space: Space) -> str:
        """What is about to be done, said before the checks, which may take seconds."""
        if not space.dimensions:
            return "no key has several values: a sweep of one job"
        sampler = type(self.sampler).__name__.lower()
        points = f"{counted(self.settings.n_trials, 'point')} of " if self.settings.n_trials else ""
        keys, workers = counted(len(space.dimensions), "key"), counted(self.settings.workers, "worker")
        return f"{sampler} search: {points}{keys} with {workers}; checking every option it can reach"

    def _whole_numbers_only(self, overrides: Sequence[str], key: str) -> bool:
        """Whether `key` takes no other numbers in a trial with `overrides`: by its type, or the application's word."""
        config = self.composer.compose(overrides)
        typed = is_integer(config, key)
        return typed or (self.protocol is not None and self.protocol.whole_numbers_only(config, key))

    def _commanded(self, space: Space, arguments: Sequence[str]) -> dict[str, Any]:
        """What the command itself says of the keys that only a command may set."""
        keys = self.protocol.commanded if self.protocol is not None else ()
        if searched := [d.key for d in space.dimensions if d.name in keys]:
            raise ConfigError(f"{searched[0]}: can't be searched over. Give it one value.")
        own = [line for line in arguments if line.lstrip("+").partition("=")[0] in keys]
        return {key: self.composer.outline(own)[key] for key in keys}

    def _plan(self, space: Space, arguments: Sequence[str]) -> Plan:
        settings = self.settings
        commanded = self._commanded(space, arguments)
        if not space.dimensions:
            self.sampler = Grid()  # of one point: a sweep of one job, as Hydra's own
        if not self.sampler.intervals and (found := [d for d in space.dimensions if d.kind == "interval"]):
            raise ConfigError(
                f"{found[0].key}={found[0].describe()}: a grid has no intervals. Take hydra/sweeper=random, "
                "quasirandom, bayes, gp, cmaes or nsga2, or list the values."
            )
        if settings.n_trials is None and not isinstance(self.sampler, Grid):
            raise ConfigError("hydra.sweeper.n_trials: say how many points to try.")
        if isinstance(self.sampler, Grid) and self.sampler.intervals:
            self.sampler.points(space)  # refuses those that are none
        if settings.repeats > 1:
            self._check_repeats(space)
        if not settings.dry_run:
            self.reporter.say(self._intent(space))
        objectives = self._objectives(space, commanded)
        pruning = not isinstance(self.pruner, NoPruner)
        if pruning and len(objectives) > 1:
            raise ConfigError("hydra.sweeper.pruner: with several objectives no trial is the worst. Take none.")
        if pruning and settings.repeats > 1:
            raise ConfigError("hydra.sweeper.pruner: stopping single repeats would bias their mean. Take none.")
        if pruning and self.protocol is None:
            raise ConfigError(
                "hydra.sweeper.pruner: this application does not report by epoch (its task function has no "
                "sweep_protocol), so there is nothing to prune by. Take none."
            )
        if next(iter(objectives.values())) == "maximize":
            self.pruner.sign = -1.0
        return Plan(
            space,
            self.sampler,
            self.pruner,
            list(objectives),
            list(objectives.values()),
            settings.n_trials,
            seed=settings.seed,
            repeats=settings.repeats,
            repeat_key=settings.repeat_key,
            retries=settings.retries,
            timeout=settings.timeout,
            max_failures=0 if settings.fail_fast else settings.max_failures,
            enqueue=[_enqueued(space, entry) for entry in settings.enqueue],
            named=bool(settings.objectives),
            scored=bool(settings.objectives or settings.directions or self.sampler.adaptive),
            protocol=self.protocol is not None,
            commanded=commanded,
            test=settings.test,
        )

    def _check_repeats(self, space: Space) -> None:
        key = self.settings.repeat_key
        number = self.composer.current(key)
        if number is None or not number.isdecimal():
            given = "there is no such key" if number is None else f"it is {number}"
            raise ConfigError(
                f"hydra.sweeper.repeat_key={key}: {given}. Expected a key with a whole number that tells repeats apart."
            )
        if key in {d.name for d in space.dimensions}:
            raise ConfigError(f"{key}: searched over, and counted by hydra.sweeper.repeats. Give one of them.")

    def _objectives(self, space: Space, commanded: Mapping[str, Any]) -> dict[str, str]:
        """Names and directions, and on the way every option that can be reached is composed and checked."""
        found: dict[str, str] = {}
        names, directions = list(self.settings.objectives), list(self.settings.directions)
        seen: set[tuple[str, ...]] = set()
        is_group = {d.key: bool(self.composer.options(d.group, None)) for d in space.dimensions}
        for point in covering(space, lambda d: is_group[d.key]):
            overrides = space.complete(point)
            if self.settings.repeats > 1 and not seen:  # the last of the repeats must be possible too
                key = self.settings.repeat_key
                last = int(self.composer.current(key) or 0) + self.settings.repeats - 1
                overrides.append(f"{key}={last}")
            if tuple(overrides) in seen:
                continue
            seen.add(tuple(overrides))
            config = self.composer.compose(overrides)
            subdir(config, 0)
            for key, value in commanded.items():
                if config[key] != value:
                    raise ConfigError(
                        f"{' '.join(space.overrides(point))}: a config file sets {key}={config[key]}. Only the command "
                        "can do that: type it there."
                    )
            if self.protocol is not None:
                tried = " ".join(space.overrides(point))
                try:
                    self.protocol.check(config)
                    own: dict[str, str] = {**self.protocol.objectives(config, names)}
                except ConfigError as error:
                    raise ConfigError(str(error) if tried in str(error) else f"{tried}: {error}") from error
                found = found or own
                if own != found and not (directions and list(own) == list(found)):
                    raise ConfigError(
                        f"{tried}: searches to {_goals(own)}, other trials to {_goals(found)}, and these can't be "
                        f"compared. Say what counts: 'hydra.sweeper.objectives=[{','.join(found)}]' "
                        f"'hydra.sweeper.directions=[{','.join(found.values())}]'."
                    )
        if not found:
            count = max(1, len(names), len(directions))
            names = names or (["objective"] if count == 1 else [f"objective_{i}" for i in range(count)])
            found = dict.fromkeys(names, "minimize")
        if directions and len(directions) != len(found):
            raise ConfigError(
                f"hydra.sweeper.directions: {len(directions)} given for {counted(len(found), 'objective')}."
            )
        return dict(zip(found, directions or found.values(), strict=True))

    def name(self, plan: Plan, config: DictConfig) -> str:
        """The sweep's name: the same for the same search, whatever its limits.

        Args:
            plan: the search.
            config: the sweep's own config, with the ``hydra`` node.
        """
        kind = type(self.sampler).__name__.lower()
        space, job = plan.space, config.hydra.job
        dimensions = [(d.key, d.describe(), str(d.when)) for d in space.dimensions]
        told = [job.name, job.config_name, kind, sorted(space.fixed), dimensions, plan.objectives, plan.seed]
        told += [space.entangled] if space.entangled else []
        digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:8]
        keys = "+".join(d.name.rpartition(".")[2].rpartition("/")[2] for d in space.dimensions)[:40]
        return "-".join(part for part in (kind, re.sub(r"[^A-Za-z0-9+_-]", "-", keys), digest) if part)

    def show(self, plan: Plan, folder: str) -> None:
        """Say what would be done, and the first ten points."""
        say = self.reporter.say
        for dimension in plan.space.dimensions:
            when = dimension.when
            note = f"   when {when.key}={','.join(when.values)}" if when else ""
            say(f"{dimension.key}: {dimension.summary()}{note}")
        say(f"objectives: {_goals(dict(zip(plan.objectives, plan.directions, strict=True)))}")
        points, space = plan.n_trials, ""
        if isinstance(self.sampler, Grid):
            grid = len(self.sampler.points(plan.space))
            points, space = min(plan.n_trials or grid, grid), f" of {grid}"
        say(f"points: {points}{space}; trials: {(points or 0) * plan.repeats}; folder: {folder}")
        first = [*plan.enqueue, *(plan.sampler.point(plan.space, plan.seed, i) for i in range(10))]
        for point in [p for p in first if p is not None][: min(10, points or 10)]:
            say("  " + readable(plan.space.overrides(point)))
        if plan.sampler.adaptive:
            say(f"  (after {plan.sampler.startup} results the sampler chooses)")


def _goals(objectives: Mapping[str, str]) -> str:
    """``minimize val/loss, maximize val/accuracy``."""
    return ", ".join(f"{direction} {name}" for name, direction in objectives.items())


def _enqueued(space: Space, entry: Mapping[str, Any]) -> Point:
    """A point that the user gave."""
    try:
        return space.given(entry)
    except ConfigError as error:
        raise ConfigError(f"hydra.sweeper.enqueue: {error}") from error
