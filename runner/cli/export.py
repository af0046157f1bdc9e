"""The verb ``export``: a trained network as a file that runs elsewhere."""

from __future__ import annotations

from typing import Any

from runner.cli.counter import Steps
from runner.cli.flags import known_flags, no_more, number, one_of, run_folder, switch, take, trusted_of
from runner.cli.variants import made
from runner.errors import ConfigError

USAGE = (
    "export RUN_DIR --format onnx|program|aot|torchscript [--precision fp32|fp16|int8] [--dynamic-batch] "
    "[--tolerance X] [--provider cpu|cuda|tensorrt] [--checkpoint best] [data.path=FILE]"
)


def export(arguments: list[str]) -> int:
    """Write a network as a file, and print how it compares."""
    from runner.config.run_config import PLACE

    given, rest = {}, arguments
    for flag in ("--format", "--precision", "--tolerance", "--provider", "--checkpoint"):
        given[flag], rest = take(rest, flag)
    dynamic, rest = switch(rest, "--dynamic-batch")
    known_flags(rest, USAGE)
    places, rest = [w for w in rest if PLACE.match(w)], [w for w in rest if not PLACE.match(w)]
    trusted, rest = trusted_of(rest, "export")
    folder, rest = run_folder(rest, USAGE)
    no_more(rest, USAGE)
    form: Any = one_of(given, "--format", ("onnx", "program", "aot", "torchscript"))
    if form is None:
        raise ConfigError(f"--format: expected onnx, program, aot or torchscript. Usage: {USAGE}.")
    precision: Any = one_of(given, "--precision", ("fp32", "fp16", "int8")) or "fp32"
    provider: Any = one_of(given, "--provider", ("cpu", "cuda", "tensorrt"))
    if provider and form != "onnx":
        raise ConfigError(f"--provider {provider}: is what ONNX Runtime computes with, for --format onnx; got {form}.")
    tolerance = number("--tolerance", given["--tolerance"])
    if tolerance is not None and not 0 <= tolerance < float("inf"):
        raise ConfigError(f"--tolerance {given['--tolerance']}: expected a number of at least 0.")

    from runner.deploy.export import export as write
    from runner.deploy.parent import Parent

    steps = Steps()
    parent = Parent.open(folder, given["--checkpoint"] or "best", trusted, places, steps.tell, steps.hear)
    try:
        folder_and_result = write(parent, form, precision, dynamic, tolerance, provider or "cpu")
    finally:
        steps.clear()
    return made(*folder_and_result)
