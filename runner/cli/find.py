"""The verbs ``find-lr`` and ``find-batch-size``: what they take and what they print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from runner.cli.flags import one_configuration
from runner.errors import ConfigError

Number = TypeVar("Number", int, float)

LR_USAGE = "find-lr [OVERRIDES] [--start 1e-7] [--end 10] [--steps 200]"
BATCH_SIZE_USAGE = "find-batch-size [OVERRIDES] [--start 8] [--seconds 60]"


def find_lr(arguments: list[str]) -> int:
    """Run the learning-rate range test and print the override to paste."""
    from runner.cli.progress import Terminal
    from runner.find.lr import find_lr as find
    from runner.run import new_folder

    (start, end, steps), config = one_configuration(arguments, ("--start", "--end", "--steps"))
    curve = find(
        config,
        _number("--start", start, 1e-7, float),
        _number("--end", end, 10.0, float),
        _number("--steps", steps, 200, int),
        Terminal(),
    )
    table, picture = curve.write(new_folder(config, Path("outputs/find-lr")))
    print(f"loss from rate {curve.lrs[0]:.2g} to {curve.lrs[-1]:.2g}: {picture}, {table}")
    rates = curve.suggestions()
    if not rates:
        print("The loss fell at no rate in this range: nothing to suggest. Try a wider one with --start and --end.")
        return 0
    for name, rate in rates.items():
        print(f"  {name:<12}{rate:.2g}")
    print(f"optimizer.lr={next(iter(rates.values())):.2g}")
    return 0


def find_batch_size(arguments: list[str]) -> int:
    """Time batch sizes and print the override to paste."""
    from runner.cli.progress import Terminal
    from runner.cli.tables import plain_table, put
    from runner.find.batch_size import find_batch_size as find

    (start, seconds), config = one_configuration(arguments, ("--start", "--seconds"))
    found = find(config, _number("--start", start, 8, int), _number("--seconds", seconds, 60.0, float), Terminal())
    table = plain_table("batch size", "samples/s", "ms/update", "peak memory")
    for speed in found.speeds:
        memory = "-" if speed.memory is None else f"{speed.memory / 2**20:,.0f} MiB"
        table.add_row(str(speed.batch_size), f"{speed.samples_per_second:,.0f}", f"{1000 * speed.seconds:.2f}", memory)
    put(table)
    print(f"Ended there: {found.end}.")
    size = found.suggestion()
    if size is None:
        print("No size could be tried: nothing to suggest.")
        return 0
    print("The smallest size with nine tenths of the best throughput; another size wants another rate: find-lr.")
    print(f"data.batch_size={size}")
    return 0


def _number(flag: str, text: str | None, default: Number, kind: Callable[[str], Number]) -> Number:
    if text is None:
        return default
    try:
        return kind(text)
    except ValueError as error:
        what = "an integer" if kind is int else "a number"
        raise ConfigError(f"{flag} {text}: expected {what}, such as {flag} {default:g}.") from error
