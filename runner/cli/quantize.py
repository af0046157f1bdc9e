"""The verb ``quantize``: a network whose numbers have fewer bits."""

from __future__ import annotations

from typing import Any

from runner.cli.counter import Counter
from runner.cli.flags import known_flags, no_more, number, one_of, run_folder, switch, take, trusted_of, whole_number
from runner.cli.variants import made
from runner.errors import ConfigError

USAGE = (
    "quantize RUN_DIR --method dynamic|static|weight_only|qat|fp16|bf16 [--examples 256] [--dynamic-batch] "
    "[--max-loss 0.01] [--checkpoint best] [data.path=FILE]; with --method qat [--epochs 1] [optimizer.lr=1e-4 ...]"
)
FLAGS = ("--method", "--examples", "--epochs", "--max-loss", "--checkpoint")
# What belongs to some methods only.
ONLY = {
    "--examples": ("static", "qat"),
    "--epochs": ("qat",),
    "--dynamic-batch": ("dynamic", "static", "qat"),
}


def quantize(arguments: list[str]) -> int:
    """Make the variant, and print how it compares."""
    from runner.config.run_config import PLACE

    given, rest = {}, arguments
    for flag in FLAGS:
        given[flag], rest = take(rest, flag)
    dynamic_batch, rest = switch(rest, "--dynamic-batch")
    known_flags(rest, USAGE)
    methods = ("dynamic", "static", "weight_only", "qat", "fp16", "bf16")
    method: Any = one_of(given, "--method", methods)
    if method is None:
        raise ConfigError(f"--method: expected {', '.join(methods[:-1])} or {methods[-1]}. Usage: {USAGE}.")
    for flag, fitting in ONLY.items():
        if (dynamic_batch if flag == "--dynamic-batch" else given[flag]) and method not in fitting:
            raise ConfigError(f"{flag}: is for --method {' and '.join(fitting)}, and means nothing with {method}.")
    places, rest = [w for w in rest if PLACE.match(w)], [w for w in rest if not PLACE.match(w)]
    overrides: list[str] = []
    if method == "qat":
        overrides = [w for w in rest if "=" in w and "/" not in w.partition("=")[0] and "trusted_targets" not in w]
        rest = [w for w in rest if w not in overrides]
    trusted, rest = trusted_of(rest, "quantize")
    folder, rest = run_folder(rest, USAGE)
    no_more(rest, USAGE)
    max_loss = number("--max-loss", given["--max-loss"])
    if max_loss is not None and not max_loss >= 0:
        raise ConfigError(f"--max-loss {max_loss:g}: expected a number of at least 0: 0.01 is a point of accuracy.")
    examples = whole_number("--examples", given["--examples"] or "256", 1)
    epochs = whole_number("--epochs", given["--epochs"] or "1", 1)

    from runner.cli.progress import Terminal
    from runner.deploy.parent import Parent
    from runner.deploy.quantize import quantize as make

    parent = Parent.open(folder, given["--checkpoint"] or "best", trusted, places, Counter("").tell)
    with Terminal() as terminal:
        variant = make(
            parent,
            method,
            examples=examples,
            dynamic_batch=dynamic_batch,
            epochs=epochs,
            overrides=overrides,
            max_loss=max_loss,
            progress=terminal,
        )
    return made(*variant)
