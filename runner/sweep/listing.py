"""Sweeps that lie in a folder: what they are, how they stand, and the command that continues one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from omegaconf import OmegaConf

from runner.errors import ConfigError
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
        best: the best value of a single objective; None while there is none.
        overrides: the best point.
    """

    folder: Path
    created: str
    sampler: str
    objectives: tuple[str, ...]
    statuses: dict[str, int]
    best: float | None
    overrides: str


def read_settings(folder: Path) -> dict[str, Any]:
    """The content of a sweep's ``sweep.yaml``.

    Raises:
        ConfigError: the folder is no sweep's.
    """
    path = SweepFolder(folder).settings
    if not path.is_file():
        raise ConfigError(f"{folder}: not the folder of a sweep (it has no sweep.yaml). `sweeps` lists them.")
    settings: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(path))  # type: ignore[assignment]
    return settings


def summaries(root: Path) -> list[Summary]:
    """The sweeps in the folders of `root`, oldest first; or the one whose own folder it is."""
    found = []
    for path in [*root.glob("sweep.yaml")] or root.glob("*/sweep.yaml"):
        settings, table = read_settings(path.parent), path.with_name("trials.csv")
        alive = SweepFolder(path.parent).locked
        rows = read_table(table) if table.exists() else []
        best: tuple[float, str] | None = None
        if len(settings["objectives"]) == 1:
            sign = 1.0 if settings["directions"] == ["minimize"] else -1.0
            points: dict[str, list[dict[str, str]]] = {}
            for row in rows:
                if row["status"] == "completed":
                    points.setdefault(row["point"], []).append(row)
            values = [
                (sign * fmean(float(r[settings["objectives"][0]]) for r in done), _point(done[0], settings["space"]))
                for done in points.values()
                if len(done) >= settings["repeats"]
            ]
            best = min(values, default=None)
            best = best and (sign * best[0], best[1])
        found.append(
            Summary(
                path.parent,
                settings["created"],
                settings["sampler"],
                tuple(settings["objectives"]),
                dict(Counter(r["status"] if alive or r["status"] != "running" else "interrupted" for r in rows)),
                best[0] if best else None,
                best[1] if best else "",
            )
        )
    return sorted(found, key=lambda s: (s.created, s.folder.name))


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
