"""``sweeps DIR --confirm N``: the winner of a search on fresh seeds, since the best of many runs is so by luck too."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cli.flags import refuse_recorded
from runner.cli.hydra import quoted
from runner.cli.sweeping import sweep
from runner.errors import ConfigError, RunFailed, counted, printable

if TYPE_CHECKING:
    from runner.analysis.confirmation import Confirmation, Search
    from runner.sweep.results import PointResult

SETTINGS = ("params=null", "enqueue=null", "n_trials=null", "pruner=none", "study_name=null", "test=all", "plots=false")


def confirm(folder: Path, runs: int, workers: int | None, words: list[str]) -> int:
    """Run the winner of a search again, and the default configuration beside it.

    Args:
        folder: the sweep's.
        runs: how many of each.
        workers: runs at the same time; None: as many as the search had.
        words: what a folder's own word is not taken for, such as ``trusted_targets=[...]``.

    Raises:
        ConfigError: there is no winner, or nothing fresh to run it with.
        RunFailed: no run of it came to its end.
    """
    from runner.analysis.confirmation import Confirmation, Search, name_of
    from runner.record.links import refuse_links
    from runner.sweep.folder import SweepFolder

    for word in words:
        key = word.lstrip("+").partition("=")[0]
        if key != "trusted_targets" and not (key.startswith("hydra.") and not key.startswith("hydra.sweep")):
            raise ConfigError(f"{word}: not taken here. The winner is run as it was found.")
    if SweepFolder(folder).locked:
        raise ConfigError(f"{folder}: a driver is at work on this sweep. Wait for it, or stop it with Ctrl-C.")
    for place in (folder, folder / "confirmation"):
        if place.is_dir():
            refuse_links(place)
    search = Search.read(folder)
    if search.key == "data.fold":
        raise ConfigError(
            f"{folder}: its runs differ in data.fold, and all folds together chose the winner: none is left that did "
            "not. Its scores on the test split, which chose nothing, are in result.json."
        )
    commands = [(point, _command(search, point, runs, workers, words)) for point in _wanted(search, runs, words)]
    names = ["the default configuration" if point is None else name_of(point) for point, _ in commands]
    seeds = f"{search.key} {search.first_fresh} to {search.first_fresh + runs - 1}, which no trial of the search used"
    print(printable(f"confirming {', '.join(names)}: {counted(runs, 'run')} each, {seeds}"), flush=True)
    before = _looked_at(search)
    for point, command in commands:
        status = 0 if _done(search, point, runs) else sweep(command)
        if status not in (0, 1):
            return status
    found = Confirmation.read(search)
    found.write()
    _tell(found)
    if 0 < before < runs:
        print(
            f"note: a verdict was given here before, of {before} fresh runs. One that is asked for again, of more, "
            "errs more often than in 5 of 100 cases."
        )
    if not any(trial.status == "completed" for point in found.winners for trial in found.runs[name_of(point)]):
        raise RunFailed(f"No fresh run came to its end. Under {folder}/confirmation, each trials.csv has the causes.")
    return 0


def _wanted(search: Search, runs: int, words: list[str]) -> list[PointResult | None]:
    """What is to be run: the winners, and None for the default configuration.

    Raises:
        ConfigError: it can't be.
    """
    from runner.analysis.groups import configuration
    from runner.analysis.run import Run

    winners: list[PointResult | None] = [*search.front]
    found = [Run.read(search.folder / "trials" / point.trials[0].folder) for point in search.front]
    if found[0].foreign:
        return _by_hand(search, runs)
    refuse_recorded(search.folder, [*_of_hydra(search), *search.words(None)], words)
    for point, run in zip(search.front, found, strict=True):
        refuse_recorded(search.folder, search.words(point), words)
        was, now = configuration(run.settings), _composed(search, point, words)
        changed = [f"{key} was {was[key]} and is {now.get(key)}" for key in was if was[key] != now.get(key)]
        if changed:
            print(printable(f"note: options have changed since the search: {'; '.join(changed[:5])}."))
    try:
        default = _composed(search, None, words)
    except ConfigError as error:
        print(printable(f"note: no comparison with a default configuration, there is none: {error}"))
        return winners
    if any(default == _composed(search, point, words) for point in search.front):
        print("note: no comparison with the default configuration: that is what the search found.")
        return winners
    return [*winners, None]


def _by_hand(search: Search, runs: int) -> list[PointResult | None]:
    """What another application has run by itself; this program can't start it.

    Raises:
        ConfigError: something is still to be run, with the command.
    """
    wanted = [*search.front, None]
    for point in wanted:
        if not _done(search, point, runs):
            words = " ".join(map(shlex.quote, ["--multirun", *_command(search, point, runs, None, [])]))
            raise ConfigError(
                f"{search.folder}: a search of another application ({search.settings.get('application')}), which can "
                f"only be started by yourself. Give it these arguments, then this command again: {words}"
            )
    return wanted


def _composed(search: Search, point: PointResult | None, words: list[str]) -> dict[str, Any]:
    """The settings of a fresh run, without the draws.

    Raises:
        ConfigError: its options don't fit together, or are not there any more.
    """
    from runner.analysis.groups import configuration
    from runner.analysis.settings import flat_settings
    from runner.config.check import check_run
    from runner.config.compose import Command, compose_run
    from runner.config.run_config import freeze

    lines = [*search.words(point), f"{search.key}={search.first_fresh}", *words]
    config = compose_run(Command(lines, search.settings.get("config_dir"), search.settings["config_name"]))
    check_run(config)
    return configuration(flat_settings(freeze(config)))


def _command(search: Search, point: PointResult | None, runs: int, workers: int | None, words: list[str]) -> list[str]:
    """The sweep that runs a point, or the default configuration, with fresh seeds."""
    flags = [f"--config-name={search.settings['config_name']}"]
    if search.settings.get("config_dir"):
        flags.append(f"--config-dir={search.settings['config_dir']}")
    goals = search.objectives
    return [
        *flags,
        "hydra/sweeper=grid",
        *_of_hydra(search),
        *(f"hydra.sweeper.{setting}" for setting in SETTINGS),
        *([f"hydra.sweeper.workers={workers}"] if workers else []),
        f"hydra.sweeper.objectives=[{','.join(goals)}]",
        f"hydra.sweeper.directions=[{','.join(search.settings['directions'])}]",
        f"hydra.sweeper.repeats={runs}",
        f"hydra.sweeper.repeat_key={search.key}",
        f"hydra.sweep.dir={quoted(str(search.place(point)))}",
        *search.words(point),
        f"{search.key}={search.first_fresh}",
        *words,
    ]


def _of_hydra(search: Search) -> list[str]:
    """What was said to Hydra when the search was started, as far as it is not about how to search."""
    keys = {line: line.lstrip("+~").partition("=")[0] for line in search.settings["hydra_arguments"]}
    kept = ("hydra.sweeper.workers", "hydra.sweeper.timeout")
    return [line for line, key in keys.items() if key in kept or not key.startswith(("hydra/sweeper", "hydra.sweep"))]


def _done(search: Search, point: PointResult | None, runs: int) -> bool:
    """Whether so many fresh runs have ended, and were tested."""
    from runner.sweep.folder import SweepFolder
    from runner.sweep.verdict import read_result

    place = search.place(point)
    return read_result(place).get("status") == "completed" and len(SweepFolder(place).load()) >= runs


def _looked_at(search: Search) -> int:
    """Fresh runs of the winners that were told of in an earlier confirmation."""
    from runner.analysis.confirmation import Confirmation, name_of

    found = Confirmation.read(search)
    told = (search.folder / "confirmation.json").is_file()
    return max((len(found.runs[name_of(point)]) for point in found.winners), default=0) if told else 0


def _tell(found: Confirmation) -> None:
    """The table: a score of a configuration a row."""
    from runner.analysis.confirmation import DEFAULT, name_of
    from runner.analysis.groups import covered
    from runner.analysis.statistics import SHARED
    from runner.cli.tables import plain_table, put

    search = found.search
    judged = {found.judged(name): name for name in search.objectives}
    scores = dict.fromkeys(name for pair in zip(search.objectives, judged, strict=False) for name in pair)
    compared = {score: found.comparisons(objective) for score, objective in judged.items()}
    verdicts = any(compared.values())
    failed = any(trial.status == "failed" for trials in found.runs.values() for trial in trials)
    table = plain_table("configuration", "score", "search", "n", *["failed"] * failed, "fresh seeds", "sd", "flattered")
    for name in ("difference", "p", "verdict")[: 3 * verdicts]:
        table.add_column(name)
    for column in table.columns:
        column.justify = "left" if column.header in ("configuration", "score", "verdict") else "right"
    for point in (*found.winners, None):
        name = DEFAULT if point is None else name_of(point)
        if name in found.runs:
            for score in scores:
                row = _row(found, point, name, score, failed)
                table.add_row(*row, *_verdict(compared.get(score, {}), score in judged, name) * verdicts)
    print()
    put(table)
    for point in found.winners:
        own = " ".join(f"{key}={text}" for key, text in point.trials[0].params.items())
        print(printable(f"{name_of(point)}: {own}"))
    if DEFAULT in found.runs:
        print(printable(f"{DEFAULT}: {' '.join(search.words(None)) or 'nothing chosen'}"))
    print("±: 95 % interval of the mean (Student's t); sd: standard deviation of runs.")
    if verdicts:
        print(f"Differences from {DEFAULT}, in pairs of the same {search.key}. {SHARED}")
    elif DEFAULT in found.runs:
        print("No difference is told: the loss was searched over itself, and two losses can't be compared.")
    print(printable(f"Runs of a line differ in {covered([search.key])}"))
    for sentence in _sentences(found):
        print(printable(sentence))
    if not search.ended:
        print("note: the search is not at its end; what it finds later is not confirmed by this.")
    print(printable(f"confirmation: {search.folder}/confirmation.json"))


def _row(found: Confirmation, point: PointResult | None, name: str, score: str, failed: bool) -> list[str]:
    from runner.analysis.confirmation import scores_of
    from runner.analysis.statistics.spread import Spread
    from runner.cli.tables import number, plus_minus

    objectives = found.search.objectives
    searched = [scores_of(trial, objectives).get(score) for trial in point.trials] if point else []
    before = Spread.of(value for value in searched if value is not None)
    fresh = Spread.of(found.scores(name, score).values())
    over = found.shown(point, score).overstated if point and score in objectives else None
    row = [name, score, plus_minus(number(before.mean), before.low, before.high), str(fresh.n)]
    row += [str(fresh.failures)] * failed
    row += [plus_minus(number(fresh.mean), fresh.low, fresh.high)]
    row += ["-" if fresh.deviation is None else f"{fresh.deviation:.2g}"]
    return [*row, "-" if over is None else f"{over:.2g}"]


def _verdict(compared: dict[str, Any], judged: bool, name: str) -> list[str]:
    from runner.cli.tables import plus_minus

    comparison = compared.get(name)
    if comparison is None:
        return ["-", "-", "baseline" if judged and compared else "-"]
    unknown = comparison.difference is None
    difference = "-" if unknown else plus_minus(f"{comparison.difference:+.3g}", comparison.low, comparison.high)
    reason = f" ({comparison.reason})" if comparison.reason else ""
    return [difference, f"{comparison.p_holm:.2g}", f"{comparison}{reason}"]


def _sentences(found: Confirmation) -> list[str]:
    """What fresh seeds say, a sentence for each winner and objective."""
    from runner.analysis.confirmation import name_of
    from runner.cli.tables import number, plus_minus

    search, said = found.search, []
    rank = "the best" if len(search.objectives) == 1 else "on the Pareto front"
    for point in found.winners:
        name = name_of(point)
        for objective in search.objectives:
            shown, comparison = found.shown(point, objective), found.comparisons(objective).get(name)
            if shown.overstated is None:
                said.append(f"{name}: no fresh run has {objective}.")
                continue
            over, fresh = shown.overstated, plus_minus(number(shown.fresh.mean), shown.fresh.low, shown.fresh.high)
            not_so = f"did not flatter it: they are better by {number(-over)}"
            flattered = f"flattered it by {number(over)}" if over > 0 else not_so
            sentence = (
                f"{name}: the search said {objective} {number(shown.found)}, {rank} of {search.tried}; "
                f"{counted(shown.fresh.n, 'fresh run')} say {fresh}. The search {flattered}."
            )
            if comparison is not None:
                sentence += f" Against the default configuration, by {found.judged(objective)}: {comparison}."
            said.append(sentence)
    return said


def of_winner(folder: Path) -> list[str]:
    """What is to be said of a sweep's best point: how it did on fresh seeds, or that it was not put to that."""
    from runner.analysis.confirmation import Confirmation, Search, name_of

    try:
        search = Search.read(folder)
        found = Confirmation.read(search)
        if found.winners:
            return _sentences(found)
    except ConfigError:  # nothing was found, or not searched for
        return []
    if search.tried < 2 or search.key == "data.fold":
        return []
    what = "single runs" if len(search.front[0].trials) == 1 else f"means over {len(search.front[0].trials)} runs"
    names = ", ".join(map(name_of, search.front[:3])) + (", ..." if len(search.front) > 3 else "")
    return [
        f"{names}: the best of {search.tried} {what}, so by luck too, and the score flatters. On fresh seeds: "
        f"python -m runner sweeps {shlex.quote(str(folder))} --confirm 5"
    ]
