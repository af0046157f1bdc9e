"""The verb ``explain``: what it takes, and what is told while it goes on."""

from __future__ import annotations

from runner.cli.counter import Steps
from runner.cli.flags import known_flags, switch, take, take_all, trusted_of
from runner.errors import ConfigError

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
    steps = Steps()
    try:
        explain_network(network, place_for(rest[0], given["--output"]), rest[1:], asked, steps.hear, steps.tell)
    finally:
        steps.clear()
    return 0
