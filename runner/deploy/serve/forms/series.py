"""Series: lists of steps, or CSV files."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from runner.data.parts.scaling import Floats
from runner.deploy.serve.forms.form import Form
from runner.engine.transform import Bad, Raw, Transform
from runner.errors import RunnerError

if TYPE_CHECKING:
    from runner.data.series.recordings import Recordings
    from runner.data.series.windows import Windows

MOST_STEPS = 100_000  # of a series
LARGEST = float(np.finfo(np.float32).max)


class Series(Form):
    """The base of both: steps, each a list of one number per column; of a single column numbers will do."""

    key: ClassVar[str] = "series"
    media: ClassVar[tuple[str, ...]] = ("text/csv",)
    transform: Transform

    def together(self, examples: Sequence[Any]) -> list[Floats]:
        """See `Form.together`."""
        return list(examples)

    def _in_file(self, content: bytes) -> Any:
        """The last example in a CSV file, as `predict` reads it."""
        with tempfile.NamedTemporaryFile(suffix=".csv") as file:
            file.write(content)
            file.flush()
            try:
                *_, last = self._examples(file.name)
            except RunnerError as error:
                raise ValueError(str(error).replace(file.name, "")) from error
            if isinstance(last, Bad):
                raise ValueError(f"{last.place} {last.reason}".replace(file.name, ""))
            return last.examples[-1]

    def _examples(self, name: str) -> Iterator[Raw | Bad]:
        yield Bad(name, "has no steps.")
        yield from self.transform.read([name], 1)


class Whole(Series):
    """Whole series, of each of which something is told.

    Args:
        transform: of the data.
    """

    transform: Recordings

    def __init__(self, transform: Recordings) -> None:
        self.transform = transform

    def one(self, value: Any) -> Floats:
        """See `Form.one`."""
        steps = _steps(value, len(self.transform.channels))
        if not all(isinstance(number, (int, float)) for step in steps for number in step):
            raise ValueError("expected a number for every step and column.")
        series: Floats = np.array(steps, dtype=np.float64).reshape(len(steps), len(self.transform.channels))
        if misfit := self.transform.misfit(series):
            raise ValueError(misfit)
        return series

    def file(self, content: bytes) -> Floats:
        """See `Form.file`."""
        found: Floats = self._in_file(content)
        return found

    def sample(self) -> list[list[float]]:
        """Zeros."""
        return [[0.0] * len(self.transform.channels)] * (self.transform.length or 10)

    def schema(self) -> dict[str, Any]:
        """See `Form.schema`."""
        length = self.transform.length
        return _schema(self.transform.channels, length or 1, length or MOST_STEPS, "number")

    def facts(self) -> dict[str, Any]:
        """The columns, and how many steps there must be."""
        return {"columns": list(self.transform.channels), "steps": self.transform.length}


class Histories(Series):
    """Histories, whose next steps are told.

    A longer series than is looked at is cut in front. What is known in advance stands in steps behind the last, whose
    other columns are null. Where the calendar is looked at, a series is ``{"times": [...], "values": [...]}``.

    Args:
        transform: of the data.
    """

    transform: Windows

    def __init__(self, transform: Windows) -> None:
        self.transform = copy(transform)
        self.transform.forecast = "last"
        self.columns = (*transform.observed, *transform.plan)

    def one(self, value: Any) -> Floats:
        """See `Form.one`."""
        times = None
        if isinstance(value, dict):
            times, value = value.get("times"), value.get("values")
        if self.transform.turns and times is None:
            raise ValueError('the calendar is looked at: expected {"times": [...], "values": [...]}.')
        steps = _steps(value, len(self.columns))
        if times is not None and not (
            isinstance(times, list)
            and len(times) == len(steps)
            and all(isinstance(t, (str, int, float)) for t in times)
        ):
            raise ValueError("expected a time for every step.")
        return self.file(self._written(steps, times))

    def _written(self, steps: list[list[Any]], times: list[Any] | None) -> bytes:
        """As the file that `predict` would read."""
        from io import StringIO

        reading = self.transform.reading
        order = reading.order if times is not None else None
        text = StringIO()
        lines = csv.writer(text)
        lines.writerow([*self.columns, *(name for name in (order, reading.series) if name)])
        for place, step in enumerate(steps):
            numbers = ["" if number is None else repr(number).replace(".", reading.decimal) for number in step]
            time = [times[place]] if order and times is not None else []
            lines.writerow([*numbers, *time, *(["1"] if reading.series else [])])
        return text.getvalue().encode(errors="replace")

    def file(self, content: bytes) -> Floats:
        """See `Form.file`."""
        found: Floats = self._in_file(content)
        return found

    def together(self, examples: Sequence[Any]) -> Any:
        """See `Form.together`."""
        return np.stack(examples)

    def sample(self) -> Any:
        """Zeros, by the hour."""
        t = self.transform
        steps: list[list[float | None]] = [[0.0] * len(self.columns)] * t.length
        if t.plan:
            steps = steps + [[None] * len(t.observed) + [0.0] * len(t.plan)] * t.horizon
        if not t.turns:
            return steps
        return {"times": [f"2026-01-{1 + n // 24:02}T{n % 24:02}:00" for n in range(len(steps))], "values": steps}

    def schema(self) -> dict[str, Any]:
        """See `Form.schema`."""
        steps = _schema(self.columns, self.transform.length, MOST_STEPS, ["number", "null"])
        if not self.transform.turns:
            return steps
        times = {"type": "array", "items": {"type": ["string", "number"]}}
        return {"type": "object", "properties": {"times": times, "values": steps}, "required": ["times", "values"]}

    def facts(self) -> dict[str, Any]:
        """The columns, which of them are known in advance, the steps that are looked at and those that are told."""
        t = self.transform
        return {"columns": list(self.columns), "ahead": list(t.plan), "steps": t.length, "horizon": t.horizon}


def _steps(value: Any, columns: int) -> list[list[Any]]:
    """The steps of a series, each of which has one number per column."""
    if not isinstance(value, list):
        raise ValueError("expected a list of steps.")
    if len(value) > MOST_STEPS:
        raise ValueError(f"has {len(value):,} steps; expected {MOST_STEPS:,} at most.")
    steps = [step if isinstance(step, list) else [step] for step in value]
    for place, step in enumerate(steps):
        if len(step) != columns:
            raise ValueError(f"step {place + 1} has {len(step)} numbers; expected {columns}.")
        if not all(number is None or type(number) in (int, float) for number in step):
            raise ValueError(f"step {place + 1} has what is no number.")
        if any(number is not None and abs(number) > LARGEST for number in step):
            raise ValueError(f"step {place + 1} has a number larger than a network computes with ({LARGEST:.2g}).")
    return steps


def _schema(columns: Sequence[str], least: int, most: int, number: Any) -> dict[str, Any]:
    """Of a list of steps."""
    step = {"type": "array", "prefixItems": [{"type": number, "title": name} for name in columns], "items": False}
    return {"type": "array", "items": step, "minItems": least, "maxItems": most}
