"""The verb ``ablate``: does it help? Several runs of each choice, and a verdict against the first one."""

from __future__ import annotations

import hashlib
import json
import math
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from runner.analysis.statistics import FEWEST
from runner.cli.flags import hydra_flags, switch, take
from runner.errors import ConfigError, RunFailed, counted, did_you_mean, printable
from runner.signals import Listener

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

    from runner.analysis.ablation import Ablation
    from runner.analysis.statistics.comparison import Comparison
    from runner.analysis.statistics.sequential import Plan
    from runner.engine.metric import Direction
    from runner.sweep.trial import Trial

USAGE = (
    "ablate GROUP=A,B,... [GROUP=OPTION ...] [KEY=VALUE ...] [--seeds 5 | --folds K | --splits K | --max-seeds N "
    "[--until D]] [--score NAME] [--alpha 0.05] [--margin D] [--workers 1] [--output DIR] [--dry-run]"
)
KEYS = {"--seeds": "seed", "--folds": "data.fold", "--splits": "data.split_seed", "--max-seeds": "seed"}


@dataclass(frozen=True)
class Asked:
    """What was typed.

    Attributes:
        words: the arms and what they have in common.
        flags: Hydra's own, such as ``--config-dir DIR``.
        arms: the words with several values.
        runs: of each arm, at most.
        varied: the key that tells them apart.
        looks: numbers of runs of an arm after which a verdict is asked for.
        until: half of an interval's width that is narrow enough.
        alpha: see `runner.analysis.ablation.Ablation`.
        margin: likewise.
        workers: runs at the same time.
        folder: where it lies.
    """

    words: list[str]
    flags: list[str]
    arms: list[Override]
    runs: int
    varied: str
    looks: tuple[int, ...]
    until: float | None
    alpha: float
    margin: float | None
    workers: int
    folder: Path

    @property
    def sequential(self) -> bool:
        """Whether seeds are added until verdicts are clear."""
        return len(self.looks) > 1

    @property
    def plan(self) -> Plan | None:
        """When verdicts are asked for."""
        from runner.analysis.statistics.sequential import Plan

        return Plan(self.looks, self.alpha, self.margin, self.until) if self.sequential else None

    def fixed(self) -> list[str]:
        """What all arms have in common."""
        lines = [arm.input_line for arm in self.arms]
        return [word for word in self.words if word not in lines]


def ablate(arguments: list[str]) -> int:
    """Run each arm several times, and say which of them are better than the first."""
    given: dict[str, str | None] = {}
    runs, rest = ("--seeds", "--folds", "--splits", "--max-seeds"), arguments
    for flag in (*runs, "--until", "--score", "--alpha", "--margin", "--workers", "--output"):
        given[flag], rest = take(rest, flag)
    dry_run, rest = switch(rest, "--dry-run")
    asked = _asked(rest, given)
    name, direction = _score(asked, given["--score"])
    if dry_run:
        return _say_plan(asked, name)
    before = _runs_before(asked.folder)
    for number in asked.looks:
        status = _sweep(asked, number)
        if status not in (0, 1):
            return status
        ablation = _read(asked, name, direction)
        ablation.write()
        _tell(ablation)
        if asked.sequential and ablation.progress.seeds is None:
            break
    if before and before < asked.runs and not asked.sequential:
        print(
            f"note: a verdict was given here before, of {before} runs of each arm. One that is asked for again, of "
            "more runs, errs more often than --alpha says; --max-seeds adds runs by a rule that allows for it."
        )
    if not any(run.status == "completed" for runs in ablation.arms.values() for run in runs.values()):
        raise RunFailed(f"No run of {asked.folder} came to its end. {asked.folder}/trials.csv has the causes.")
    return 0


