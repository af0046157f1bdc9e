"""Forecasting from windows over series: what all such data sets have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge

from runner.data.base import DataOption
from runner.data.parts.scaling import Floats
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError, RunFailed

if TYPE_CHECKING:
    from runner.data.series.windows import Windows

Forecast = Literal["last", "every"]


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

    Raises:
        ConfigError: folds are asked for.
    """

    length: Annotated[int, Ge(2)] = 64
    horizon: Annotated[int, Ge(1)] = 16
    stride: Annotated[int, Ge(1)] = 1
    forecast: Forecast = "last"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.folds is not None:
            raise ConfigError(
                f"data.folds={self.folds}: series are split by time, and most folds would be learnt from steps that "
                "come after those they are judged by. Leave it out."
            )

    def probe(self) -> Spec:
        """Known beforehand, but for the columns."""
        return Spec("forecasting", Field("series"), Field("values"))

    def windows(self, series: Floats, transform: "Windows", targets: Sequence[str], fingerprint: str) -> Data:
        """Split, fit and scale.

        Args:
            series: ``(steps, columns)``, by time.
            transform: not fitted.
            targets: the columns that are to be told.
            fingerprint: hash of the raw content.
        """
        from runner.engine.split import WindowSplit

        steps, columns = len(series), transform.columns
        train, val = (round(steps * sum(self.split[:n])) for n in (1, 2))
        pieces = {"train": series[:train], "val": series[train:val], "test": series[val:]}
        kept = round(train * self.fraction)
        pieces["train"] = pieces["train"][-kept:] if kept else pieces["train"][:0]
        if not self.split[2]:
            del pieces["test"]
        for name, piece in pieces.items():
            if len(piece) < self.length + self.horizon:
                raise RunFailed(
                    f"{name} has {len(piece)} of {steps} steps, too few for a window of data.length={self.length} and "
                    f"data.horizon={self.horizon} steps. Choose smaller ones, or give {name} a larger share."
                )
        transform.fit(pieces["train"])
        told = tuple(columns.index(name) for name in targets)
        mean, std = (tuple(values[list(told)].tolist()) for values in (transform.scale.shift, transform.scale.spread))
        spec = Spec(
            "forecasting",
            Field("series", (self.length, len(columns)), names=columns),
            Field("values", (self.horizon, len(told)), names=tuple(targets), mean=mean, std=std),
            num_outputs=self.horizon * len(told),
        )
        parts = {
            name: WindowSplit(
                transform(piece),
                self.length,
                self.stride,
                self.horizon,
                None if tuple(targets) == columns else told,
            )
            for name, piece in pieces.items()
        }
        return Data(spec, parts, fingerprint, transform)
