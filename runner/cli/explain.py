"""The verb ``explain``: what it takes, and what is told while it goes on."""

from __future__ import annotations

import sys
import time

from runner.cli.flags import known_flags, switch, take, take_all, trusted_of
from runner.errors import ConfigError, printable

USAGE = (
    "explain RUN_DIR [INPUT...] [--method NAME ...] [--layer NAME ...] [--target CLASS] [--examples 8] [--split test] "
    "[--output DIR] [--checkpoint best] [--device auto] [--allow-changed-data] [data.path=FILE]"
)


def explain(arguments: list[str]) -> int:
    """Explain a run's network, and name the files that say it."""
    from runner.config.run_config import PLACE
    from runner.explain import method_named

    given, rest = {}, arguments
    for flag in ("--target", "--examples", "--split", "--output", "--checkpoint", "--device"):
        given[flag], rest = take(rest, flag)
    methods, rest = take_all(rest, "--method")
    layers, rest = take_all(rest, "--layer")
    changed, rest = switch(rest, "--allow-changed-data")
    known_flags([word for word in rest if word != "-"], USAGE)
    places, rest = [w for w in rest if PLACE.match(w)], [w for w in rest if not PLACE.match(w)]
    trusted, rest = trusted_of(rest, "explain")
    if not rest:
        raise ConfigError(f"expected the folder of a run: python -m runner {USAGE}.")
    number = given["--examples"] or "8"
    if not (number.isdecimal() and int(number) > 0):
        raise ConfigError(f"--examples {number}: expected a whole number of at least 1.")
    methods = [name for method in methods for name in method.split(",")]
    for name in methods:
        if name != "all":
            method_named(name)

    from runner.explain.report.files import Asked, place_for
    from runner.explain.report.files import explain as explain_network
    from runner.run import load

    network = load(rest[0], given["--checkpoint"] or "best", given["--device"] or "auto", trusted)
    asked = Asked(
        tuple(methods),
        tuple(layers),
        given["--target"],
        int(number),
        given["--split"] or "test",
        tuple(places),
        changed,
    )
    progress = _Progress()
    try:
        explain_network(network, place_for(rest[0], given["--output"]), rest[1:], asked, progress.tell, progress.say)
    finally:
        progress.clear()
    return 0


class _Progress:
    """A line on the terminal that counts, from the second second of a method on."""

    def __init__(self) -> None:
        self.what, self.begin, self.last, self.shown = "", 0.0, 0.0, False

    def tell(self, what: str, done: int, of: int) -> None:
        now = time.monotonic()
        if what != self.what:
            self.what, self.begin = what, now
        if sys.stderr.isatty() and now - self.begin > 2 and now - self.last > 0.5:
            self.last, self.shown = now, True
            print(f"\r{what}: {done:,} of {of:,} ", end="", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        self.clear()
        print(printable(text).replace("\n", "\\n"))

    def clear(self) -> None:
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self.shown = False
