"""How long an ablation will take, from runs with the same settings that somebody has made before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from runner.analysis.difference import SEEDS
from runner.analysis.folders import find_runs
from runner.analysis.run import Run, number
from runner.analysis.settings import flatten
from runner.cli.ablate.asked import Asked
from runner.cli.ablate.design import Design
from runner.config.compose import settle, without_hydra

OUTPUTS = Path("outputs")
_FREE = re.compile(r"(name|monitor|mode|trusted_targets|tracking|data\.root)(\..*)?")
"""Settings that cost nothing."""


@dataclass(frozen=True)
class Cost:
    """What runs took.

    Attributes:
        seconds: of a run, the mean over arms; None where no arm was run before.
        runs: that were measured.
        unknown: arms of which there is none.
    """

    seconds: float | None
    runs: int
    unknown: list[str]


def cost(asked: Asked, design: Design) -> Cost:
    """What completed runs of the arms took, in the ablation's folder and in ``outputs``.

    Runs count whose settings are those of an arm, apart from seeds, from what is tuned, and from what costs nothing.
    """
    tuned = {dimension.name for dimension in design.tuned}
    # An option is named by its values: sgd with a momentum is `momentum`.
    tuned |= {group for name in tuned if (group := name.rpartition(".")[0]) not in asked.arms}
    known = {_identity(_settings(config), tuned): arm for arm, config in design.configs.items()}
    times: dict[str, list[float]] = {arm: [] for arm in design.arms}
    roots = (asked.folder, asked.folder / "search", OUTPUTS)
    for path in {path.resolve(): path for root in roots for path in find_runs(root)}.values():
        run = Run.read(path)
        seconds = number(run.trial.get("seconds")) or run.seconds
        if run.status == "completed" and seconds and (arm := known.get(_identity(run.settings, tuned))):
            times[arm].append(seconds)
    means = [sum(found) / len(found) for found in times.values() if found]
    unknown = [arm for arm, found in times.items() if not found]
    return Cost(sum(means) / len(means) if means else None, sum(map(len, times.values())), unknown)


def _settings(config: Any) -> dict[str, Any]:
    settle(config)
    try:
        plain: Any = OmegaConf.to_container(without_hydra(config), resolve=True)
    except OmegaConfBaseException:
        return {}
    return flatten(plain)


def _identity(settings: dict[str, Any], tuned: set[str]) -> tuple[tuple[str, str], ...]:
    left_out = {*SEEDS, *tuned}
    return tuple(sorted((k, repr(v)) for k, v in settings.items() if k not in left_out and not _FREE.fullmatch(k)))
