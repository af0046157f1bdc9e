"""Runs put together by configuration: what they were set to, apart from the draws that were made."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from runner.analysis.difference import SEEDS
from runner.analysis.run import Run
from runner.analysis.settings import option_settings, shown
from runner.config.groups import BY_NAME
from runner.engine.metric import Direction
from runner.errors import ConfigError, counted, did_you_mean

Draw = tuple[Hashable, ...]
"""What tells runs of one configuration apart: the values of `SEEDS`, and of another application's trials the repeat."""

# They say where, for whom and how much is told, not what is trained.
_LEFT_OUT = re.compile(
    r"(name|trusted_targets|tracking|trainer\.(device|threads|log_every|images|histograms|checkpoint)"
    r"|data\.(num_workers|path|root))(\..*)?"
)

COVERED = {
    "seed": "seed (initial weights, order of examples, random draws)",
    "data.split_seed": "data.split_seed (which examples are held out)",
    "data.fold": "data.fold (which examples are held out, in turn)",
}


# Those of which other examples are held out; such runs share most of what they learn from.
OTHER_EXAMPLES = {"data.split_seed", "data.fold"}


def covered(varied: Sequence[str]) -> str:
    """Which source of variance is covered by runs that differ in some of `SEEDS`: the end of a sentence."""
    rest = "" if OTHER_EXAMPLES.intersection(varied) else " The split of the data is the same in all."
    return f"{' and '.join(COVERED[key] for key in varied)}.{rest}"


@dataclass
class Group:
    """The runs of one configuration.

    Attributes:
        settings: what they were set to.
        runs: those that completed, one for each draw, oldest first.
        failed: those that failed, where no other run of that draw completed.
    """

    settings: dict[str, Any]
    runs: dict[Draw, Run] = field(default_factory=dict)
    failed: dict[Draw, Run] = field(default_factory=dict)

    @property
    def all(self) -> list[Run]:
        """Those that completed, and those that failed."""
        return [*self.runs.values(), *self.failed.values()]

    def values(self, score: str) -> dict[Hashable, float | None]:
        """A score by draw; None of runs that failed. Completed runs without this score are left out."""
        found: dict[Hashable, float | None] = dict.fromkeys(self.failed)
        return found | {draw: run.scores[score] for draw, run in self.runs.items() if score in run.scores}


@dataclass
class Groups:
    """Configurations that can be compared.

    Attributes:
        groups: by the start of their first run.
        scores: the names of the scores; the first is the one that counts.
        directions: in which each improves; None where nothing says it.
        columns: settings that differ between groups.
        varied: those of `SEEDS` that differ within a group.
        notes: what was left out, and what else should be known.
    """

    groups: list[Group]
    scores: list[str]
    directions: list[Direction | None]
    columns: list[str]
    varied: list[str]
    notes: list[str]


