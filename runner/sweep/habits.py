"""What people type who come from another sweeper, and what ours is called. Nothing is ignored without a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from runner.errors import ConfigError, did_you_mean

# Keys of hydra-optuna-sweeper, of Hydra's basic sweeper, of hydra-ax-sweeper and of hydra-nevergrad-sweeper.
KEYS = {
    "direction": "Write hydra.sweeper.directions=[maximize], a list with an entry for each objective.",
    "n_jobs": "Write hydra.sweeper.workers: trials at the same time, each started as soon as a worker is free.",
    "max_failure_rate": "Write hydra.sweeper.max_failures, a number of trials; fail_fast=true stops at the first.",
    "custom_search_space": "A key that depends on another is written {space: .., when: 'KEY=VALUE'} in params.",
    "search_space": "Write hydra.sweeper.params, in Hydra's language: {x: 'interval(0, 1)', n: 'range(1, 5)'}.",
    "max_batch_size": "There are no batches; hydra.sweeper.workers says how many trials run at the same time.",
    "ax_config": (
        "Write n_trials for max_trials, params for params, objectives and directions for experiment, seed for "
        "client.random_seed."
    ),
    "optim": (
        "Write n_trials for budget, workers for num_workers, directions=[maximize] for maximize, seed for seed; the "
        "optimizer is chosen as hydra/sweeper=cmaes or another."
    ),
    "parametrization": "Write hydra.sweeper.params, in Hydra's language: {lr: 'tag(log, interval(1e-4, 1e-1))'}.",
}
SWEEPERS = {"optuna": "bayes", "ax": "gp", "nevergrad": "cmaes"}
SAMPLERS = {
    "tpe": "bayes",
    "motpe": "nsga2",
    "nsgaii": "nsga2",
    "cmaes": "cmaes",
    "random": "random",
    "grid": "grid",
    "qmc": "quasirandom",
}


def refuse_unknown(sweeper: Mapping[str, Any]) -> None:
    """Refuse keys of ``hydra.sweeper`` that nobody reads.

    Args:
        sweeper: the node, as composed and not resolved; that of a sweeper which is not ours passes.

    Raises:
        ConfigError: with what is meant.
    """
    if not str(sweeper["_target_"]).endswith(".RunnerSweeper"):
        return
    from runner.sweep.settings import Settings

    known = ["sampler", "pruner", *(field.name for field in fields(Settings))]
    for key, value in sweeper.items():
        if key in known or key in ("_target_", "_recursive_"):
            continue
        hint = f" {KEYS[key]}" if key in KEYS else did_you_mean(key, known)
        raise ConfigError(
            f"hydra.sweeper.{key}={value}: hydra.sweeper has no key {key!r}.{hint} Keys: {', '.join(known)}."
        )


def refuse_choice(override: str) -> None:
    """Refuse ``hydra/sweeper=optuna`` and ``hydra/sweeper/sampler=tpe``, naming ours; anything else passes."""
    group, _, name = override.lstrip("+").partition("=")
    if group == "hydra/sweeper/sampler":
        raise ConfigError(
            f"{override}: a sampler is chosen as the sweeper. Write hydra/sweeper={SAMPLERS.get(name, 'bayes')}."
        )
    if group == "hydra/sweeper" and name in SWEEPERS:
        raise ConfigError(f"{override}: there is no such sweeper. Write hydra/sweeper={SWEEPERS[name]}.")
