"""The verb ``fetch``, and what is said while anything is fetched."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from runner.cli.counter import Line
from runner.cli.flags import known_flags, no_more, switch
from runner.errors import ConfigError, did_you_mean, printable
from runner.fetch.listener import Listener, megabytes

if TYPE_CHECKING:
    from runner.fetch.published import Published

WHOLE = 200
"""Characters of a line that no terminal shortens: paths stay whole."""
USAGE = "fetch NAME... | fetch --list"


class Fetching(Line, Listener):
    """Says on the standard error what is fetched, and on a terminal how far it is."""

    def tell(self, text: str) -> None:
        """Print a sentence; what is waited for begins now."""
        self.clear()
        self.begin = time.monotonic()
        print(printable(text), file=sys.stderr, flush=True)


def fetch(arguments: list[str]) -> int:
    """Bring published files into the cache, verified; or list what there is."""
    from runner.data.source.available import BUNDLED, fetched
    from runner.fetch.fetching import ready
    from runner.fetch.sets import all_sets

    listing, names = switch(arguments, "--list")
    known_flags(names, USAGE)
    sets, options = all_sets(), fetched()
    if listing:
        no_more(names, USAGE)
        _list(sets, options)
        return 0
    known = {name: (published,) for name, published in sets.items()} | options
    for name in names or [""]:
        if name in BUNDLED:
            raise ConfigError(f"{name}: comes with scikit-learn; there is nothing to fetch.")
        if name not in known:
            given = f"{name}: no such set.{did_you_mean(name, known)} Sets" if name else "expected what to fetch"
            raise ConfigError(f"{given}: {', '.join(sorted(known))}. `python -m runner fetch --list` tells about them.")
    for published in dict.fromkeys(published for name in names for published in known[name]):
        files, notes = ready(published)
        if not any(path.suffix == ".gz" for path in files.values()):  # the system's own, which are packed
            published.check(files)
        folder = next(iter(files.values())).parent
        print(printable(f"{published.name}: {', '.join(notes) or 'was there'}, verified: {folder}"), flush=True)
    return 0


def _list(sets: dict[str, Published], options: dict[str, tuple[Published, ...]]) -> None:
    from runner.cli.tables import plain_table, put

    table = plain_table("set", "what it is", "for", "size", "licence", "where")
    for name, published in sorted(sets.items()):
        users = [option for option, taken in options.items() if published in taken]
        there = published.on_machine()
        table.add_row(
            name,
            published.about,
            ", ".join(f"data={option}" for option in users) or published.use,
            megabytes(min(way.size for way in published.ways)),
            published.licence,
            str(next(iter(there.values())).parent) if there else "not here",
        )
    put(table, 0 if sys.stdout.isatty() else WHOLE)
    print("\n`python -m runner fetch NAME` brings one; a run that needs one brings it too, and says so.")