def configuration(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What was trained: settings without the draws, and without where and for whom it was done."""
    return {key: value for key, value in settings.items() if key not in SEEDS and not _LEFT_OUT.fullmatch(key)}


def group(runs: Sequence[Run], scores: Sequence[str] = ()) -> Groups:
    """Put runs together by configuration.

    Args:
        runs: of one task, on the same data.
        scores: by which they are compared; none is the monitored one.

    Raises:
        ConfigError: they can't be compared, or have no such score.
    """
    notes: list[str] = []
    ended: dict[str, list[Run]] = {"completed": [], "failed": []}
    others: dict[str, int] = {}
    for run in sorted(runs, key=lambda run: (run.started, str(run.path))):
        if run.settings and run.status in ended:
            ended[run.status].append(run)
        else:
            what = run.status if run.settings else "without a configuration that can be read"
            others[what] = others.get(what, 0) + 1
    if not ended["completed"]:
        said = ", ".join(f"{count} {what}" for what, count in others.items())
        raise ConfigError(
            f"compare: no run has completed ({said or counted(len(ended['failed']), 'run') + ' failed'})."
        )
    if others:
        notes.append(f"Left out: {', '.join(f'{count} {what}' for what, count in others.items())}.")
    _check_same([*ended["completed"], *ended["failed"]])
    names = list(scores) or [_monitor(ended["completed"])]
    _check_scores(names, ended["completed"])
    groups: dict[str, Group] = {}
    again = 0
    for run in [*ended["completed"], *ended["failed"]]:
        own = configuration(run.settings)
        of = groups.setdefault(repr(sorted(own.items(), key=str)), Group(own))
        draw = (
            *(shown(run.settings.get(key)) for key in SEEDS),
            shown(run.trial.get("repeat")) if run.foreign else None,
        )
        if run.status == "failed":
            if draw not in of.runs:
                of.failed[draw] = run
            continue
        again += draw in of.runs
        of.runs[draw] = run  # of two the later one
    if again:
        notes.append(
            f"{counted(again, 'run')} of a configuration and seed that a later one has too: the later one counts."
        )
    found = list(groups.values())
    varied = [key for place, key in enumerate(SEEDS) if any(len({draw[place] for draw in g.runs}) > 1 for g in found)]
    notes += _of_the_code(ended["completed"])
    first = ended["completed"][0]
    return Groups(found, names, [first.direction(name) for name in names], _columns(found), varied, notes)


def _monitor(runs: Sequence[Run]) -> str:
    by_monitor: dict[str, Run] = {}
    for run in runs:
        by_monitor.setdefault(run.monitor, run)
    if len(by_monitor) > 1:
        (one, first), (other, second) = list(by_monitor.items())[:2]
        raise ConfigError(
            f"compare: {first.path} was judged by {one or 'nothing that is known'} and {second.path} by "
            f"{other or 'nothing that is known'}. Say which score counts: --score NAME."
        )
    return next(iter(by_monitor))


def _check_same(runs: Sequence[Run]) -> None:
    """Refuse runs of different tasks or data: their scores say nothing about each other."""
    for what in ("task", "data"):
        known: dict[str, Run] = {}
        for run in runs:
            if value := run.task if what == "task" else run.fingerprint:
                known.setdefault(value, run)
        if len(known) > 1:
            (one, first), (other, second) = list(known.items())[:2]
            names = (first.settings.get("data"), second.settings.get("data"))
            told = f"{one} and {other}" if what == "task" else " and ".join(map(str, names))
            told += " of other content" if what == "data" and names[0] == names[1] else ""
            raise ConfigError(
                f"compare: {first.path} and {second.path} are of different {what} ({told}): their scores can't be "
                "compared. Name runs of one of them only."
            )
    if len({run.foreign for run in runs}) > 1:
        raise ConfigError("compare: some of these are trials of another application. Name those of one only.")


def _check_scores(names: Sequence[str], runs: Sequence[Run]) -> None:
    there = dict.fromkeys(name for run in runs for name in run.scores)
    for name in names:
        if name not in there:
            raise ConfigError(
                f"--score {name}: no run has such a score.{did_you_mean(name, there)} There are {', '.join(there)}."
            )


def _columns(groups: Sequence[Group]) -> list[str]:
    """The settings by which groups are told apart, without those that the names of their options say."""
    keys = dict.fromkeys(key for g in groups for key in g.settings)
    differing = [key for key in keys if len({repr(g.settings.get(key)) for g in groups if _speaks(key, g)}) > 1]
    implied = [{key for key in differing if key in g.settings and _is_default(key, g.settings)} for g in groups]
    having = [{key for key in differing if key in g.settings} for g in groups]
    columns = [key for key in differing if any(key in h - i for h, i in zip(having, implied, strict=True))]
    seen: dict[str, Group] = {}
    for g in groups:
        twin = seen.setdefault(repr([g.settings.get(key) for key in columns]), g)
        if twin is not g:  # such as runs of before and after a setting was added
            columns += [k for k in keys if k not in columns and repr(twin.settings.get(k)) != repr(g.settings.get(k))]
    return columns


def _speaks(key: str, group: Group) -> bool:
    """Whether a group says anything by a setting: what was made of a network, also by not having it."""
    return key in group.settings or key.startswith("variant.")


def _is_default(key: str, settings: dict[str, Any]) -> bool:
    """Whether a setting has the value that the option it belongs to gives it."""
    for place in (place for place, letter in enumerate(key) if letter == "."):
        group = BY_NAME.get(key[:place])
        if group is not None:
            option = key[place + 1 :].partition(".")[0] if group.many else settings.get(group.name)
            values = option_settings(group.name, str(option))
            if key in values and _alike(values[key], settings[key]):
                return True
    return False


def _alike(written: Any, value: Any) -> bool:
    """Whether a value in an option's file is that of a run; ``1e-3`` is a text to YAML."""
    if isinstance(value, float) and isinstance(written, str):
        with suppress(ValueError):
            return float(written) == value
    return repr(written) == repr(value)


def _of_the_code(runs: Sequence[Run]) -> list[str]:
    commits = {str(git.get("commit")) for run in runs if isinstance(git := run.manifest.get("git"), dict) and git}
    packages = [run.manifest.get("packages") for run in runs]
    torch = {str(p.get("torch")) for p in packages if isinstance(p, dict)}
    notes = [f"Their code is of {len(commits)} commits, which may differ in more than is shown."] * (len(commits) > 1)
    return notes + [f"They were run with torch {' and '.join(sorted(torch))}."] * (len(torch) > 1)
