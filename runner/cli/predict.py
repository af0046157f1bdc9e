"""The verb ``predict``: what it takes, and what is told while it goes on."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cli.flags import known_flags, take, trusted_of
from runner.errors import ConfigError, counted, did_you_mean, printable

if TYPE_CHECKING:
    from runner.run.prediction import Predicted

USAGE = (
    "predict RUN_DIR INPUT... [--output FILE.csv|FILE.jsonl] [--format csv|jsonl] [--checkpoint best] "
    "[--batch-size N] [--on-error stop|skip] [--device cpu]"
)


def predict(arguments: list[str]) -> int:
    """Predict files with a trained network."""
    given, rest = {}, arguments
    for flag in ("--output", "--format", "--checkpoint", "--batch-size", "--on-error", "--device"):
        given[flag], rest = take(rest, flag)
    known_flags([word for word in rest if word != "-"], USAGE)
    trusted, rest = trusted_of(rest, "predict")
    if len(rest) < 2:
        raise ConfigError(f"expected the folder of a run and something to predict: python -m runner {USAGE}.")
    form = _one_of(given, "--format", ("csv", "jsonl"))
    on_error: Any = _one_of(given, "--on-error", ("stop", "skip")) or "stop"
    size = given["--batch-size"]
    if size is not None and not (size.isdecimal() and int(size) > 0):
        raise ConfigError(f"--batch-size {size}: expected a whole number of at least 1.")

    from runner.run import load
    from runner.run.prediction import predict as write_predictions

    network = load(rest[0], given["--checkpoint"] or "best", given["--device"] or "cpu", trusted)
    signal.siginterrupt(signal.SIGINT, True)  # polars, once imported, has Ctrl-C wait for what a pipe brings next
    progress = _Progress()
    done = write_predictions(
        network,
        rest[1:],
        given["--output"],
        form=form,
        batch_size=int(size) if size else None,
        on_error=on_error,
        tell=progress.tell,
        hear=progress.hear,
    )
    progress.clear()
    if given["--output"]:
        print(f"{counted(done.rows, 'prediction')}: {Path(given['--output'])}")
    if not done.rows and not done.skipped:
        print("There was no example to predict.", file=sys.stderr)
    if done.skipped:
        print(f"{counted(done.skipped, 'example')} left out", file=sys.stderr)
    return 0


def _one_of(given: dict[str, str | None], flag: str, choices: tuple[str, ...]) -> Any:
    value = given[flag]
    if value is not None and value not in choices:
        raise ConfigError(f"{flag} {value}: expected {' or '.join(choices)}.{did_you_mean(value, choices)}")
    return value


class _Progress:
    """A line on the terminal that counts, from the second second on."""

    def __init__(self) -> None:
        self.begin = self.last = time.monotonic()
        self.shown = False

    def hear(self, done: Predicted) -> None:
        now = time.monotonic()
        if sys.stderr.isatty() and now - self.begin > 2 and now - self.last > 0.5:
            self.last, self.shown = now, True
            rate = done.rows / (now - self.begin)
            print(f"\r{done.rows:,} predictions, {rate:,.0f} a second ", end="", file=sys.stderr, flush=True)

    def tell(self, text: str) -> None:
        self.clear()
        print(printable(text), file=sys.stderr)

    def clear(self) -> None:
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self.shown = False
