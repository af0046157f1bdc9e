"""Forecasting from windows over series: what all such data sets have in common."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge

from runner.data.base import DataOption
from runner.data.parts.scaling import Floats
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, RunFailed

if TYPE_CHECKING:
    from runner.data.series.columns import Series
    from runner.data.series.windows import Windows

Forecast = Literal["last", "every"]
Strategy = Literal["direct", "recursive"]


@dataclass(kw_only=True)
class SeriesOption(DataOption):
    """Series of which the next steps are told. The split goes by time, and no window reaches from one part to another.

    With `fraction` the last, most recent steps of the training part are kept.

    Attributes:
        length: steps of a history, at least 2.
        horizon: steps to be told, at least 1.
        stride: steps from one window to the next, at least 1.
        forecast: when a user's file is predicted: ``last`` tells what comes behind its end, ``every`` goes through it
            in strides.
        strategy: ``direct`` tells all steps of the horizon at once; ``recursive`` trains a network to tell the next
            step alone, and feeds each answer back until the horizon is reached. Every column that it sees must then be
            one that it tells, or be known in advance.
        seasons: steps after which a series comes back to about the same, such as [24,168] for hours, each at least 2:
            what `python -m runner baseline` repeats.

    Raises:
        ConfigError: folds are asked for.

    Source: Ben Taieb et al. 2012, "A review and comparison of strategies for multi-step ahead time series forecasting
        based on the NN5 forecasting competition", section 2.
    """

    length: Annotated[int, Ge(2)] = 64
    horizon: Annotated[int, Ge(1)] = 16
    stride: Annotated[int, Ge(1)] = 1
    forecast: Forecast = "last"
    strategy: Strategy = "direct"
    seasons: tuple[Annotated[int, Ge(2)], ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.folds is not None:
            raise ConfigError(
                f"data.folds={self.folds}: series are split by time, and most folds would be learnt from steps that "
                "come after those they are judged by. Leave it out."
            )

    def probe(self) -> Spec:
        """Known beforehand, but for the columns."""
        more = {"future": Field("series")} if self.strategy == "recursive" else {}
        return Spec("forecasting", Field("series"), Field("values"), more)

    @property
    def ahead(self) -> int:
        """How many steps before its time a network sees what is known in advance: as many as it tells at once."""
        return 1 if self.strategy == "recursive" else self.horizon

    def facts(
        self,
        observed: Sequence[str],
        known: Sequence[str],
        targets: Sequence[str],
        mean: Sequence[float] = (),
        std: Sequence[float] = (),
    ) -> Spec:
        """What is to be known of such series.

        Args:
            observed: names of the columns that are seen up to the present.
            known: those that are known in advance.
            targets: those of the first that are to be told.
            mean: what was subtracted from each of these.
            std: what each was divided by.

        Raises:
            ConfigError: forecasts are to be fed back, and would leave out a column.
        """
        columns = (*observed, *known)
        spec = Spec(
            "forecasting",
            Field("series", (self.length, len(columns)), names=columns),
            Field("values", (self.horizon, len(targets)), names=tuple(targets), mean=tuple(mean), std=tuple(std)),
            num_outputs=self.horizon * len(targets),
        )
        if self.strategy == "direct":
            return spec
        if untold := [name for name in observed if name not in targets]:
            raise ConfigError(
                "data.strategy=recursive: a forecast is fed back in place of what comes, and nothing would tell "
                f"{', '.join(untold)}. Tell it too, leave it out of what the network sees, or take "
                "data.strategy=direct."
            )
        return replace(spec, more={"future": Field("series", (self.horizon - 1, len(known)), names=tuple(known))})

    def windows(
        self,
        series: "Sequence[Series]",
        transform: "Windows",
        targets: Sequence[str],
        fingerprint: str,
        notes: tuple[str, ...] = (),
    ) -> Data:
        """Split, fit and scale.

        Of several series with times all are cut at the same times, so that no part learns from what comes after the
        steps of another; without times each is cut by its own steps.

        Args:
            series: each ``(steps, columns)``, by time.
            transform: not fitted.
            targets: the columns that are to be told.
            fingerprint: hash of the raw content.
            notes: passed on.
        """
        import numpy as np
        import torch

        from runner.data.series.windows import ahead
        from runner.engine.split import WindowSplit

        columns, steps = transform.columns, sum(len(one.values) for one in series)
        needed = self.length + self.horizon
        pieces: dict[str, list[Floats]] = {"train": [], "val": [], "test": []}
        for one, cuts in zip(series, self._cuts(series), strict=True):
            train, val, test = np.split(one.values, cuts)
            kept = round(len(train) * self.fraction)
            pieces["train"].append(train[len(train) - kept :])
            pieces["val"].append(val)
            pieces["test"].append(test)
        names: dict[str, list[str]] = {}
        if not self.split[2]:
            del pieces["test"]
        for name, each in pieces.items():
            long = [piece for piece in each if len(piece) >= needed]
            if not long:
                raise RunFailed(
                    f"{name} has {max(map(len, each))} of {steps} steps, too few for a window of data.length="
                    f"{self.length} and data.horizon={self.horizon} steps. Choose smaller ones, or give {name} a "
                    "larger share."
                )
            if len(long) < len(each):
                short = [one.name for one, piece in zip(series, each, strict=True) if len(piece) < needed]
                more = ", ..." if len(short) > 5 else ""
                notes += (
                    f"{name}: {len(short)} of {len(each)} series are shorter than a window there and left out: "
                    f"{', '.join(short[:5])}{more}",
                )
            pieces[name] = long
            names[name] = [one.name for one, piece in zip(series, each, strict=True) if len(piece) >= needed]
        for target in targets:
            constant = [name for name, each in pieces.items() if _constant(each, columns.index(target))]
            if constant:
                what = "leave it out" if len(targets) > 1 else "are undefined"
                notes += (f"{target} never changes in {' and '.join(constant)}: there mase and relative_mae {what}",)
        transform.fit(np.concatenate(pieces["train"]))
        told = tuple(columns.index(name) for name in targets)
        mean, std = (values[list(told)].tolist() for values in (transform.scale.shift, transform.scale.spread))
        spec = self.facts(transform.observed, transform.known, targets, mean, std)
        known = len(transform.known)

        def split(each: Sequence[Floats], names: Sequence[str]) -> WindowSplit:
            ends = np.cumsum([len(piece) for piece in each])
            starts = [
                np.arange(end - len(piece), end - needed + 1, self.stride)
                for piece, end in zip(each, ends, strict=True)
            ]
            return WindowSplit(
                torch.cat([transform(ahead(piece, known, self.ahead)) for piece in each]),
                self.length,
                self.stride,
                self.horizon,
                None if tuple(targets) == columns else told,
                torch.from_numpy(np.concatenate(starts)) if len(each) > 1 else None,
                known if self.strategy == "recursive" else None,
                tuple(zip(names, [0, *ends[:-1].tolist()], strict=True)) if len(each) > 1 else (),
            )

        if self.strategy == "recursive" and self.horizon > 1:
            notes += (f"scores of training are those of the next step, all others of {self.horizon} steps",)
        return Data(
            spec, {name: split(each, names[name]) for name, each in pieces.items()}, fingerprint, transform, notes
        )

    def _cuts(self, series: "Sequence[Series]") -> list[list[int]]:
        """Where each series is cut into train, val and test: at which of its steps."""
        import numpy as np

        shares = [sum(self.split[:n]) for n in (1, 2)]
        times = [one.times for one in series if one.times is not None]
        if len(series) == 1 or len(times) < len(series):
            return [[round(len(one.values) * share) for share in shares] for one in series]
        whole = np.sort(np.concatenate(times))
        moments = [whole[min(round(len(whole) * share), len(whole) - 1)] for share in shares]
        return [
            [
                int(np.searchsorted(own, moment)) if share < 1 else len(own)
                for moment, share in zip(moments, shares, strict=True)
            ]
            for own in times
        ]


def _constant(pieces: "Sequence[Floats]", column: int) -> bool:
    """Whether a column has one value throughout each of some series."""
    return all((piece[:, column] == piece[0, column]).all() for piece in pieces)
