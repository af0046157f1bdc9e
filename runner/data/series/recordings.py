"""From whole series, of equal or unequal length, and their classes to what the engine takes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from runner.data.base import Scaling
from runner.data.parts.assemble import Labels, classes_spec, in_parts, missing_classes
from runner.data.parts.scaled import ScaledTable
from runner.data.parts.scaling import Floats, Scale, fit_table
from runner.data.parts.split import Parts
from runner.data.series.columns import Reading, read_series
from runner.data.series.ts import parse_ts
from runner.engine.batch import Batch
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.engine.split import SequenceSplit, Split, TensorSplit
from runner.engine.split.sequences import padded, ragged
from runner.engine.transform import Bad, Raw, Transform
from runner.errors import ConfigError, RunFailed, no_file

if TYPE_CHECKING:
    from torch import Tensor, nn


class Recordings(Transform):
    """Scales series ``(steps, channels)``, each channel by all steps of the training part, and pads them in batches.

    Args:
        scaling: see `runner.data.base.DataOption`.
        channels: their names.
        length: steps of every series; None: they are of unequal length, and padded with 0, which is a channel's mean
            where it is standardized. Networks are given their `lengths` beside.
    """

    def __init__(self, scaling: Scaling, channels: tuple[str, ...], length: int | None) -> None:
        super().__init__()
        self.scaling, self.channels, self.length = scaling, channels, length

    @property
    def field(self) -> Field:
        """The inputs that it gives."""
        return Field("series", (self.length, len(self.channels)), names=self.channels)

    def fit(self, raw: Sequence[Floats]) -> None:
        """Learn from the series of the training part."""
        self.scale = fit_table(np.concatenate(list(raw)), self.scaling)

    def scaled(self, series: Floats) -> Tensor:
        """One series ``(steps, channels)``."""
        return torch.from_numpy(self.scale.table(series))

    def __call__(self, raw: Sequence[Floats]) -> Tensor:
        """Series ``(N, longest of these, channels)``, scaled and padded."""
        return self.batch(raw).inputs

    def module(self) -> nn.Module:
        """From series ``(N, steps, channels)`` float64, of one length, to inputs."""
        return ScaledTable(self.scale)

    def batch(self, raw: Sequence[Floats]) -> Batch:
        """See `Transform.batch`; with `lengths` beside where they are unequal."""
        values, offsets = ragged([self.scaled(series) for series in raw])
        inputs, lengths = padded(values, offsets, torch.arange(len(raw)), 0)
        return Batch(inputs, inputs.new_empty(0), {"lengths": lengths} if self.length is None else {}, len(raw))

    def read(self, sources: Sequence[str], size: int) -> Iterator[Raw | Bad]:
        """Series from ``.ts`` files, each with any number of them, and CSV files, each one series with these channels.

        Raises:
            ConfigError: a file is not there, or is of another form.
        """
        waiting: list[Floats] = []
        places: list[str] = []
        for source in sources:
            for place, found in self._series(Path(os.path.expanduser(source)), source):
                reason = found if isinstance(found, str) else self.misfit(found)
                if not isinstance(found, str) and not reason:
                    waiting.append(found)
                    places.append(place)
                if waiting and (reason or len(waiting) == size):
                    yield Raw(waiting, places)
                    waiting, places = [], []
                if reason:
                    yield Bad(place, reason)
        if waiting:
            yield Raw(waiting, places)

    def _series(self, path: Path, source: str) -> Iterator[tuple[str, Floats | str]]:
        if not path.is_file():
            raise ConfigError(f"{source}: {no_file(path)} Expected a .ts file or a CSV file with a column per channel.")
        try:
            if path.suffix == ".ts":
                found, _ = parse_ts(path.read_bytes(), source)
                yield from ((f"{source}:{number}", series) for number, series in enumerate(found, 1))
            else:
                yield source, read_series(path, self.channels, Reading())[0].values
        except RunFailed as error:
            yield source, str(error)

    def misfit(self, series: Floats) -> str:
        """Why a series can't be taken; empty where it can."""
        steps, channels = series.shape
        if channels != len(self.channels):
            return f"has {channels} channels; those trained with had {len(self.channels)}: {', '.join(self.channels)}."
        if not steps or self.length not in (None, steps):
            return f"has {steps} steps; expected {self.length or 'one or more'}."
        return ""

    def state_dict(self) -> dict[str, Any]:
        """Names, shift and spread of the channels, and the length."""
        shift, spread = (values.tolist() for values in (self.scale.shift, self.scale.spread))
        return {"channels": list(self.channels), "length": self.length, "shift": shift, "spread": spread}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.channels, self.length = tuple(state["channels"]), state["length"]
        self.scale = Scale(np.array(state["shift"]), np.array(state["spread"]))


def recordings(
    transform: Recordings,
    series: Sequence[Floats],
    labels: Labels,
    parts: Parts,
    *,
    class_names: Sequence[str],
    fingerprint: str,
    notes: tuple[str, ...] = (),
    places: Sequence[str] = (),
) -> Data:
    """Series in memory, of which classes are told.

    Args:
        transform: not fitted.
        series: all of them ``(steps, channels)``.
        labels: class indices ``(N,)``.
        parts: the split.
        class_names: one per class.
        fingerprint: hash of the raw content.
        notes: passed on.
        places: where each comes from; empty where that is not known.
    """
    notes += missing_classes(labels, parts, class_names)
    spec = classes_spec(labels, parts, class_names, transform.field)
    return whole_series(transform, series, labels, parts, spec, fingerprint=fingerprint, notes=notes, places=places)


def whole_series(
    transform: Recordings,
    series: Sequence[Floats],
    targets: NDArray[Any],
    parts: Parts,
    spec: Spec,
    *,
    fingerprint: str,
    notes: tuple[str, ...] = (),
    places: Sequence[str] = (),
) -> Data:
    """Series in memory, of each of which something is told.

    Args:
        transform: not fitted.
        series: all of them ``(steps, channels)``.
        targets: as a network is trained with them ``(N, ...)``.
        parts: the split.
        spec: facts about them; that they are of unequal length is added.
        fingerprint: hash of the raw content.
        notes: passed on.
        places: where each comes from; empty where that is not known.
    """
    transform.fit([series[row] for row in parts.train])

    def split(rows: NDArray[np.int64]) -> Split:
        own, told = [transform.scaled(series[row]) for row in rows], torch.from_numpy(targets[rows])
        if transform.length is None:
            return SequenceSplit(*ragged(own), told)
        return TensorSplit(torch.stack(own), told, places=[places[row] for row in rows] if places else ())

    if transform.length is None:
        spec = replace(spec, more={"lengths": Field("values", ())})
    return Data(spec, in_parts(parts, split), fingerprint, transform, notes)
