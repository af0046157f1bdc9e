"""The verb ``predict``: what it takes, and what is told while it goes on."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

from runner.cli.counter import Counter
from runner.cli.flags import beams_of, known_flags, one_of, take, trusted_of
from runner.errors import ConfigError, counted

USAGE = (
    "predict RUN_DIR INPUT... [--output FILE.csv|FILE.jsonl] [--format csv|jsonl] [--checkpoint best] "
    "[--batch-size N] [--on-error stop|skip] [--tta flip|shift|flip_shift] "
    "[--beams N [--length-penalty A]] [--device cpu]"
)

FLAGS = (
    *("--output", "--format", "--checkpoint", "--batch-size", "--on-error", "--tta", "--beams", "--length-penalty"),
    "--device",
)


def predict(arguments: list[str]) -> int:
    """Predict files with a trained network."""
    given, rest = {}, arguments
    for flag in FLAGS:
        given[flag], rest = take(rest, flag)
    known_flags([word for word in rest if word != "-"], USAGE)
    trusted, rest = trusted_of(rest, "predict")
    if len(rest) < 2:
        raise ConfigError(f"expected the folder of a run and something to predict: python -m runner {USAGE}.")
    beams, length_penalty = beams_of(given["--beams"], given["--length-penalty"])
    form = one_of(given, "--format", ("csv", "jsonl"))
    on_error: Any = one_of(given, "--on-error", ("stop", "skip")) or "stop"
    size = given["--batch-size"]
    if size is not None and not (size.isdecimal() and int(size) > 0):
        raise ConfigError(f"--batch-size {size}: expected a whole number of at least 1.")

    from runner.run import load
    from runner.run.beams import with_beams
    from runner.run.prediction import predict as write_predictions
    from runner.run.views import with_views

    network = load(rest[0], given["--checkpoint"] or "best", given["--device"] or "cpu", trusted)
    network = with_views(with_beams(network, beams, length_penalty), given["--tta"])
    signal.siginterrupt(signal.SIGINT, True)  # polars, once imported, has Ctrl-C wait for what a pipe brings next
    progress = Counter("predictions")
    done = write_predictions(
        network,
        rest[1:],
        given["--output"],
        form=form,
        batch_size=int(size) if size else None,
        on_error=on_error,
        tell=progress.tell,
        hear=lambda done: progress.hear(done.rows),
    )
    progress.clear()
    if given["--output"]:
        print(f"{counted(done.rows, 'prediction')}: {Path(given['--output'])}")
    if not done.rows and not done.skipped:
        print("There was no example to predict.", file=sys.stderr)
    if done.skipped:
        print(f"{counted(done.skipped, 'example')} left out", file=sys.stderr)
    return 0
