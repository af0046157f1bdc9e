"""Histories of series whose next steps are told, from CSV files with a row for each step."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from runner.deploy.standalone.script.main import Example, Refused
from runner.deploy.standalone.script.read.columns import filled, months, series


def read(path: str, about: dict[str, Any]) -> Iterator[Example]:
    """The histories ``(length, columns)`` of a file: the last, or every one."""
    length, horizon = about["length"], about["horizon"]
    for name, (values, times, dated) in series(path, about["columns"], about).items():
        place = f"{path}:{name}" if name else path
        there = np.flatnonzero(~np.isnan(values).all(axis=1))
        values = filled(place, values[: there[-1] + 1 if len(there) else 0], about)
        steps = len(values)
        if steps < length:
            raise Refused(f"{place}: has {steps} steps; a forecast is made from {length}.")
        ends = range(length, steps + 1, about["stride"]) if about["forecast"] == "every" else [steps]
        keys = [f"time_{step + 1}" for step in range(horizon)] if about["order"] else []
        told = written(times, dated, horizon) if len(times) else []
        for end in ends:
            beside = dict(zip(keys, told[end : end + horizon], strict=False)) if told else dict.fromkeys(keys)
            yield f"{place}:{end}", beside, values[end - length : end]


def written(times: np.ndarray, dated: bool, count: int) -> list[Any]:
    """All times and those of the next steps: numbers, or ISO dates of UTC, with the time of day where one has one."""
    ahead = np.arange(1, count + 1)
    apart = months(times) if dated and len(times) > 2 else 0
    if apart:
        last = times[-1:].astype("datetime64[s]")
        month = last.astype("datetime64[M]")
        further = (month + apart * ahead).astype("datetime64[s]") + (last - month.astype("datetime64[s]"))
        further = further.astype(np.float64)
    else:
        further = times[-1] + np.median(np.diff(times)) * ahead
    times = np.concatenate((times, further))
    if not dated:
        return times.tolist()  # type: ignore[no-any-return]
    unit = next((unit for unit, length in (("D", 86_400), ("s", 1)) if not (times % length).any()), "ms")
    return [str(one) for one in (times * 1e3).round().astype("datetime64[ms]").astype(f"datetime64[{unit}]")]
