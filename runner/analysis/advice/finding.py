"""What a check of a run found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

# fault: the numbers carry it, and something should be done; note: worth knowing; fine: looked at; unknown: the run did
# not record what would tell.
Verdict = Literal["fault", "note", "fine", "unknown"]


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        verdict: how serious it is.
        says: one sentence with the numbers that carry it.
        evidence: the same numbers by name.
        page: the technique's page, from the root of the repository.
        asks: words of `ablate`, one command each: whether something helps, with what the run had as the first arm.
        tries: overrides of `rerun`, one command each, the most promising first.
    """

    verdict: Verdict
    says: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    page: str = ""
    tries: tuple[tuple[str, ...], ...] = ()
    asks: tuple[tuple[str, ...], ...] = ()


def fine(says: str, **evidence: Any) -> Finding:
    """Looked at, and nothing is wrong."""
    return Finding("fine", says, evidence)


def unknown(says: str) -> Finding:
    """The run did not record what would tell."""
    return Finding("unknown", says)
