"""What somebody types behind ``ablate``, read and checked as far as the words alone can tell."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.analysis.statistics import FEWEST
from runner.cli.flags import hydra_flags, whole_number
from runner.errors import ConfigError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

    from runner.analysis.statistics.sequential import Plan

USAGE = (
    "ablate GROUP=A,B,... [GROUP=OPTION ...] [KEY=VALUE ...] [--seeds 5 | --folds K | --splits K | --max-seeds N "
    "[--until D]] [--tune KEY=SPACE ... [--trials 16] [--studies 3 | --max-studies N [--until D]]] [--score NAME] "
    "[--alpha 0.05] [--margin D] [--one-at-a-time] [--across data=A,B,...] [--workers 1] [--output DIR] [--dry-run]"
)
VARIED = {"--seeds": "seed", "--folds": "data.fold", "--splits": "data.split_seed", "--max-seeds": "seed"}
MOST = 999
"""Runs of an arm, studies, and fresh runs of a winner: seeds of a study lie within a thousand, as do its studies."""
MOST_TRIALS = 9999


@dataclass(frozen=True)
class Asked:
    """What was typed.

    Attributes:
        words: the arms and what they have in common.
        config_dir: a folder of the user's own options.
        arms: the keys with several values.
        one_at_a_time: each arm differs from the baseline in one of these keys; else arms are their product.
        tune: what is searched for each arm: words of a sweep; none where arms are not tuned.
        trials: of each search.
        seeds: runs of each arm at most; where arms are tuned, fresh runs of each winner.
        looks: numbers of runs (where arms are tuned, of studies) of an arm after which a verdict is asked for.
        varied: the key that tells the runs of an arm apart.
        until: half of an interval's width that is narrow enough.
        alpha: see `runner.analysis.statistics.sequential.Plan`.
        margin: likewise.
        score: what is compared, as typed.
        workers: runs at the same time.
        launcher: what was typed of where they run: ``hydra/launcher=slurm`` and its settings.
        folder: where it lies.
        typed: all of it, as it was typed.
    """

    words: list[str]
    config_dir: str | None
    arms: list[str]
    one_at_a_time: bool
    tune: list[str]
    trials: int
    seeds: int
    looks: tuple[int, ...]
    varied: str
    until: float | None
    alpha: float
    margin: float | None
    score: str | None
    workers: int
    launcher: list[str]
    folder: Path
    typed: list[str]

    @property
    def plan(self) -> Plan:
        """When verdicts are asked for."""
        from runner.analysis.statistics.sequential import Plan

        return Plan(self.looks, self.alpha, self.margin, self.until)

    def fixed(self) -> list[str]:
        """What all arms have in common."""
        return [word for word in self.words if word.partition("=")[0] not in self.arms]


def asked(
    arguments: list[str],
    given: Mapping[str, str | None],
    one_at_a_time: bool,
    tune: list[str],
    typed: list[str],
) -> Asked:
    """Read what was typed.

    Args:
        arguments: words, and flags of Hydra.
        given: the other flags that have a value.
        one_at_a_time: whether arms differ from the baseline in one key each.
        tune: what is searched for each arm.
        typed: all of these, as they were typed.

    Raises:
        ConfigError: they ask for something that can't be done.
    """
    _check_together(given, bool(tune))
    flag = next((flag for flag in VARIED if given[flag]), "--seeds")
    seeds = whole_number(flag, given[flag] or "5", 1 if tune else FEWEST)
    units = whole_number("--studies", given["--studies"] or "3", FEWEST) if tune else seeds
    if given["--max-studies"]:
        units = whole_number("--max-studies", given["--max-studies"], FEWEST)
    trials = whole_number("--trials", given["--trials"] or "16", 2)
    counts = ((flag, seeds, MOST), ("--max-studies" if given["--max-studies"] else "--studies", units, MOST))
    for name, count, most in (*counts, ("--trials", trials, MOST_TRIALS)):
        if count > most:
            raise ConfigError(f"{name} {count}: expected at most {most}.")
    sequential = bool(given["--max-seeds"] or given["--max-studies"])
    flags, words = hydra_flags(arguments)
    words = words[len(words) - len(flags.overrides) :]
    launcher = [word for word in words if word.lstrip("+").startswith(("hydra/launcher=", "hydra.launcher."))]
    words = [word for word in words if word not in launcher]
    arms = _arms(words, flags.config_dir)
    if one_at_a_time and len(arms) == 1:
        raise ConfigError(f"--one-at-a-time: {arms[0]} is the only key with several values. Give several such keys.")
    _check_tuned(tune, words, arms, flags.config_dir)
    if flag == "--folds":
        words.append(f"data.folds={seeds}")
    named = "+".join(arm.rpartition(".")[2].rpartition("/")[2] for arm in arms)[:40]
    digest = hashlib.sha256(
        json.dumps([sorted(words), VARIED[flag], *sorted(tune), *["--one-at-a-time"] * one_at_a_time]).encode()
    ).hexdigest()[:8]
    folder = given["--output"] or f"outputs/ablations/{re.sub(r'[^A-Za-z0-9+_-]', '-', named)}-{digest}"
    return Asked(
        words=words,
        config_dir=flags.config_dir,
        arms=arms,
        one_at_a_time=one_at_a_time,
        tune=tune,
        trials=trials,
        seeds=seeds,
        looks=_looks(units) if sequential else (units,),
        varied=VARIED[flag],
        until=_number("--until", given["--until"], math.inf) if given["--until"] else None,
        alpha=_number("--alpha", given["--alpha"] or "0.05", 1.0),
        margin=_number("--margin", given["--margin"], math.inf) if given["--margin"] else None,
        score=given["--score"],
        workers=whole_number("--workers", given["--workers"] or "1", 1),
        launcher=launcher,
        folder=Path(folder),
        typed=typed,
    )


def _check_together(given: Mapping[str, str | None], tuned: bool) -> None:
    """Refuse flags that do not go together."""
    for flags, what in (
        (VARIED, "how the runs of an arm differ"),
        (("--studies", "--max-studies"), "how many there are"),
    ):
        if len(several := [flag for flag in flags if given[flag]]) > 1:
            raise ConfigError(f"{several[0]} and {several[1]}: one of them says {what}.")
    if tuned and given["--max-seeds"]:
        raise ConfigError(
            "--max-seeds with --tune: more seeds of one winner say nothing of the luck of its search, so studies are "
            "added. Write --max-studies N."
        )
    if tuned and (flag := next((flag for flag in ("--folds", "--splits") if given[flag]), None)):
        raise ConfigError(
            f"{flag} with --tune: a search would choose by examples on which its winner is judged in another fold or "
            "split. Fresh runs differ in the seed: --seeds N."
        )
    if not tuned and (flag := next((f for f in ("--trials", "--studies", "--max-studies") if given[f]), None)):
        raise ConfigError(f"{flag}: goes with --tune, which says what is searched: --tune 'KEY=interval(LOW,HIGH)'.")
    if given["--until"] and not (given["--max-seeds"] or given["--max-studies"]):
        instead = "--max-studies, the number of studies" if tuned else "--max-seeds, the number of seeds"
        raise ConfigError(f"--until: goes with {instead} at which it ends in any case.")


def _looks(units: int) -> tuple[int, ...]:
    """Ten looks or so, the first at the fewest that can have a verdict."""
    looks = tuple(range(FEWEST, units + 1, max(1, units // 10)))
    return looks if looks[-1] == units else (*looks, units)


def _number(flag: str, text: str, below: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < below:
        limit = f" and below {below:g}" if math.isfinite(below) else ""
        raise ConfigError(f"{flag} {text}: expected a number above 0{limit}.")
    return value


def parsed(words: list[str], config_dir: str | None) -> list[Override]:
    """The words as Hydra reads them."""
    from runner.config.compose import Command

    return Command(words, config_dir).parsed


def refuse_kept(override: Override) -> None:
    """Refuse what is not the user's to say here."""
    key = override.key_or_group
    if key.startswith(("hydra/", "hydra.")):
        raise ConfigError(f"{override.input_line}: not taken here. Usage: python -m runner {USAGE}.")
    if (key in VARIED.values() and override.is_sweep_override()) or key in ("data.fold", "data.folds"):
        raise ConfigError(
            f"{override.input_line}: the runs of each arm differ in it. Give --seeds, --folds or --splits."
        )


