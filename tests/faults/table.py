"""All faults, and the table of them in docs/reliability.md."""

from __future__ import annotations

import platform
import re
import time
from collections import Counter
from pathlib import Path

from tests.faults import damage, launchers, machine, places, random_moments, saving, sweeping
from tests.faults.fault import Fault, Seen

FAULTS: tuple[Fault, ...] = (
    *saving.FAULTS,
    *sweeping.FAULTS,
    *launchers.FAULTS,
    *places.FAULTS,
    *damage.FAULTS,
    *machine.FAULTS,
    *random_moments.FAULTS,
)
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- faults: made by `make faults` -->", "<!-- end of faults -->"


class Row:
    """What came of all injections of a fault."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.injected = self.lost = self.double = 0
        self.told: Counter[str] = Counter()
        self.bad: list[str] = []

    def add(self, way: str, seen: Seen) -> None:
        """Count one more."""
        self.injected += 1
        self.lost += seen.lost
        self.double += seen.double
        self.told[seen.told] += 1
        if not seen.well:
            self.bad.append(way)

    def line(self) -> str:
        """A row of Markdown; the ways of telling, the most frequent first."""
        told = [f"`{text}`{f' ({count}×)' if len(self.told) > 1 else ''}" for text, count in self.told.most_common(4)]
        more = len(self.told) - len(told)
        reported = "<br>".join([*told, *([f"and {more} more of that kind"] if more else [])]).replace("|", "\\|")
        cells = (self.fault.name, self.injected, self.lost, self.double, self.fault.holds, reported)
        return f"| {' | '.join(map(str, cells))} |"


def write(row: Row) -> None:
    """Put a row in the place of what the page says of its fault; others stay."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    old, _, after = rest.partition(END)
    lines = {match[1]: match.string for match in map(re.compile(r"\| (.+?) \|").match, old.splitlines()) if match}
    lines[row.fault.name] = row.line()
    head = "| fault | injected | lost | double | what holds | how it is reported |\n|---|---|---|---|---|---|\n"
    known = [lines[fault.name] for fault in FAULTS if fault.name in lines]
    when = f"Last made {time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, {platform.system()}."
    PAGE.write_text(f"{before}{BEGIN}\n{when}\n\n{head}" + "\n".join(known) + f"\n{END}{after}")
