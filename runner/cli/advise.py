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
        told = {
            name: {**asdict(found), "commands": [command(record, words) for words in found.tries]}
            for name, found in findings.items()
        }
        print(json.dumps({"run": str(record.path), "status": record.status, "checks": told}, indent=2))
    else:
        show(record, findings)
    return 0


def command(record: Record, overrides: tuple[str, ...]) -> str:
    """The command that repeats the run with changes, to be pasted."""
    return shlex.join(["python", "-m", "runner", "rerun", str(record.path), *overrides])


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
                more += [printable(command(record, words)) for words in found.tries]
            for line in more:
                print(" " * INDENT + line)
    faults = [found for found in findings.values() if found.verdict == "fault"]
    notes = sum(found.verdict == "note" for found in findings.values())
    print(f"\n{counted(len(faults), 'fault')}, {counted(notes, 'note')}.")
    if tries := next((found.tries for found in faults if found.tries), ()):
        print("What to try next:")
        print(printable(command(record, tries[0])))
