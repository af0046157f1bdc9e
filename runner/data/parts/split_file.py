"""A split that somebody wrote down: the name of a part for each row or each file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from runner.data.parts.split import Parts
from runner.errors import RunFailed, counted, did_you_mean


def read_parts(path: Path, key: str, count: int, names: Sequence[str] = ()) -> list[str]:
    """The part of each example: ``train``, ``val`` or ``test``.

    Args:
        path: a text or CSV file, in UTF-8, separated by commas, semicolons or tabs: a line for each example that ends
            in the name of its part. A first line that doesn't, and is not about an example, is a heading.
        key: what named the file, for messages: ``data.split_file``.
        count: how many examples there are.
        names: of the examples, such as the paths of their files; every line then begins with one of them, in any order.
            Without names, lines stand in the order of the examples.

    Raises:
        RunFailed: a line has another part, or lines and examples are not the same.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            content = file.readlines()
            delimiter = max(",;\t", key=lambda mark: sum(_ends_in_part(line, mark) for line in content))
            lines = [(number, row) for number, row in enumerate(csv.reader(content, delimiter=delimiter), 1) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunFailed(f"{key}={path}: {error}. Expected a text in UTF-8, a line for each example.") from error
    known, example = set(names), f" at the end of a line, such as {names[0]},train" if names else ""
    if not lines:
        where = example or " at its end"
        raise RunFailed(f"{key}={path}: it is empty. Expected a line for each of {count:,} examples, its part{where}.")
    first = lines[0][1]
    about_an_example = first[0].strip() in known if names else len(lines) == count
    if first[-1].strip() not in Parts._fields and not about_an_example:
        del lines[0]
    found: dict[str, str] = {}
    parts: list[str] = []
    for number, row in lines:
        part, name = row[-1].strip(), row[0].strip()
        place = f"{key}={path}, line {number}"
        if part not in Parts._fields:
            raise RunFailed(
                f"{place}: {part!r} is no part. Expected train, val or test{example}."
                f"{did_you_mean(part, Parts._fields)}"
            )
        if names and (name not in known or name in found):
            twice = name in found
            near = "" if twice else did_you_mean(name, names)
            raise RunFailed(f"{place}: {name!r} {'stands there twice' if twice else 'is none of the examples'}.{near}")
        found[name] = part
        parts.append(part)
    if names:
        if absent := [name for name in names if name not in found]:
            others = f" and {counted(len(absent) - 1, 'other example')}" if len(absent) > 1 else ""
            raise RunFailed(f"{key}={path}: has no line for {absent[0]!r}{others}.")
        return [found[name] for name in names]
    if len(parts) != count:
        raise RunFailed(f"{key}={path}: names the parts of {len(parts):,} examples, and there are {count:,}.")
    return parts


def _ends_in_part(line: str, delimiter: str) -> bool:
    return line.rpartition(delimiter)[2].strip(' "\r\n') in Parts._fields
