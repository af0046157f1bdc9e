"""The Optuna study beside the trial folders: the samplers' memory, and what optuna-dashboard opens.

The folders are the truth. Whatever the study lacks or has too much of after a crash is put right from them.
"""

from __future__ import annotations

import errno
import json
import os
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import optuna
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState, create_trial

from runner.errors import ConfigError
from runner.record.reading import read
from runner.sweep.folder import patiently, set_aside
from runner.sweep.results import PointResult
from runner.sweep.samplers import Sampler, distribution
from runner.sweep.space import Point, Space
from runner.sweep.trial import Trial

optuna.logging.set_verbosity(optuna.logging.ERROR)

POINT, FOLDERS = "point", "folders"
STATES = {
    "running": TrialState.RUNNING,
    "interrupted": TrialState.RUNNING,
    "completed": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "paused": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


def state_of(status: str, values: list[float] | None) -> TrialState:
    """Optuna's word for a status. It knows no trial that completed without a score: such a one is told as pruned."""
    return TrialState.PRUNED if status == "completed" and not values else STATES[status]


class Journal(JournalFileBackend):
    """Optuna's journal file with a single writer: no lock, no fsync, and never a torn line.

    The trial folders are synced; the journal can be made again from them.
    """

    def __init__(self, path: Path) -> None:
        path.with_name(path.name + ".lock").unlink(missing_ok=True)  # left by a process that was killed
        if path.exists():
            _drop_torn_lines(path)
        super().__init__(str(path))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add lines in one write; what did not fit on the disk is taken back, and written when it fits."""
        patiently(lambda: self._append(logs))

    def _append(self, logs: list[dict[str, Any]]) -> None:
        text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        handle = os.open(self._file_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            size = os.fstat(handle).st_size
            try:
                if os.write(handle, text) < len(text):
                    raise OSError(errno.ENOSPC, "No space left on device", self._file_path)
            except OSError:
                os.ftruncate(handle, size)
                raise
        finally:
            os.close(handle)


def _drop_torn_lines(path: Path) -> None:
    """Cut off a last line that was not written to its end.

    Raises:
        ValueError: it is not the last one.
    """
    content = read(path, largest=None)
    whole = 0
    for line in content.splitlines(keepends=True):
        try:
            known = isinstance(json.loads(line), dict)
        except ValueError:
            known = False
        if not known or not line.endswith(b"\n"):
            break
        whole += len(line)
    if whole < len(content):
        if b"\n" in content[whole:-1]:
            raise ValueError("damaged in the middle")
        with open(path, "r+b") as file:
            file.truncate(whole)


def _reason(error: Exception) -> str:
    """Why a storage can't be opened, in words that never hold its URL."""
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed; for PostgreSQL: pip install 'runner[postgresql]'"
    first = getattr(error, "orig", None) or getattr(error.__cause__, "orig", None)  # the database driver's own
    return str(first).strip().splitlines()[0] if first else "no URL that is understood"


def _database(url: str) -> optuna.storages.RDBStorage:
    """A storage by its URL; a connection that the server dropped between two trials is opened again."""
    return optuna.storages.RDBStorage(url, engine_kwargs={"pool_pre_ping": True})


def _in_journal(journal: Path, name: str, directions: Sequence[Any]) -> optuna.Study:
    where = optuna.storages.JournalStorage(Journal(journal))
    study = optuna.create_study(storage=where, study_name=name, directions=list(directions), load_if_exists=True)
    for trial in study.get_trials(deepcopy=False):
        _point_of(trial)
    return study


def _opened(url: str, name: str, directions: Sequence[Any]) -> optuna.Study:
    """The study; where several drivers make the tables of a new database at once, all but one fail and look again."""
    for again in range(5, -1, -1):
        try:
            where = _database(url)
            return optuna.create_study(storage=where, study_name=name, directions=list(directions), load_if_exists=True)
        except Exception as error:
            if not again or type(error).__name__ not in ("IntegrityError", "ProgrammingError"):
                raise
            time.sleep(0.5)
    raise AssertionError


def _in_database(url: str, name: str, directions: Sequence[Any]) -> optuna.Study:
    try:
        return _opened(url, name, directions)
    except Exception as error:
        raise ConfigError(
            f"hydra.sweeper.storage: can't open the storage ({_reason(error)}). Expected an Optuna URL such as "
            "postgresql://USER@HOST/DATABASE, a server that answers there, and the password in the environment."
        ) from None


def _point_of(trial: FrozenTrial) -> int:
    """The point that a study's trial is of; -1 for one that nobody here has asked for."""
    return int(trial.user_attrs.get(POINT, -1))


def notes(point: PointResult) -> dict[str, Any]:
    """What the dashboard shows of a point beside its values: how sure they are, and why there are none."""
    causes = dict.fromkeys(trial.cause for trial in point.trials if trial.cause)
    return ({"standard_error": point.errors} if point.errors else {}) | ({"cause": "; ".join(causes)} if causes else {})


def folder_of(trial: Trial) -> str:
    """Where the trial's run lies in the sweep's folder."""
    return f"trials/{trial.folder}"


class Study:
    """One Optuna study, spoken to in points and trials of ours.

    Args:
        storage: an Optuna URL, or None for the journal.
        journal: the journal's file.
        name: the study's name.
        objectives: names of the objectives.
        directions: ``minimize`` or ``maximize`` for each objective.
        sampler: who chooses.
        space: what is searched.
        seed: the sampler's seed.

    Attributes:
        shared: whether other drivers work on it too.
        damaged: where a journal lies that could not be read; None when there was none.
    """

    shared: ClassVar[bool] = False

    def __init__(
        self,
        storage: str | None,
        journal: Path,
        name: str,
        objectives: Sequence[str],
        directions: Sequence[Any],
        sampler: Sampler,
        space: Space,
        seed: int,
    ) -> None:
        self.damaged: Path | None = None
        if storage is None:
            try:
                self.study = _in_journal(journal, name, directions)
            except Exception as error:
                if isinstance(error, OSError) and not journal.is_dir():
                    raise
                self.damaged = set_aside(journal)  # nothing is lost: it is made again from the folders
                self.study = _in_journal(journal, name, directions)
        else:
            self.study = _in_database(storage, name, directions)
        if [d.name.lower() for d in self.study.directions] != directions:
            raise ConfigError(
                f"The study {name!r} has directions {[d.name.lower() for d in self.study.directions]}, this command "
                f"{directions}. Give this sweep a folder of its own: hydra.sweep.dir=DIR."
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "experimental"
            if self.study.metric_names != list(objectives):
                self.study.set_metric_names(list(objectives))
        folder = str(journal.parent.absolute())
        if not self.shared and self.study.user_attrs.get("folder") != folder:
            self.study.set_user_attr("folder", folder)
        self.space, self.sampler = space, sampler
        self.distributions = {d.key: distribution(d) for d in space.dimensions}
        self.ids: dict[int, int] = {}  # points under way, and their ids in the storage
        self.completed = 0
        self.seed = seed
        self._storage = self.study._storage

    def reconcile(self, points: Iterable[PointResult], scores: Mapping[int, Mapping[int, float]] | None = None) -> None:
        """Make the study say what the folders say.

        Args:
            points: all of them.
            scores: what trials reported, by their number and by epoch.
        """
        known: dict[int, list[optuna.trial.FrozenTrial]] = {}
        wanted = {p.point: p for p in points}
        for frozen in self._known(set(wanted)):
            known.setdefault(_point_of(frozen), []).append(frozen)
        for number, frozens in known.items():
            for frozen in frozens:
                if not frozen.state.is_finished() and (number not in wanted or frozen is not frozens[-1]):
                    # Asked, but killed before its folder was there: it never happened.
                    self._storage.set_trial_state_values(frozen._trial_id, TrialState.FAIL)
        taken = self.taken()
        for number, point in wanted.items():
            if number in taken:
                continue
            last = known[number][-1] if number in known else None
            state = state_of(point.status, point.values)
            if last is not None and last.state in (TrialState.RUNNING, TrialState.WAITING):
                self.ids[number] = last._trial_id
                if state != TrialState.RUNNING:
                    self.tell(number, point.status, point.values, notes(point))
                    continue
            elif last is None or last.state != state:  # also a mean that waits for more repeats
                frozen = self._frozen(number, point.trials[0].params, state, point.values)
                frozen.user_attrs = frozen.user_attrs | {FOLDERS: [folder_of(t) for t in point.trials]} | notes(point)
                frozen.datetime_start = datetime.fromtimestamp(min(t.started for t in point.trials))
                if state.is_finished():
                    frozen.datetime_complete = datetime.fromtimestamp(max(t.ended or t.started for t in point.trials))
                for trial in point.trials:
                    frozen.intermediate_values |= (scores or {}).get(trial.number, {})
                self._add(number, frozen)
            self.completed += state == TrialState.COMPLETE
        # Its own generator must not repeat what it drew before the crash, also where the study is made anew.
        drawn = max(len(known), len(wanted))
        self.study.sampler = self.sampler.optuna(self.seed + self._salt + drawn, self.space)

    def _known(self, wanted: set[int]) -> list[FrozenTrial]:
        """The study's trials that are to say what the folders say.

        Args:
            wanted: points that have folders.
        """
        return self.study.get_trials(deepcopy=False)

    @property
    def _salt(self) -> int:
        """What drivers of one study add to its seed."""
        return 0

    def _attributes(self, number: int) -> dict[str, Any]:
        """What a trial in the study says of a point."""
        return {POINT: number}

    def taken(self) -> set[int]:
        """The points of other drivers, those among them that they took over from this one."""
        return set()

    def asked(self, here: int) -> int:
        """Points that were asked, of which `here` are this driver's."""
        return here

    def claim(self, number: int, wanted: int | None) -> int | None:
        """The number of a new point; None where there are as many as are wanted.

        Args:
            number: the next one, where nobody else asks.
            wanted: points in all.
        """
        return number

    def drop(self, number: int) -> None:
        """Take back a claim: there is no such point."""

    def _frozen(self, number: int, point: Point, state: TrialState, values: list[float] | None = None) -> FrozenTrial:
        params = self._params(point)
        return create_trial(
            state=state,
            values=values if state == TrialState.COMPLETE or (state == TrialState.PRUNED and values) else None,
            params=params,
            distributions={key: self.distributions[key] for key in params},
            user_attrs=self._attributes(number),
        )

    def _add(self, number: int, trial: FrozenTrial) -> None:
        added = self._storage.create_new_trial(self.study._study_id, template_trial=trial)
        if trial.state == TrialState.RUNNING:
            self.ids[number] = added

    def begin(self, number: int, point: Point) -> None:
        """Note that a given point is being tried."""
        if not self.sampler.adaptive:
            self._add(number, self._frozen(number, point, TrialState.RUNNING))
            return
        # Through the sampler, for those that keep account of generations.
        self.study.enqueue_trial(self._params(point), user_attrs={POINT: number})
        self.ask(number)

    def ask(self, number: int) -> Point:
        """A new point, chosen by the sampler from what it was told."""
        trial = self.study.ask()
        trial.set_user_attr(POINT, number)
        self.ids[number] = trial._trial_id
        return self.space.build(lambda d: d.text(trial._suggest(d.key, self.distributions[d.key])))

    def link(self, number: int, trials: Sequence[Trial]) -> None:
        """Note where the runs of a point under way lie, from the sweep's folder on."""
        if number in self.ids:
            self._storage.set_trial_user_attr(self.ids[number], FOLDERS, [folder_of(trial) for trial in trials])

    def _params(self, point: Point) -> dict[str, Any]:
        """Plain values; what a narrower or older space can't express is left out."""
        known = {d.key: d for d in self.space.dimensions}
        params = {}
        for key, text in point.items():
            try:
                params[key] = known[key].native(text)
            except (KeyError, ConfigError):
                continue
        return params

    def report(self, number: int, epoch: int, value: float) -> None:
        """An epoch's score, for the dashboard."""
        if number in self.ids:
            self._storage.set_trial_intermediate_value(self.ids[number], epoch, value)

    def tell(
        self, number: int, status: str, values: list[float] | None, noted: Mapping[str, Any] | None = None
    ) -> None:
        """What became of a point. A paused one is told as pruned, and begins anew when it is promoted."""
        state = state_of(status, values)
        for key, value in (noted or {}).items():
            self._storage.set_trial_user_attr(self.ids[number], key, value)
        told = self._storage.get_trial_number_from_id(self.ids.pop(number))
        self.study.tell(told, values if state == TrialState.COMPLETE else None, state)
        self.completed += state == TrialState.COMPLETE