def _arms(words: list[str], config_dir: str | None) -> list[str]:
    """The keys with several values.

    Raises:
        ConfigError: there are none, or one that is no choice.
    """
    overrides = parsed(words, config_dir)
    for override in overrides:
        key = override.key_or_group
        refuse_kept(override)
        if override.is_interval_sweep():
            raise ConfigError(
                f"{override.input_line}: arms are values, not an interval. List them: {key}=A,B; or have each arm "
                f"search it: --tune '{override.input_line}'."
            )
        if key == "space":
            raise ConfigError(f"{override.input_line}: a space to search. Each arm searches it with --tune {key}=..")
    arms = [override for override in overrides if override.is_sweep_override()]
    for arm in arms:
        values = list(arm.sweep_string_iterator())
        if twice := next((value for value in values if values.count(value) > 1), None):
            raise ConfigError(f"{arm.input_line}: {twice} is there twice. Each arm once.")
    if not arms:
        raise ConfigError(
            "ablate: give a key several values, the baseline first: optimizer=sgd,adam. "
            f"Usage: python -m runner {USAGE}."
        )
    return [arm.get_key_element() for arm in arms]


def _check_tuned(tune: list[str], words: list[str], arms: list[str], config_dir: str | None) -> None:
    """Refuse what can't be tuned."""
    there = {override.key_or_group: override.input_line for override in parsed(words, config_dir)}
    seen: set[str] = set()
    for override in parsed(tune, config_dir):
        key, line = override.key_or_group, override.input_line
        refuse_kept(override)
        if override.get_key_element() in arms:
            raise ConfigError(f"--tune {line}: {key} is what the arms differ in ({there[key]}). Tune another key.")
        if key in there:
            raise ConfigError(f"--tune {line}: {there[key]} gives it one value. Leave one of them out.")
        if key in seen:
            raise ConfigError(f"--tune {line}: {key} is tuned twice. Leave one of them out.")
        if key != "space" and not override.is_sweep_override():
            raise ConfigError(
                f"--tune {line}: one value, and a search needs several: {key}=interval(LOW,HIGH), "
                f"{key}=tag(log,interval(LOW,HIGH)) or {key}=A,B."
            )
        seen.add(key)
