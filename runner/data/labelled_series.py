"""Whole series of one's own, of which classes or numbers are told."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runner.data.base import DataOption, TargetScaling
from runner.data.series.columns import Irregular, Missing, Reading, changes, columns_of
from runner.data.source.fingerprint import sha256
from runner.engine.data import Data
from runner.engine.spec import Field, Kind, Spec
from runner.errors import ConfigError, RunFailed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from runner.data.parts.split import Parts
    from runner.data.series.labelled import LabelledRecordings
    from runner.data.table.targets import Predicted

_KINDS: dict[str, Kind] = {"classification": "class", "regression": "values", "multilabel": "labels"}


@dataclass(kw_only=True)
class LabelledSeries(DataOption):
    """Whole series in a CSV file, with a class each, labels, or numbers. The first line names the columns.

    A file is long, a row for each step, with `series` for the column that says to which series it belongs; or wide, a
    row for each series, with its steps side by side. Series may be of unequal length: a wide row then has no values
    at its end. Those without a target are left out, and counted.

    Attributes:
        path: the file, in UTF-8; comma, semicolon or tab separates.
        target: the column to predict, or several: ``[age,weight]``. In a long file a series has one value of it.
        series: the column that names the series of a row; None: the file is wide.
        channels: of a long file the columns of what was measured; of a wide one the names in front of the last ``_`` of
            its columns: with ``[x,y]`` the columns ``x_1, x_2, ...`` and ``y_1, y_2, ...`` in the order in which they
            stand. Empty: all other columns, which in a wide file are the steps of one channel.
        task: ``auto``: classification when the target is text or at most 20 different whole numbers; regression when
            there are several. ``multilabel`` takes columns of labels that hold or don't: 0 or 1, no or yes.
        exclude: columns left out, where `channels` are all others.
        group: column whose equal values never come into different parts, such as a person.
        order: of a long file the column of time, numbers or ISO dates, by which the steps of a series are sorted; None:
            they stand in order.
        decimal: the decimal mark.
        missing: see `CsvSeries`; values are filled in within a series.
        irregular: see `CsvSeries`.
        target_scaling: ``standard`` divides regression targets by mean and standard deviation of the training part.
    """

    path: str
    target: str | tuple[str, ...]
    series: str | None = None
    channels: tuple[str, ...] = ()
    task: Literal["auto", "classification", "regression", "multilabel"] = "auto"
    exclude: tuple[str, ...] = ()
    group: str | None = None
    order: str | None = None
    decimal: Literal[".", ","] = "."
    missing: Missing = "error"
    irregular: Irregular = "error"
    target_scaling: TargetScaling = "standard"

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict."""
        return (self.target,) if isinstance(self.target, str) else tuple(self.target)

    def probe(self) -> Spec:
        """Reads the first line only.

        Raises:
            ConfigError: there is no such file or column, or two settings name one.
        """
        if not self.targets:
            raise ConfigError("data.target=[]: expected the name of a column, or several.")
        if self.order and not self.series:
            raise ConfigError(
                f"data.order={self.order}: is for files with a row for each step, whose series data.series names. In a "
                "row of a whole series steps stand in the order of the columns."
            )
        path, of = Path(os.path.expanduser(self.path)), {"target": self.targets, "exclude": self.exclude}
        of |= {key: (name,) for key in ("series", "group", "order") if (name := getattr(self, key))}
        of |= {"channels": self.channels} if self.series else {}
        seen: dict[str, str] = {}
        for key, names in of.items():
            columns_of(path, f"data.{key}", names)
            for name in names:
                if name in seen and {key, seen[name]} != {"exclude"}:
                    raise ConfigError(f"data.{key}: {name!r} is data.{seen[name]} already. Give another column.")
                seen[name] = key
        known = self.task != "auto"
        names = self.channels or (() if self.series else ("value",))
        return Spec(
            self.task if known else None,
            Field("series", names=tuple(names)),
            Field(_KINDS[self.task]) if known else None,
        )

    def transform(self) -> "LabelledRecordings":
        """See `DataOption.transform`; channels and length come with the state."""
        from runner.data.series.labelled import LabelledRecordings, Layout

        reading = Reading(self.order, self.decimal, self.series, self.missing, self.irregular)
        beside = (*self.targets, *self.exclude, *filter(None, (self.group,)))
        return LabelledRecordings(self.scaling, Layout(reading, self.channels, beside))

    def load(self) -> Data:
        """Read the series and what is told of them, and divide them; see `DataOption.load`."""
        from runner.data.series.labelled import told
        from runner.data.series.recordings import whole_series
        from runner.data.table.targets import choose_task, for_a_network, read_targets

        self.probe()
        path, transform = Path(os.path.expanduser(self.path)), self.transform()
        found = transform.layout.read(path)
        columns, groups, rows = told(path, self.targets, self.group, transform.layout.reading)
        if not len(rows):
            raise RunFailed(f"{path}: no series has a value of {', '.join(self.targets)}. Expected one for each.")
        series = [found[row] for row in rows]
        for one in series:
            if not len(one.values):
                raise RunFailed(f"{one.place(path, 0)}: a series without a value. Expected one step or more.")
        lengths = [len(one.values) for one in series]
        transform.length = lengths[0] if min(lengths) == max(lengths) else None
        transform.channels = transform.layout.names(path)
        spread = f"{min(lengths):,}" if transform.length else f"{min(lengths):,} to {max(lengths):,}"
        notes = [f"{len(series):,} series of {spread} steps, channels: {', '.join(transform.channels)}"]
        if len(found) > len(series):
            notes.append(f"{len(found) - len(series):,} series without a target left out")
        notes += changes(series)
        task: Predicted = choose_task(columns) if self.task == "auto" else self.task
        if self.task == "auto":
            notes.append(f"{task} of {', '.join(map(repr, self.targets))} (data.task decides otherwise)")
        targets = read_targets(columns, task, self.path)
        parts = self._divided(targets.values if task == "classification" else None, groups, len(series))
        spec, values, about_classes = for_a_network(targets, parts, transform.field, self.target_scaling)
        return whole_series(
            transform,
            [one.values for one in series],
            values,
            parts,
            spec,
            fingerprint=sha256(path.read_bytes()),
            notes=(*notes, *about_classes),
            places=[f"{self.path}:{one.name}" for one in series],
        )

    def _divided(self, labels: "NDArray[np.int64] | None", groups: "NDArray[np.int64] | None", count: int) -> "Parts":
        """The series by part: by class where there are classes, in whole groups where there are groups."""
        from runner.data.parts.assemble import divide, finish
        from runner.data.parts.split import grouped

        if groups is None:
            return divide(self, count, labels)
        try:
            parts = grouped(groups, self.split, self.split_seed, labels)
        except ValueError as error:
            raise RunFailed(f"data.split={list(self.split)}: {error}. Expected at least one group per part.") from error
        return finish(self, parts, labels, groups)
