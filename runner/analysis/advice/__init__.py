"""A checklist over one run, answered from what it recorded: each check a function, each answer with its numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from runner.analysis.advice import batch, certainty, classes, diagnostics, fit, gradients, inputs, length, rate, units
from runner.analysis.advice.finding import Finding, Verdict
from runner.analysis.advice.record import Record

Check = Callable[[Record], Finding]

# Causes stand before what they cause: of several faults the first is what to mend first.
CHECKS: dict[str, Check] = {
    "inputs": inputs.scale,
    "targets": inputs.targets,
    "classes": classes.balance,
    "classes told": classes.predicted,
    "learning rate": rate.rate,
    "gradients": gradients.size,
    "clipping": gradients.clipping,
    "units": units.alive,
    "trivial": fit.trivial,
    "length": length.length,
    "schedule": length.schedule,
    "training fit": fit.too_little,
    "generalization": fit.too_much,
    "batch size": batch.size,
    "calibration": certainty.calibration,
    "validation": certainty.validation,
    "seeds": certainty.seeds,
    "diagnostics": diagnostics.told,
}


def advise(record: Record) -> dict[str, Finding]:
    """What each check finds, in their order, with commands that can be given."""
    found = {name: check(record) for name, check in CHECKS.items()}
    return {
        name: replace(
            finding,
            tries=tuple(words for words in finding.tries if _possible(record, words)),
            asks=tuple(words for words in finding.asks if _possible(record, words)),
        )
        for name, finding in found.items()
    }


def _possible(record: Record, words: tuple[str, ...]) -> bool:
    """Whether no value was typed for an option that the words put another in the place of."""
    typed = record.manifest.get("overrides")
    keys = [word for word in typed if isinstance(word, str)] if isinstance(typed, list) else []
    chosen = [word.partition("=") for word in words]
    groups = [key for key, _, value in chosen if "." not in key and key in record.config and value[:1] != "["]
    return not any(key.startswith(f"{group}.") for group in groups for key in keys)


__all__ = ["CHECKS", "Check", "Finding", "Record", "Verdict", "advise"]
