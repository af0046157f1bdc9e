"""Rows of a CSV file: texts become numbers here, all else happens in prepare.onnx."""

import csv
import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from runner.deploy.standalone.script.main import Example, Refused

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ] *(\d\d?):(\d\d?)(?::(\d\d?)(\.\d+)?)? *(Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)


def read(path: str, about: dict[str, Any]) -> Iterator[Example]:
    """The rows of a file, each as a number for every column."""
    columns, missing = about["columns"], set(about["missing"])
    places = [{word: float(place) for place, word in enumerate(column["words"])} for column in columns]
    with open(path, encoding="utf-8-sig", newline="") as file:
        try:
            line = file.readline()
            splits = {mark: next(csv.reader([line], delimiter=mark, skipinitialspace=True), []) for mark in ",;\t"}
            delimiter = max(splits, key=lambda mark: len(splits[mark]))
            names = [name.strip() for name in splits[delimiter]]
            for column in columns:
                if column["name"] not in names:
                    raise Refused(
                        f"{path}: there is no column {column['name']!r}, which the network was trained with. "
                        f"Given: {', '.join(names)}."
                    )
            wanted = [names.index(column["name"]) for column in columns]
            reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
            for row in reader:
                place = f"{path}:{reader.line_num + 1}"
                if row and len(row) != len(names):
                    raise Refused(f"{place}: {len(row)} values, but the first line names {len(names)} columns.")
                if not row:
                    continue
                numbers = []
                for at, column, known in zip(wanted, columns, places, strict=False):
                    text = row[at].strip()
                    number = math.nan  # there is no value
                    if text not in missing:
                        number = (
                            known.get(text, -1.0) if column["kind"] == "words" else told(text, column["kind"], about)
                        )
                        if math.isnan(number):
                            what = "finite number" if column["kind"] == "number" else "ISO date"
                            raise Refused(f"{place}: column {column['name']!r}: {text!r} is no {what}.")
                    numbers.append(number)
                yield place, {}, np.array(numbers)
        except UnicodeDecodeError:
            raise Refused(f"{path}: it is not in UTF-8.") from None
        except csv.Error as error:
            raise Refused(f"{path}: {error}.") from None


def told(text: str, kind: str, about: dict[str, Any]) -> float:
    """A number, or microseconds of a date since 1970-01-01 UTC; NaN where a text is none."""
    if kind == "number":
        text = text.replace(about["decimal"], ".")
        value = float(text) if NUMBER.fullmatch(text) else math.nan
        return value if math.isfinite(value) else math.nan
    match = DATE.fullmatch(text)
    if not match:
        return math.nan
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0))
    except ValueError:
        return math.nan
    microseconds = (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    microseconds += int(second or 0) * 10**6 + int(f"{(fraction or '.')[1:7]:0<6}")
    if zone not in (None, "Z"):
        away = int(zone[1:3]) * 60 + int(zone[-2:])
        microseconds -= int(f"{zone[0]}1") * away * 60 * 10**6
    return float(microseconds) if int(second or 0) <= 60 else math.nan
