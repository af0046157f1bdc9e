"""The same question on several data sets: an ablation of each, one after the other, and one answer over all."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from runner.analysis.ablation import Ablation
from runner.analysis.across import Across
from runner.cli.ablate.ablating import Ablating
from runner.cli.ablate.asked import Asked, parsed, refuse_kept
from runner.cli.ablate.design import Design, design
from runner.cli.ablate.finish import finish
from runner.cli.ablate.score import compared_across, scores
from runner.cli.ablate.told import tell_lacking, tell_plan
from runner.cli.ablate.told_across import tell_across
from runner.cli.flags import take, take_all
from runner.errors import ConfigError, Interrupted, RunFailed, counted, printable
from runner.record.folder import make
from runner.record.links import refuse_links
from runner.record.lock import Lock
from runner.sweep.folder import shown
from runner.sweep.reporter import duration


def ablate_across(whole: Asked, across: list[str], dry_run: bool) -> int:
    """Run an ablation on each data set, and say what holds over all.

    Args:
        whole: what was typed beside them.
        across: which data sets: words with several values, which multiply.
        dry_run: only say what would be run.
    """
    folder, each = each_of(whole, across)
    print("checking every option that these runs can reach, on every data set", flush=True)
    designs = {name: _design(name, one) for name, one in each.items()}
    _refuse_other_arms(designs)
    score = compared_across(whole.score, designs)
    ablating = {
        name: Ablating(_scored(each[name], score), found, score, scores(found)[score])
        for name, found in designs.items()
    }
    for found in designs.values():
        tell_lacking(found)
    if dry_run:
        _tell_plans(ablating, folder)
        return 0
    done = _conduct(whole, across, folder, ablating)
    if not any(ablation.completed for ablation in done.values()):
        raise RunFailed(f"No run in {folder} came to its end. The ablation.json of each data set has the causes.")
    return 0


def _conduct(whole: Asked, across: list[str], folder: Path, ablating: Mapping[str, Ablating]) -> dict[str, Ablation]:
    if any(os.path.lexists(folder / name) for name in ("manifest.json", "sweep.yaml", "ablation.json")):
        raise ConfigError(f"{folder}: holds a run, a sweep or an ablation. Expected a folder of its own: --output DIR.")
    make(folder)
    refuse_links(folder)
    lock = Lock(folder / "ablation.lock")  # as of an ablation, so that it is stopped as one
    if holder := lock.take():
        raise ConfigError(f"{folder}: {holder} is at work on this ablation.")
    done: dict[str, Ablation] = {}
    command = ["python", "-m", "runner", "ablate", *whole.typed]
    try:
        for place, (name, one) in enumerate(ablating.items(), 1):
            print(printable(f"\n{name} ({place} of {len(ablating)})"), flush=True)
            done[name] = finish(one, name)
            direction = one.procedure.direction
            found = Across(folder, across, one.score, direction, list(ablating), dict(done), command)
            found.write()
        tell_across(found)
    except Interrupted as stopped:
        stopped.args = (f"Stopped. The same command continues the ablations in {shown(folder.absolute())}.",)
        raise
    finally:
        lock.release()
    return done


def each_of(whole: Asked, across: list[str]) -> tuple[Path, dict[str, Asked]]:
    """The folder of all, and what is asked on each data set.

    Raises:
        ConfigError: they are no data sets.
    """
    there = {override.key_or_group: override.input_line for override in parsed(whole.words, whole.config_dir)}
    there |= {
        override.key_or_group: f"--tune {override.input_line}" for override in parsed(whole.tune, whole.config_dir)
    }
    values: dict[str, list[str]] = {}
    for override in parsed(across, whole.config_dir):
        key, line = override.key_or_group, override.input_line
        refuse_kept(override)
        if key in there:
            raise ConfigError(f"--across {line}: {there[key]} says something else of {key}. Leave one of them out.")
        if override.is_interval_sweep() or not override.is_sweep_override():
            raise ConfigError(f"--across {line}: expected several values: {key}=A,B. Each gets an ablation of its own.")
        words = list(override.sweep_string_iterator())
        if twice := next((word for word in words if words.count(word) > 1), None):
            raise ConfigError(f"--across {line}: {twice} is there twice. Each value once.")
        if override.get_key_element() in values:
            raise ConfigError(f"--across {line}: {key} is there twice. Leave one of them out.")
        values[override.get_key_element()] = words
    folder = whole.folder
    output, typed = take(whole.typed, "--output")
    if output is None:
        keys = "+".join(_plain(key.rpartition(".")[2].rpartition("/")[2]) for key in values)[:40]
        folder = folder.with_name(f"{folder.name}-across-{keys}-{_digest(json.dumps(sorted(across)))}")
    _, typed = take_all(typed, "--across")
    found = {}
    for point in itertools.product(*values.values()):
        words = [f"{key}={value}" for key, value in zip(values, point, strict=True)]
        name = " ".join(words)
        own = folder / _folder_name(point, name)
        found[name] = replace(
            whole, words=[*words, *whole.words], folder=own, typed=[*typed, *words, "--output", str(own)]
        )
    return folder, found


def _design(name: str, one: Asked) -> Design:
    try:
        return design(one)
    except ConfigError as error:
        raise error if str(error).startswith(name) else ConfigError(f"{name}: {error}") from error


def _refuse_other_arms(designs: Mapping[str, Design]) -> None:
    """Refuse data sets that have other arms than the first one, as where one lacks the key in which they differ."""
    (first, expected), *others = ((name, list(found.arms)) for name, found in designs.items())
    for name, arms in others:
        if arms != expected:
            raise ConfigError(
                f"{name}: has the arms {', '.join(arms)}, and {first} has {', '.join(expected)}. "
                "Expected the same on all."
            )


def _scored(one: Asked, score: str) -> Asked:
    _, typed = take(one.typed, "--score")
    return replace(one, score=score, typed=[*typed, "--score", score])


def _tell_plans(ablating: Mapping[str, Ablating], folder: Path) -> None:
    known = []
    for name, one in ablating.items():
        print(printable(f"\n{name}"))
        known.append(tell_plan(one.asked, one.design, one.procedure, one.score))
    runs = sum(one.procedure.at_most({}) for one in ablating.values())
    most = "" if all(one.procedure.looks_once for one in ablating.values()) else "at most "
    seconds = [value for value in known if value is not None]
    if len(seconds) == len(known):
        time = f"about {duration(sum(seconds))}"
    else:
        time = f"not known of {len(known) - len(seconds)} of them"
    print(f"\nin all: {most}{counted(runs, 'run')} on {len(ablating)} data sets; time: {time}")
    print(printable(f"folder: {folder}"))


def _folder_name(values: Sequence[str], name: str) -> str:
    """``wine``; with a digest of what it stands for where not every character can be in a file's name."""
    text, plain = "+".join(values), "+".join(map(_plain, values))[:60]
    return plain if plain == text else f"{plain}-{_digest(name)}"


def _plain(text: str) -> str:
    return re.sub(r"^\.|[^A-Za-z0-9_.-]", "-", text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
