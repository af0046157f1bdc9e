"""The verb ``advise``: the checklist over a run as a terminal or another program reads it."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from runner.cli.flags import no_more, run_folder, switch
from runner.errors import counted, printable

if TYPE_CHECKING:
    from runner.analysis.advice import Finding, Record

USAGE = "advise RUN_DIR [--json]"
WORDS = {"fault": "FAULT", "note": "note", "fine": "fine", "unknown": "?"}
STYLES = {"fault": "bold red", "note": "yellow", "fine": "green", "unknown": "dim"}
INDENT = 23
SEEDS = 10  # show a difference as large as its own standard deviation in 8 of 10 cases (docs/statistics.md)
REFUSED = ("hydra.", "hydra/", "trusted_targets")


def advise(arguments: list[str]) -> int:
    """Judge a run by what it recorded, and say what to try next."""
    from runner.analysis.advice import Record
    from runner.analysis.advice import advise as judge

    as_json, rest = switch(arguments, "--json")
    folder, rest = run_folder(rest, USAGE)
    no_more(rest, USAGE)
    record = Record.read(folder)
    findings = judge(record)
    if as_json:
        told = {name: {**asdict(found), "commands": commands(record, found)} for name, found in findings.items()}
        print(json.dumps({"run": str(record.path), "status": record.status, "checks": told}, indent=2))
    else:
        show(record, findings)
    return 0


def commands(record: Record, found: Finding) -> list[str]:
    """What to do about a finding, to be pasted: whether something helps is asked before it is tried once."""
    asks = [ask for words in found.asks if (ask := _ablation(record, words))]
    tries = [["rerun", str(record.path), *words] for words in found.tries]
    return [shlex.join(["python", "-m", "runner", *words]) for words in (*asks, *tries)]


def _ablation(record: Record, words: tuple[str, ...]) -> list[str] | None:
    """The words of `ablate` that ask it of what the run was made with; None where that is not known any more."""
    typed, config_dir = record.manifest.get("overrides"), record.manifest.get("config_dir")
    if not isinstance(typed, list) or not all(isinstance(line, str) for line in typed):
        return None
    keys = {word.partition("=")[0] for word in words} | {"data.fold", "data.folds"}
    # Which code is trusted is not for a folder to say, which may come from somebody else; ablate has its own.
    kept = {key: line for line in typed if not (key := line.lstrip("+~").partition("=")[0]).startswith(REFUSED)}
    place = ["--config-dir", config_dir] if isinstance(config_dir, str) else []
    return ["ablate", *words, *(kept[key] for key in kept if key not in keys), "--seeds", str(SEEDS), *place]


def show(record: Record, findings: Mapping[str, Finding]) -> None:
    """Faults first, then notes, what is fine, and what is not known; at the end the command to try next."""
    from runner.cli.tables import console

    out = console()
    print(printable(f"{record.path}: {record.status}, {counted(record.epochs, 'epoch')}\n"))
    for verdict, word in WORDS.items():
        for name, found in findings.items():
            if found.verdict != verdict:
                continue
            text = printable(found.says).replace("\n", "\\n")
            lines = textwrap.wrap(text, max(40, out.width - INDENT), break_long_words=False) or [""]
            out.print(f"{word:<7}", style=STYLES[verdict], end="")
            print(f"{name:<{INDENT - 7}}{lines[0]}")
            more = lines[1:]
            if verdict in ("fault", "note"):
                more += [f"see {found.page}"]
            if verdict != "fine":
                more += map(printable, commands(record, found))
            for line in more:
                print(" " * INDENT + line)
    faults = [found for found in findings.values() if found.verdict == "fault"]
    notes = sum(found.verdict == "note" for found in findings.values())
    print(f"\n{counted(len(faults), 'fault')}, {counted(notes, 'note')}.")
    if first := next((there for found in faults if (there := commands(record, found))), None):
        print("What to try next:")
        print(printable(first[0]))
