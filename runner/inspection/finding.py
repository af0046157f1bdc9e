"""What a look at the data found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["found", "fine", "skipped"]


@dataclass(frozen=True)
class Example:
    """An example that somebody should look at.

    Attributes:
        part: it is in.
        row: its number there.
        why: in a few words.
        like: the part and the number of one that it is like; None where it is like nothing.
    """

    part: str
    row: int
    why: str
    like: tuple[str, int] | None = None


@dataclass(frozen=True)
class Finding:
    """What one look at the data found.

    Attributes:
        verdict: something was found, nothing was, or it could not be looked for.
        says: in a sentence; of what was skipped the reason.
        overrides: words of a command that act on it, each ``key=value``; none where nothing is to be done by one.
        cleaning: options of ``cleaning`` that act on it.
        examples: the most striking first.
    """

    verdict: Verdict
    says: str
    overrides: tuple[str, ...] = ()
    cleaning: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()


def listed(names: Iterable[str]) -> str:
    """Names as a list in an override, those that Hydra would take apart in quotes."""
    plain = re.compile(r"(?!(true|false|null|nan|inf)$)[a-z_][\w-]*", re.ASCII | re.IGNORECASE)
    return f"[{','.join(name if plain.fullmatch(name) else json.dumps(name, ensure_ascii=False) for name in names)}]"
