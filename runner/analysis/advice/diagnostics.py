"""What the run's own diagnostics said at its end."""

from __future__ import annotations

from runner.analysis.advice.finding import Finding, fine
from runner.analysis.advice.record import Record


def told(record: Record) -> Finding:
    """The sentences in ``result.json``."""
    page = "docs/techniques.md#diagnostics"
    said = record.result.get("advice")
    sentences = [s for s in said if isinstance(s, str) and s] if isinstance(said, list) else []
    if not sentences:
        return fine("the run ended without advice")
    return Finding("note", "; ".join(sentences), {"advice": sentences}, page)
