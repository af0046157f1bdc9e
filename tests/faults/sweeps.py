"""The sweeps that the faults of sweeps are tried on, and how they are judged."""

from __future__ import annotations

import contextlib
import csv
import importlib
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import optuna
import torch
import yaml

from runner.sweep.study import POINT, Journal
from runner.testing.comparison import same
from tests.faults import moments, runs
from tests.faults.fault import Seen, leftovers, manners
from tests.faults.process import Ended, Setting, Started

APPS = Path(__file__).parents[1] / "apps"
HERE = ["hydra.sweep.dir=sweep", "hydra.sweeper.workers=2", "hydra.sweeper.plots=false", "hydra.sweeper.retries=1"]
GRID = ["hydra/sweeper=grid", "x=1,2,3", "y=0,1", *HERE]
BAYES = [
    "hydra/sweeper=bayes",
    "x=interval(0,1)",
    "hydra.sweeper.n_trials=6",
    "hydra.sweeper.sampler.n_startup_trials=3",
]
BAYES += HERE
RUNS = ["--multirun", *runs.COMMAND[:-1], "optimizer.lr=0.1,0.01", "hydra/sweeper=grid", *HERE]


def application(name: str) -> None:
    """One of the applications in ``tests/apps``, in this process."""
    import inspect

    import hydra

    sys.path.insert(0, str(APPS))
    task = getattr(importlib.import_module(name), name)
    sys.argv = [name, "-m", *sys.argv[1:]]
    hydra.main(version_base=None, config_path=str(APPS), config_name=name)(inspect.unwrap(task))()


def start(words: Sequence[str], folder: Path, *settings: Setting, app: str = "sphere") -> Started:
    """A sweep in a process of its own: of runs where the words say so, else of an application."""
    if words[0] == "--multirun":
        return Started(words, folder, runs.save_always, *settings)
    return Started(words, folder, *settings, application=partial(application, app))


@cache
def moments_of(*words: str, of_workers: bool = False) -> tuple[str, ...]:
    """The moments at which a sweep's driver, or only its workers, write into its folder."""
    folder = Path(tempfile.mkdtemp(dir=runs.home()))
    note = partial(moments.record, folder / "sweep", folder / "names")
    done = start(words, folder, note).end()
    assert not manners(done), manners(done)
    found = tuple(dict.fromkeys((folder / "names").read_text().splitlines()))
    if not of_workers:
        return found
    (folder / "names").unlink()
    shutil.rmtree(folder / "sweep")
    done = start(words, folder, partial(moments.record, folder / "sweep", folder / "names", children=True)).end()
    assert not manners(done), manners(done)
    names = dict.fromkeys((folder / "names").read_text().splitlines())
    drivers = {moment.rpartition(" #")[0] for moment in found}
    return tuple(moment for moment in names if moment.rpartition(" #")[0] not in drivers)


@cache
def whole(*words: str) -> Path:
    """The sweep that nothing happened to."""
    folder = Path(tempfile.mkdtemp(dir=runs.home()))
    done = start(words, folder).end()
    assert not manners(done), manners(done)
    return folder / "sweep"


def records(sweep: Path) -> dict[int, dict[str, Any]]:
    """The trials as their folders have them, by number; what is not whole is left out."""
    found = {}
    for path in sweep.glob("trials/[0-9]*/trial.json"):
        with contextlib.suppress(ValueError):
            trial = json.loads(path.read_text())
            found[trial["number"]] = trial
    return found


def rows(sweep: Path) -> list[dict[str, str]]:
    """The rows of the table."""
    with open(sweep / "trials.csv", newline="") as file:
        return list(csv.DictReader(file))


def judged(
    folder: Path,
    told: str,
    before: dict[int, dict[str, Any]],
    words: Sequence[str],
    ends: Sequence[Ended],
    wrong: Sequence[str] = (),
) -> Seen:
    """Look at a sweep that went on after a fault, and has ended.

    Args:
        folder: it is in ``sweep`` there.
        told: what was said of the fault.
        before: its records just after the fault.
        words: its command.
        ends: commands that had to end well.
        wrong: what was found before.
    """
    sweep = folder / "sweep"
    wrong = [*wrong, *(word for ended in ends for word in manners(ended)), *leftovers(folder)]
    try:
        table, trials = rows(sweep), records(sweep)
    except OSError as error:
        return Seen(told, [*wrong, f"no table: {error}"], lost=1)
    points = [tuple(sorted(trial["params"].items())) for trial in trials.values()]
    name = yaml.safe_load((sweep / "sweep.yaml").read_text())["study"]
    study = optuna.load_study(study_name=name, storage=optuna.storages.JournalStorage(Journal(sweep / "study.journal")))
    ours = {trial["point"] for trial in trials.values()}  # that of a trial whose record was damaged stays as it is
    kept = [t.user_attrs[POINT] for t in study.trials if t.state.name == "COMPLETE" and t.user_attrs.get(POINT) in ours]
    expected = {str(sorted(trial["params"].items())): trial for trial in records(whole(*words)).values()}
    lost = [n for n, trial in before.items() if trial["status"] == "completed" and _ran_again(trial, trials.get(n))]
    double = len(points) - len(set(points)) + len(kept) - len(set(kept))
    if len({int(row["number"]) for row in table}) != len(expected):
        wrong.append(f"rows {[row['number'] for row in table]}, expected {len(expected)} of them")
    if double:
        wrong.append(f"twice: {sorted(points)}, the study has {sorted(kept)}")
    if bad := [(row["number"], row["status"], row["cause"]) for row in table if row["status"] != "completed"]:
        wrong.append(f"not completed: {bad}")
    if len(kept) != len(expected):
        wrong.append(f"the study has {sorted(kept)}")
    folders = {path.name for path in (sweep / "trials").iterdir()}
    if folders != {row["folder"].removeprefix("trials/") for row in table}:
        wrong.append(f"folders and rows differ: {sorted(folders)}")
    if words[0] != BAYES[0]:
        for point, trial in expected.items():
            own = next((t for t in trials.values() if str(sorted(t["params"].items())) == point), None)
            if own is None or own["values"] != trial["values"]:
                wrong.append(f"{point}: {own and own['values']} instead of {trial['values']}")
            elif words[0] == "--multirun":
                places = whole(*words) / "trials" / trial["folder"], sweep / "trials" / own["folder"]
                states = [torch.load(place / "checkpoints/last.pt", weights_only=True) for place in places]
                wrong += [f"{point}: {word}" for word in same(*states)[:3]]
    return Seen(told, wrong, len(lost), double)


def _ran_again(before: dict[str, Any], after: dict[str, Any] | None) -> bool:
    return after is None or (after["ended"], after["seconds"]) != (before["ended"], before["seconds"])
