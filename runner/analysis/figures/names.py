"""Words out of folders, as they stand in figures."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from runner.canvas import plain, shortened
from runner.errors import printable


def folded(text: str, width: int = 30, lines: int = 3) -> str:
    """A text in a few lines, ended at spaces and commas; of what is too long for them the middle is left out."""
    found = [line.replace(", ", ",") for line in textwrap.wrap(printable(text).replace(",", ", "), width)]
    if len(found) > lines:
        found = (
            [*found[: lines - 2], "…", found[-1]] if lines > 2 else [*found[: lines - 1], shortened(found[-1], width)]
        )
    return plain("\n".join(found))


def short_names(names: Sequence[str]) -> tuple[str, list[str]]:
    """The keys that all names set, where these are the same, and what tells the names apart, folded.

    ``["optimizer=adam", "optimizer=sgd"]`` gives ``"optimizer"`` and ``["adam", "sgd"]``.
    """
    words = [[word.partition("=") for word in name.split(" ")] for name in names]
    keys = {tuple(key for key, _, _ in parts) for parts in words}
    if len(keys) != 1 or not all(equals for parts in words for _, equals, _ in parts):
        return "", _told_apart([folded(name) for name in names])
    columns = [column for column in zip(*words, strict=True) if len(set(column)) > 1] or list(zip(*words, strict=True))
    told = [folded(" ".join(value for *_, value in parts)) for parts in zip(*columns, strict=True)]
    return plain(", ".join(column[0][0] for column in columns)), _told_apart(told)


def _told_apart(names: list[str]) -> list[str]:
    return names if len(set(names)) == len(names) else [f"{place}: {name}" for place, name in enumerate(names, 1)]
