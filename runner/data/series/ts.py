"""Files of series with classes as the archives of UCR and UEA write them: ``.ts``."""

from __future__ import annotations

import numpy as np

from runner.data.parts.scaling import Floats
from runner.errors import RunFailed


def parse_ts(content: bytes, name: str) -> tuple[list[Floats], list[str]]:
    """The series of a file, each ``(steps, channels)``, and their classes: empty texts where it tells none.

    A line is an example: channels with colons between, the values of one with commas, the class at the end. Lengths may
    differ from line to line.

    Args:
        content: of the file, in UTF-8.
        name: what errors call it.

    Raises:
        RunFailed: a line can't be read or lacks a value, has channels of unequal length or another number of them than
            the first; values have times of their own.
    """
    series: list[Floats] = []
    classes: list[str] = []
    settings: dict[str, str] = {}
    data = False
    for number, text in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        line = text.strip()
        if not line or line.startswith("#"):
            continue
        if not data:
            key, _, value = line.partition(" ")
            settings[key.lower()] = value.strip().lower()
            data = key.lower() == "@data"
            if settings.get("@timestamps") == "true":
                raise RunFailed(
                    f"{name}, line {number}: its values have times of their own; steps of one length are read."
                )
            continue
        channels = line.split(":")
        classes.append(channels.pop().strip() if settings.get("@classlabel", "").startswith("true") else "")
        try:
            values = [[float(value) for value in channel.split(",")] for channel in channels]
            example = np.array(values, dtype=np.float64).T
        except ValueError as error:
            raise RunFailed(
                f"{name}, line {number}: {error}. Expected a number at every step, and channels of one length."
            ) from error
        if not np.isfinite(example).all() or (series and example.shape[1] != series[0].shape[1]):
            expected = f"{series[0].shape[1]} channels of finite numbers" if series else "finite numbers"
            raise RunFailed(f"{name}, line {number}: expected {expected}.")
        series.append(example)
    if not series:
        raise RunFailed(f"{name}: has no series behind a line @data.")
    return series, classes
