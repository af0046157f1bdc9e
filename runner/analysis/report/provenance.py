"""Where runs come from: versions, code, data, machine, and how to do it again."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from runner.analysis.report.document import Block, Code, Point, Points, Section, Table, facts, rows_of
from runner.analysis.report.reading import names, text, texts
from runner.analysis.run import Run
from runner.errors import counted

LONGEST = 100_000  # characters of a file that is shown


def command(*words: str) -> str:
    """A command to be pasted."""
    return shlex.join(["python", "-m", "runner", *words])


def how_to_reproduce(commands: Sequence[str], runs: Sequence[Run]) -> Section:
    """The commands, and what the runs were made with."""
    blocks: list[Block] = [Code("Commands", "\n".join(commands))]
    manifests = [run.manifest for run in runs if run.manifest]
    packages = dict.fromkeys(name for m in manifests for name in names(m.get("packages")))
    code = [("commit", _said(manifests, _commit)), ("files changed since", _said(manifests, _dirty))]
    data = [("fingerprint", _said(manifests, lambda m: _at(m, "data", "fingerprint")))]
    data += [
        (f"{part} examples", _said(manifests, lambda m, part=part: _at(m, "data", part)))  # type: ignore[misc]
        for part in ("train", "val", "test")
    ]
    machine = [
        *((key, _said(manifests, lambda m, key=key: _at(m, "hardware", key))) for key in ("device", "cpus", "threads")),  # type: ignore[misc]
        ("precision", _said(manifests, lambda m: m.get("precision"))),
        ("platform", _said(manifests, lambda m: m.get("platform"))),
    ]
    versions = [(name, _said(manifests, lambda m, name=name: _at(m, "packages", name))) for name in packages]  # type: ignore[misc]
    for caption, pairs in (("Code", code), ("Data", data), ("Versions", versions), ("Machine", machine)):
        table = facts(caption, pairs)
        blocks += [table] if table.rows else []
    patches = dict.fromkeys(text(_at(m, "git", "patch")) for m in manifests)
    blocks += [Code("Changes since that commit", shortened(patch)) for patch in list(patches)[:3] if patch]
    return Section("How to reproduce", blocks, folded=True)


def shortened(content: str) -> str:
    """A file's beginning, where it is longer than anybody reads."""
    rest = len(content) - LONGEST
    return content if rest <= 0 else f"{content[:LONGEST]}\n... and {rest:,} more characters"


def configuration(run: Run, caption: str) -> list[Block]:
    """The configuration of a run as its folder has it."""
    from runner.record.reading import read

    try:
        return [Code(caption, shortened(read(run.path / "config.yaml").decode(errors="replace").rstrip()))]
    except OSError:
        return []


def failures(runs: Sequence[tuple[str, Run]]) -> list[Section]:
    """Those that did not complete, and why, by name; no section without any."""
    failed = [(name, run) for name, run in runs if run.status != "completed"]
    if not failed:
        return []
    rows = rows_of([(name, run.status, run.cause or "; ".join(run.notes) or "-") for name, run in failed])
    title = f"Not completed: {len(failed)} of {counted(len(runs), 'run')}"
    return [Section(title, [Table("Why they ended", ("run", "status", "cause"), rows)], folded=True)]


def caveats(sentences: Sequence[str]) -> list[Section]:
    """What limits the answer."""
    said = [sentence for sentence in dict.fromkeys(sentences) if sentence]
    return [Section("Caveats", [Points([Point(sentence) for sentence in said])])] if said else []


def started_with(run: Run) -> str:
    """The command that a run was started with; empty where that is not known."""
    return shlex.join(texts(run.manifest.get("command")))


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = names(value).get(key)
    return value


def _commit(manifest: dict[str, Any]) -> str:
    return text(_at(manifest, "git", "commit")) or "not under version control"


def _dirty(manifest: dict[str, Any]) -> str | None:
    if not _at(manifest, "git", "commit"):
        return None
    return {True: "yes", False: "no"}.get(_at(manifest, "git", "dirty"), "unknown")


def _said(manifests: Sequence[dict[str, Any]], of: Callable[[dict[str, Any]], Any]) -> str:
    """What they say; where they differ, each value and of how many."""
    found = Counter(str(value) for m in manifests if (value := of(m)) is not None and isinstance(value, (str, int)))
    if len(found) <= 1:
        return next(iter(found), "")
    return "; ".join(f"{value} ({counted(count, 'run')})" for value, count in found.most_common(10))