def _asked(arguments: list[str], given: dict[str, str | None]) -> Asked:
    if len(several := [flag for flag in KEYS if given[flag]]) > 1:
        raise ConfigError(f"{several[0]} and {several[1]}: one of them says how the runs of an arm differ.")
    flag = several[0] if several else "--seeds"
    runs = _whole(flag, given[flag] or "5", FEWEST)
    if given["--until"] and flag != "--max-seeds":
        raise ConfigError("--until: goes with --max-seeds, the number of seeds at which it ends in any case.")
    alpha = _number("--alpha", given["--alpha"] or "0.05", 1.0)
    flags, words = hydra_flags(arguments)
    words = words[len(words) - len(flags.overrides) :]
    arms = _arms(words, flags.config_dir)
    if flag == "--folds":
        words += [f"data.folds={runs}", "data.fold=0"]
    looks = tuple(range(FEWEST, runs + 1, max(1, runs // 10))) if flag == "--max-seeds" else (runs,)
    keys = "+".join(arm.key_or_group.rpartition(".")[2].rpartition("/")[2] for arm in arms)[:40]
    digest = hashlib.sha256(json.dumps([sorted(words), KEYS[flag]]).encode()).hexdigest()[:8]
    folder = given["--output"] or f"outputs/ablations/{re.sub(r'[^A-Za-z0-9+_-]', '-', keys)}-{digest}"
    return Asked(
        words,
        ["--config-dir", flags.config_dir] if flags.config_dir else [],
        arms,
        runs,
        KEYS[flag],
        looks if looks[-1] == runs else (*looks, runs),
        _number("--until", given["--until"], math.inf) if given["--until"] else None,
        alpha,
        _number("--margin", given["--margin"], math.inf) if given["--margin"] else None,
        _whole("--workers", given["--workers"] or "1", 1),
        Path(folder),
    )


def _whole(flag: str, text: str, least: int) -> int:
    if not (text.isdecimal() and int(text) >= least):
        raise ConfigError(f"{flag} {text}: expected a whole number of at least {least}.")
    return int(text)


def _number(flag: str, text: str, below: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < below:
        limit = f" and below {below:g}" if math.isfinite(below) else ""
        raise ConfigError(f"{flag} {text}: expected a number above 0{limit}.")
    return value


def _arms(words: list[str], config_dir: str | None) -> list[Override]:
    """The words with several values.

    Raises:
        ConfigError: there are none, or one that is no choice.
    """
    from runner.config.compose import Command

    parsed = Command(words, config_dir).parsed
    for override in parsed:
        key = override.key_or_group
        if key.startswith(("hydra/", "hydra.")):
            raise ConfigError(f"{override.input_line}: not taken here. Usage: python -m runner {USAGE}.")
        if override.is_interval_sweep():
            raise ConfigError(f"{override.input_line}: arms are values, not an interval. List them: {key}=A,B.")
        if key in KEYS.values() or key == "data.folds":
            raise ConfigError(
                f"{override.input_line}: the runs of each arm differ in it. Give --seeds, --folds or --splits."
            )
    arms = [override for override in parsed if override.is_sweep_override()]
    for arm in arms:
        values = list(arm.sweep_string_iterator())
        if twice := next((value for value in values if values.count(value) > 1), None):
            raise ConfigError(f"{arm.input_line}: {twice} is there twice. Each arm once.")
    if not arms:
        raise ConfigError(
            "ablate: give a key several values, the baseline first: optimizer=sgd,adam. "
            f"Usage: python -m runner {USAGE}."
        )
    return arms


def _score(asked: Asked, given: str | None) -> tuple[str, Direction]:
    """What is compared, without the part of the data on which it is measured, and how it improves.

    By itself a metric: the loss is what arms may change.
    """
    from runner.config.check import resolved, scores_of
    from runner.config.compose import Command, compose_run, compose_sweep, first_trial
    from runner.config.recipe import Recipe

    config_dir = asked.flags[1] if asked.flags else None
    command = Command(asked.words, config_dir)
    compose_sweep(command)
    config = compose_run(Command(first_trial(command), config_dir))
    recipe = Recipe(resolved(config))
    known = {
        name.removeprefix("val/"): direction
        for name, direction in scores_of(recipe, recipe.data.probe().task).items()
        if name.startswith("val/")
    }
    name = (
        (given or next((name for name in known if name != "loss"), "loss")).removeprefix("test/").removeprefix("val/")
    )
    if name not in known:
        raise ConfigError(f"--score {given}: no such score.{did_you_mean(name, known)} Scores: {', '.join(known)}.")
    changing = [arm.key_or_group for arm in asked.arms if arm.key_or_group.partition(".")[0] == "loss"]
    if name == "loss" and changing:
        raise ConfigError(
            f"--score loss: {changing[0]} is what differs, so the losses of the arms can't be compared. "
            f"Take one of {', '.join(other for other in known if other != 'loss')}."
        )
    return name, known[name]


def _runs_before(folder: Path) -> int:
    """Runs of each arm of which a verdict was given in an earlier start; 0 where there was none."""
    try:
        record = json.loads((folder / "ablation.json").read_text(encoding="utf-8"))
        return max(len(arm["runs"]) for arm in record["arms"].values())
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return 0


class _Forwarding(Listener):
    """Passes signals on; of a terminal the sweep hears them twice, which it takes for one."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.process.send_signal(number)


def _sweep(asked: Asked, runs: int) -> int:
    """Make the runs that are missing, in a process of its own: trials are forked from it, which wants it fresh."""
    words = ["hydra/sweeper=grid", "hydra.sweeper.test=all", f"hydra.sweeper.workers={asked.workers}"]
    words += [f"hydra.sweeper.repeats={runs}", f"hydra.sweeper.repeat_key={asked.varied}"]
    words += [f"hydra.sweep.dir={asked.folder}", *asked.words]
    process = subprocess.Popen([sys.executable, "-P", "-m", "runner", "--multirun", *asked.flags, *words])
    with _Forwarding(process):
        status = process.wait()
    return status if status >= 0 else 128 - status


def _read(asked: Asked, name: str, direction: Direction) -> Ablation:
    from runner.analysis import run
    from runner.analysis.ablation import Ablation, Run
    from runner.sweep.folder import SweepFolder

    trials = [t for t in SweepFolder(asked.folder).load() if t.status in ("completed", "failed")]
    tested = any(trial.tested for trial in trials) and not asked.sequential and asked.varied != "data.fold"
    part = "test" if tested else "val"
    arms: dict[str, dict[int, Run]] = {}
    for trial in sorted(trials, key=lambda trial: (trial.point, trial.repeat)):
        own = {f"test/{score}": value for score, value in (trial.tested or {}).items()}
        found = Run(f"trials/{trial.folder}", trial.status, trial.cause, trial.seconds, {**trial.scores, **own})
        arms.setdefault(_arm(trial), {})[trial.repeat] = found
    folders = [run.Run.read(asked.folder / "trials" / trial.folder) for trial in trials if asked.varied != "seed"]
    return Ablation(
        asked.folder,
        arms,
        asked.fixed(),
        asked.varied,
        f"{part}/{name}",
        direction,
        asked.alpha,
        asked.margin,
        asked.plan,
        0.0 if asked.varied == "seed" else max((folder.part_to_train(part) for folder in folders), default=0.0),
    )


def _arm(trial: Trial) -> str:
    return " ".join(f"{key}={value}" for key, value in trial.params.items())


def _say_plan(asked: Asked, score: str) -> int:
    from runner.analysis.statistics.power import smallest_effect

    status = subprocess.run(
        [sys.executable, "-P", "-m", "runner", "check", "--multirun", *asked.flags, *asked.words]
    ).returncode
    if status:
        return status
    arms = math.prod(len(list(arm.sweep_string_iterator())) for arm in asked.arms)
    effect = smallest_effect(asked.runs, asked.alpha / max(1, arms - 1))
    print(f"{counted(arms, 'arm')}, {counted(asked.runs, 'run')} each: {counted(arms * asked.runs, 'run')}")
    print(f"score: {score}; the runs of an arm differ in {asked.varied}")
    print(
        f"smallest difference that would be shown in 8 of 10 cases: {effect:.2g} standard deviations of the "
        "differences between runs with the same seed"
    )
    print(printable(f"folder: {asked.folder}"))
    return 0


def _tell(ablation: Ablation) -> None:
    """The table: an arm a row."""
    from runner.analysis.groups import covered
    from runner.cli.tables import plain_table, put

    judged = ablation.comparisons
    failed = any(run.status != "completed" for runs in ablation.arms.values() for run in runs.values())
    table = plain_table("arm", "n", *["failed"] * failed, ablation.score, "sd", "difference", "p", "verdict", "seconds")
    for column in table.columns:
        column.justify = "left" if column.header in ("arm", "verdict") else "right"
    for arm in ablation.arms:
        table.add_row(arm, *_row(ablation, arm, judged.get(arm), failed))
    print()
    put(table)
    print("±: 95 % interval of the mean (Student's t); of a difference at the level, and p, of Holm's correction.")
    least = [c.smallest_difference for c in judged.values() if c.smallest_difference is not None]
    if least:
        print(f"A true difference of {max(least):.2g} or more would have been shown in 8 of 10 cases.")
    print(f"The runs of an arm differ in {covered([ablation.varied])}")
    if ablation.fixed:
        print(printable(f"All arms have in common: {' '.join(ablation.fixed)}; a verdict holds for these."))
    print(printable(f"ablation: {ablation.folder}/ablation.json"))


def _row(ablation: Ablation, arm: str, found: Comparison | None, failed: bool) -> list[str]:
    from runner.analysis.statistics.spread import Spread
    from runner.cli.tables import number, plus_minus

    spread, cost = Spread.of(ablation.scores(ablation.score)[arm].values()), ablation.cost(arm)
    row = [str(spread.n), *[str(spread.failures)] * failed]
    row += [plus_minus(number(spread.mean), spread.low, spread.high)]
    row += ["-" if spread.deviation is None else f"{spread.deviation:.2g}"]
    if found is None:
        row += ["-", "-", "baseline"]
    else:
        unknown = found.difference is None
        row += ["-" if unknown else plus_minus(f"{found.difference:+.3g}", found.low, found.high)]
        row += [f"{found.p_holm:.2g}", f"{found}{f' ({found.reason})' if found.reason else ''}"]
    return [*row, "-" if cost is None else f"{cost:.1f}"]
