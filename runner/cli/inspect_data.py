"""The verb ``inspect-data``: what is in the data of a command, and which overrides act on it."""

from __future__ import annotations

import shlex
import textwrap
from typing import TYPE_CHECKING

from runner.cli.flags import one_configuration
from runner.errors import printable

if TYPE_CHECKING:
    from runner.inspection.inspect import Inspection

WORDS = {"found": "FOUND", "fine": "fine", "skipped": "-"}
STYLES = {"found": "bold red", "fine": "green", "skipped": "dim"}
INDENT = 26
SHOWN = 3  # examples of a finding
COLUMNS = 6  # of a row, and classes of a table


def inspect_data(arguments: list[str]) -> int:
    """Look at the data of a command without training, and print and draw what was found."""
    from runner.cli.progress import Terminal
    from runner.inspection.inspect import command, inspect, new_folder

    _, config = one_configuration(arguments)
    with Terminal() as terminal:
        inspection = inspect(config, terminal)
        folder = new_folder(config)
        written = inspection.write(folder)
    print()
    _show_parts(inspection)
    print()
    _show_findings(inspection)
    acting = {name: words for name, found in inspection.findings.items() if (words := inspection.acts(found))}
    if acting:
        print("\nWhat acts on it, each alone, and all together:")
        for name, words in acting.items():
            print(printable(f"  {name:<{INDENT - 7}}{shlex.join(words)}"))
        typed = [word for word in arguments if not word.startswith("-")]
        print(printable(command(inspection.acts(*inspection.findings.values()), typed)))
    print(printable(f"\n{folder}: {', '.join(['inspection.json', *(path.name for path in written)])}"))
    return 0


def _show_parts(inspection: Inspection) -> None:
    from runner.cli.tables import plain_table, put

    classes = inspection.classes()
    names = list(next(iter(classes.values()), {}))
    kept = names if len(names) <= 2 * COLUMNS else names[:COLUMNS]
    table = plain_table("part", "examples", *map(printable, kept))
    for part, size in inspection.subject.data.sizes.items():
        table.add_row(part, f"{size:,}", *(f"{classes[part][name]:,}" for name in kept))
    put(table)
    if len(kept) < len(names):
        print(f"and {len(names) - len(kept)} more classes (inspection.json)")


def _show_findings(inspection: Inspection) -> None:
    from runner.cli.tables import console
    from runner.inspection.inspect import WRITTEN

    out = console()
    for name, found in inspection.findings.items():
        lines = textwrap.wrap(printable(found.says).replace("\n", "\\n"), max(40, out.width - INDENT)) or [""]
        out.print(f"{WORDS[found.verdict]:<7}", style=STYLES[found.verdict], end="")
        print(f"{name:<{INDENT - 7}}{lines[0]}")
        for row in inspection.rows(found.examples[:SHOWN]):
            where = f"{row.pop('part')} {row.pop('row')}"
            place, why, like, labels = (row.pop(key) for key in ("place", "why", "like", "labels"))
            held = ", ".join(f"{key}={str(value)[:40]}" for key, value in list(row.items())[:COLUMNS])
            told = [where, place, f"{why} to {like}" if like else why, labels, held]
            lines.append("  " + "; ".join(printable(text).replace("\n", "\\n") for text in told if text))
        if len(found.examples) > SHOWN:
            where = f"{name.replace(' ', '_')}.csv"
            where += f", the first {WRITTEN:,}" if len(found.examples) > WRITTEN else ""
            lines.append(f"  and {len(found.examples) - SHOWN:,} more ({where})")
        for line in lines[1:]:
            print(" " * INDENT + line)
