"""What differs between two runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.analysis.run import Run
from runner.analysis.settings import shown

# Settings that say which draws were made, and not what was trained.
SEEDS = ("seed", "data.split_seed", "data.fold")
ABSENT = "-"

_CHANGED_FILE = re.compile(r"^\+\+\+ (?:b/)?(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same.

    Attributes:
        key: what it is.
        first: of the one run; ``-`` where it has none.
        second: of the other.
    """

    key: str
    first: Any
    second: Any


def differences(first: Run, second: Run) -> dict[str, list[Difference]]:
    """What differs, by section: config, code, packages, hardware, data, seeds, scores, cost.

    Values from the environment are references here as they are in the folder; of patches only the names of the files
    are told.
    """
    one, other = _sections(first), _sections(second)
    found = {}
    for section in one:
        keys = dict.fromkeys([*one[section], *other[section]])
        pairs = [(key, one[section].get(key, ABSENT), other[section].get(key, ABSENT)) for key in keys]
        found[section] = [Difference(*pair) for pair in pairs if shown(pair[1]) != shown(pair[2])]
    found["config"] = _together(found["config"], one["config"], other["config"])
    return found


def _together(entries: list[Difference], one: dict[str, Any], other: dict[str, Any]) -> list[Difference]:
    """What only one of two options has, in one entry for each part: ``model.*``."""
    alone: dict[str, tuple[list[str], list[str]]] = {}
    for entry in entries:
        part, _, name = entry.key.rpartition(".")
        for place, settings in enumerate((one, other)):
            if part and entry.key in settings and entry.key not in (other, one)[place]:
                alone.setdefault(part, ([], []))[place].append(f"{name}: {shown(settings[entry.key])}")
    both = [entry for entry in entries if "." not in entry.key or (entry.key in one and entry.key in other)]
    sides = {part: [", ".join(names) or ABSENT for names in lists] for part, lists in alone.items()}
    return [*both, *(Difference(f"{part}.*", *texts) for part, texts in sides.items())]


def unknown(run: Run) -> list[str]:
    """Sections of which a run's folder says nothing."""
    return [name for name, content in _sections(run).items() if not content]


def _sections(run: Run) -> dict[str, dict[str, Any]]:
    settings, data = run.settings, _dict(run.manifest.get("data"))
    if isinstance(data.get("fingerprint"), str):
        data = {**data, "fingerprint": data["fingerprint"][:16]}
    machine = dict(_dict(run.manifest.get("hardware")))
    machine |= {key: run.manifest[key] for key in ("host", "platform", "precision") if key in run.manifest}
    costs = {"epochs": run.epochs, "best_epoch": run.best_epoch, "seconds": run.seconds}
    costs |= {name: run.scores.get(name) for name in ("samples_per_second", "parameters")}
    scores = {name: value for name, value in run.scores.items() if name not in costs}
    return {
        "config": {key: value for key, value in settings.items() if key not in SEEDS},
        "code": _code(_dict(run.manifest.get("git"))) if run.manifest else {},
        "packages": _dict(run.manifest.get("packages")),
        "hardware": machine,
        "data": {"task": run.task or ABSENT, **data} if data else {},
        "seeds": {key: settings[key] for key in SEEDS if key in settings},
        "scores": {"status": run.status, **scores},
        "cost": {key: value for key, value in costs.items() if value is not None},
    }


def _code(git: Mapping[str, Any]) -> dict[str, Any]:
    if not git:
        return {"commit": "outside of git"}
    dirty = git.get("dirty")
    files = "changed since" if dirty is True else "as committed" if dirty is False else "not known"
    found = {"commit": str(git.get("commit"))[:12], "files": files}
    return found | ({"patch": _patch(str(git["patch"]))} if git.get("patch") else {})


def _patch(patch: str) -> str:
    """A patch in short: ``+12 -3 in train.py, conf/model/mine.yaml (1f2e3d4c)``, with a digest that tells it apart."""
    from hashlib import sha256

    lines = patch.splitlines()
    added, removed = (sum(line.startswith(s) and not line.startswith(s * 3) for line in lines) for s in "+-")
    files = list(dict.fromkeys(_CHANGED_FILE.findall(patch)))
    named = ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
    return f"+{added} -{removed} in {named} ({sha256(patch.encode()).hexdigest()[:8]})"


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
