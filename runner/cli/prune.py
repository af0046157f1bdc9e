"""The verb ``prune``: a network with fewer weights."""

from __future__ import annotations

from typing import Any

from runner.cli.flags import known_flags, number, one_of, run_folder, take, take_all, trusted_of, whole_number
from runner.cli.variants import made
from runner.errors import ConfigError, printable

METHODS = ("magnitude", "global", "random", "structured", "gradual", "low_rank")
USAGE = (
    f"prune RUN_DIR --method {'|'.join(METHODS)} --amount 0.8 [--epochs N [OVERRIDES]] [--keep LAYER] "
    "[--rewind start|epoch-0001] [--checkpoint best] [data.path=FILE]"
)


def prune(arguments: list[str]) -> int:
    """Cut weights, print what it costs, and with ``--epochs`` train what is left."""
    from runner.config.run_config import PLACE

    given: dict[str, str | None] = {}
    rest = arguments
    for flag in ("--method", "--amount", "--epochs", "--rewind", "--checkpoint"):
        given[flag], rest = take(rest, flag)
    keep, rest = take_all(rest, "--keep")
    known_flags(rest, USAGE)
    folder, rest = run_folder(rest, USAGE)
    trusted, _ = trusted_of([word for word in rest if word.startswith("trusted_targets=")], "prune")
    overrides = [word for word in rest if not word.startswith("trusted_targets=")]
    method: Any = one_of(given, "--method", METHODS)
    amount = number("--amount", given["--amount"])
    if method is None or amount is None:
        raise ConfigError(f"{'--method' if method is None else '--amount'}: is missing. Usage: {USAGE}.")
    epochs = whole_number("--epochs", given["--epochs"], 1) if given["--epochs"] is not None else None
    _check(method, epochs, overrides, keep, given["--rewind"])

    from runner.cli.counter import Counter
    from runner.cli.progress import Terminal
    from runner.deploy import prune as pruning
    from runner.deploy.parent import Parent

    places = [word for word in overrides if PLACE.match(word)]
    parent = Parent.open(folder, given["--checkpoint"] or "best", trusted, places, Counter("layers").tell)
    if method == "gradual":
        assert epochs is not None
        with Terminal() as terminal:
            variant, result = pruning.gradual(parent, amount, epochs, overrides, terminal)
            terminal.finished(result, variant)
        _told(result)
        return 0
    if epochs is not None:
        pruning.check_fine_tuning(parent, method, epochs, overrides)
    variant, result = pruning.prune(parent, method, amount, keep, given["--rewind"])
    _told(result)
    status = made(variant, result)
    if status or epochs is None:
        return status
    with Terminal() as terminal:
        tuned, result = pruning.fine_tuned(parent, variant, method, epochs, overrides, terminal)
        terminal.finished(result, tuned)
    _told(result)
    return 0


def _check(method: str, epochs: int | None, overrides: list[str], keep: list[str], rewind: str | None) -> None:
    from runner.config.compose import Command
    from runner.config.run_config import PLACE

    Command(overrides)
    typed = [word for word in overrides if not PLACE.match(word)]
    if epochs is None and typed:
        raise ConfigError(f"{typed[0]}: is for the training that follows. Give --epochs N too.")
    if method == "gradual" and epochs is None:
        raise ConfigError("--method gradual: cuts while the network is trained. Give --epochs N too.")
    if method == "gradual" and keep:
        raise ConfigError(
            "--keep: gradual pruning takes all layers; compression.gradual_pruning.scope=layer is gentler."
        )
    if method == "structured" and keep:
        raise ConfigError(
            "--keep: is for single weights and low_rank; structured pruning takes channels of all layers."
        )
    if rewind and method not in ("magnitude", "global", "random"):
        raise ConfigError(f"--rewind {rewind}: is for the methods that set weights to zero, and {method} does not.")
    if rewind and epochs is not None:
        raise ConfigError(
            "--rewind: what it gives is trained from there as the run was, not fine-tuned: `python -m runner rerun "
            "RUN_DIR init=checkpoint init.path=VARIANT compression=[keep_zeros]`."
        )


def _told(result: dict[str, Any]) -> None:
    """Print how much of which layer is gone."""
    zero = result.get("sparsity")
    if zero and zero["all"]:
        layers = sorted(zero["layers"].items(), key=lambda entry: entry[1])
        ends = f"; from {_share(*layers[0])} to {_share(*layers[-1])}" if len(layers) > 1 else ""
        print(printable(f"zero: {100 * zero['all']:.1f} % of {zero['weights']:,} weights{ends}"))
    if ranks := result.get("ranks"):
        named = [f"{name} {rank} of {full}" for name, (rank, full) in ranks.items() if rank is not None]
        print(printable(f"ranks: {', '.join(named)}; {len(ranks) - len(named)} layers stay as they are"))


def _share(name: str, share: float) -> str:
    return f"{100 * share:.1f} % of {name}"
