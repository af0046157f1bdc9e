"""Sweeps that lie in a folder: what they are, how they stand, and the command that continues one."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from runner.errors import ConfigError
from runner.record.reading import read_yaml
from runner.sweep.folder import SweepFolder, read_table


@dataclass(frozen=True)
class Summary:
    """One sweep at a glance.

    Attributes:
        folder: where it lies.
        created: when it was first started.
        sampler: who chose.
        objectives: what was searched for.
        statuses: trials by status; those that were running when their driver died are interrupted.
        values: of a single objective at the best point, one for each repeat; none while there is no such point.
        overrides: the best point.
        problem: why a folder can't be read; nothing else is known of it then.
    """

    folder: Path
    created: str
    sampler: str
    objectives: tuple[str, ...]
    statuses: dict[str, int]
    values: tuple[float, ...]
    overrides: str
    problem: str | None = None


def read_settings(folder: Path) -> dict[str, Any]:
    """The content of a sweep's ``sweep.yaml``.

    Raises:
        ConfigError: the folder is no sweep's, or the file is damaged.
    """
    path = SweepFolder(folder).settings
    if not path.is_file():
        raise ConfigError(f"{folder}: not the folder of a sweep (it has no sweep.yaml). `sweeps` lists them.")
    try:
        settings: Any = OmegaConf.to_container(OmegaConf.create(read_yaml(path)))
    except (OSError, ValueError, AssertionError, RecursionError, YAMLError, OmegaConfBaseException) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigError(f"{path}: can't be read ({why}).") from None
    for key, kind in _KINDS.items():
        value: Any = settings.get(key) if isinstance(settings, dict) else None
        if not isinstance(value, kind) or (
            isinstance(value, list) and not all(isinstance(text, str) for text in value)
        ):
            raise ConfigError(f"{path}: {key} is missing, or is not what a sweep writes there.")
    return settings  # type: ignore[no-any-return]


_KINDS: dict[str, type] = {
    "created": str,
    "study": str,
    "sampler": str,
    "seed": int,
    "repeats": int,
    "objectives": list,
    "directions": list,
    "fixed": list,
    "space": dict,
    "config_name": str,
    "arguments": list,
    "hydra_arguments": list,
}


def summaries(root: Path) -> list[Summary]:
    """The sweeps in the folders of `root`, oldest first; or the one whose own folder it is."""
    found = []
    for path in [*root.glob("sweep.yaml")] or root.glob("*/sweep.yaml"):
        try:
            found.append(_summary(path.parent))
        except ConfigError as error:
            found.append(Summary(path.parent, "", "", (), {}, (), "", problem=str(error)))
    return sorted(found, key=lambda s: (s.created, s.folder.name))


def _summary(folder: Path) -> Summary:
    settings, sweep = read_settings(folder), SweepFolder(folder)
    alive = sweep.locked
    try:
        rows = read_table(sweep.table) if sweep.table.exists() else []
        statuses = Counter(r["status"] if alive or r["status"] != "running" else "interrupted" for r in rows)
        best = _best(rows, settings)
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise ConfigError(
            f"{sweep.table}: can't be read ({type(error).__name__}). The sweep's command writes it anew."
        ) from None
    values, point = best or ((), "")
    about = (settings["created"], settings["sampler"], tuple(settings["objectives"]))
    return Summary(folder, *about, dict(statuses), values, point)


def _best(rows: Sequence[dict[str, str]], settings: dict[str, Any]) -> tuple[tuple[float, ...], str] | None:
    """Values and overrides of the best point whose repeats are all completed."""
    if len(settings["objectives"]) != 1:
        return None
    (name,), sign = settings["objectives"], 1.0 if settings["directions"] == ["minimize"] else -1.0
    points: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        if row["status"] == "completed" and row[name]:
            points.setdefault(row["point"], []).append(row)
    done = [members for members in points.values() if len(members) >= settings["repeats"]]
    if not done:
        return None
    best = min(done, key=lambda members: sign * fmean(float(r[name]) for r in members))
    return tuple(float(row[name]) for row in best), _point(best[0], settings["space"])


def _point(row: dict[str, str], keys: Iterable[str]) -> str:
    """What was searched over, at a row of the table."""
    return " ".join(f"{key}={row[key]}" for key in keys if row[key])


def continuing(folder: Path, overrides: Sequence[str] = ()) -> list[str]:
    """The arguments of a Hydra application that go on with a sweep.

    Args:
        folder: the sweep's folder.
        overrides: what is to be different from now on, such as ``hydra.sweeper.n_trials=200``.
    """
    settings = read_settings(folder)
    flags = ["--multirun", f"--config-name={settings['config_name']}"]
    if settings.get("config_dir"):
        flags.append(f"--config-dir={settings['config_dir']}")
    return [*flags, *recorded(folder, overrides), *overrides, f"hydra.sweep.dir='{folder}'"]


def recorded(folder: Path, overrides: Sequence[str] = ()) -> list[str]:
    """What a sweep was started with, as its folder says, without what `overrides` say anew."""
    settings, new = read_settings(folder), {_key(line) for line in overrides}
    return [line for line in [*settings["hydra_arguments"], *settings["arguments"]] if _key(line) not in new]


def _key(line: str) -> str:
    return line.lstrip("+~").partition("=")[0]
