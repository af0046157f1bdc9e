"""Trials in TensorBoard's HParams page, where they have not shown themselves there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from runner import hparams
from runner.sweep.folder import SweepFolder
from runner.sweep.space import unescaped
from runner.sweep.trial import Trial

_SUFFIX = ".sweep"


def show(folder: SweepFolder, trials: list[Trial], objectives: list[str], numeric: Mapping[str, bool]) -> None:
    """Write a row for each trial whose application has written none; the columns are the searched keys.

    Args:
        folder: of the sweep.
        trials: all of them.
        objectives: names of the numbers that trials return.
        numeric: the searched keys, and whether all values of each are numbers.
    """
    for trial in trials:
        place = folder.trial_folder(trial)
        for path in place.glob(f"events.out.tfevents.*{_SUFFIX}"):
            path.unlink()
        if not _shows_itself(place):
            _write(place, trial, objectives, numeric)


def _shows_itself(place: Path) -> bool:
    tag = metadata.SESSION_START_INFO_TAG.encode()
    return any(tag in path.read_bytes() for path in place.rglob("events.out.tfevents.*"))


def _write(place: Path, trial: Trial, objectives: list[str], numeric: Mapping[str, bool]) -> None:
    values: dict[str, Any] = {
        key: float(text) if numeric[key] else unescaped(text) for key, text in trial.params.items() if key in numeric
    }
    scores = [Summary.Value(tag=n, simple_value=v) for n, v in zip(objectives, trial.values or [], strict=False)]
    summaries = [hparams.start(hparams.row_name(place), values, trial.started), Summary(value=scores)]
    if trial.status == "completed":
        summaries.append(hparams.success(trial.ended))
    writer = EventFileWriter(str(place), filename_suffix=_SUFFIX)
    for summary in summaries:  # the chart of an objective has the trials beside each other
        writer.add_event(Event(wall_time=trial.ended, step=trial.number + 1, summary=summary))
    writer.close()
