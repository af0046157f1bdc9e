"""The verb ``export``: a trained network as a file that runs elsewhere."""

from __future__ import annotations

from typing import Any

from runner.cli.counter import Counter
from runner.cli.flags import known_flags, no_more, one_of, run_folder, switch, take, trusted_of
from runner.cli.variants import made
from runner.errors import ConfigError

USAGE = (
    "export RUN_DIR --format onnx|program|torchscript [--precision fp32|fp16|int8] [--dynamic-batch] "
    "[--checkpoint best] [data.path=FILE]"
)


def export(arguments: list[str]) -> int:
    """Write a network as a file, and print how it compares."""
    from runner.config.run_config import PLACE

    given, rest = {}, arguments
    for flag in ("--format", "--precision", "--checkpoint"):
        given[flag], rest = take(rest, flag)
    dynamic, rest = switch(rest, "--dynamic-batch")
    known_flags(rest, USAGE)
    places, rest = [w for w in rest if PLACE.match(w)], [w for w in rest if not PLACE.match(w)]
    trusted, rest = trusted_of(rest, "export")
    folder, rest = run_folder(rest, USAGE)
    no_more(rest, USAGE)
    form: Any = one_of(given, "--format", ("onnx", "program", "torchscript"))
    if form is None:
        raise ConfigError(f"--format: expected onnx, program or torchscript. Usage: {USAGE}.")

    from runner.deploy.export import export as write
    from runner.deploy.parent import Parent

    parent = Parent.open(folder, given["--checkpoint"] or "best", trusted, places, Counter("examples").tell)
    return made(*write(parent, form, dynamic))
