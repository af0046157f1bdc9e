"""Predictions for a user's own files, written as they are made."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from runner.engine.transform import Bad
from runner.errors import ConfigError, RunFailed

if TYPE_CHECKING:
    from runner.run.trained import TrainedNetwork

OnError = Literal["stop", "skip"]
Form = Literal["csv", "jsonl"]


@dataclass
class Predicted:
    """What was done.

    Attributes:
        rows: predictions that were written.
        skipped: examples that could not be read.
    """

    rows: int = 0
    skipped: int = 0


def predict(
    network: TrainedNetwork,
    sources: Sequence[str],
    output: str | Path | None = None,
    *,
    form: Form | None = None,
    batch_size: int | None = None,
    on_error: OnError = "stop",
    tell: Callable[[str], None] = lambda text: None,
    hear: Callable[[Predicted], None] = lambda done: None,
) -> Predicted:
    """Predict raw examples from files, in their order; neither they nor the predictions are held in memory.

    Args:
        network: a trained network.
        sources: files or folders in the form that its data had, or ``-`` for the standard input.
        output: a file ending in ``.csv`` or ``.jsonl``, written whole or not at all; None is the standard output.
        form: ``csv``, or ``jsonl``: a line of JSON per example; None goes by `output`, and is csv for the standard one.
        batch_size: examples at once; None takes as many as evaluation does.
        on_error: what to do about an example that can't be read: ``stop``, or tell of it and ``skip`` it.
        tell: hears what is to be said, such as a category that training did not have.
        hear: hears of the progress after every batch.

    Raises:
        ConfigError: a file is not there or has another form.
        RunFailed: an example can't be read.
    """
    if network.transform is None:
        raise ConfigError("predict: the data of this run have no raw form that files could hold.")
    size = batch_size or network.batch_size
    done, said = Predicted(), 0
    with _opened(output, form) as write:
        for raw in network.transform.read(sources, size):
            if isinstance(raw, Bad):
                if on_error == "stop":
                    raise RunFailed(f"{raw.place}: {raw.reason} --on-error skip leaves such examples out.")
                tell(f"{raw.place} left out: {raw.reason}")
                done.skipped += 1
                continue
            rows = network.predict(raw.examples)
            for place, row in zip(raw.places, rows, strict=True):
                write({"input": place, **row})
            done.rows += len(rows)
            for note in list(network.transform.notes)[said:]:
                tell(note)
                said += 1
            hear(done)
    return done


@contextmanager
def _opened(output: str | Path | None, form: Form | None) -> Iterator[Callable[[dict[str, Any]], None]]:
    """What writes a row; a file appears under its name once it is complete."""
    if output is None:
        yield _writer(sys.stdout, form or "csv")
        sys.stdout.flush()
        return
    path = Path(output).expanduser()
    forms: dict[str, Form] = {".csv": "csv", ".jsonl": "jsonl", ".json": "jsonl"}
    if form is None and path.suffix not in forms:
        raise ConfigError(f"--output {output}: expected a name that ends in .csv or .jsonl, or --format csv|jsonl.")
    if not path.parent.is_dir():
        raise ConfigError(f"--output {output}: there is no folder {path.parent}.")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            yield _writer(file, form or forms[path.suffix])
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _writer(file: IO[str], form: Form) -> Callable[[dict[str, Any]], None]:
    if form == "jsonl":

        def write_line(row: dict[str, Any]) -> None:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

        return write_line
    table: list[csv.DictWriter[str]] = []  # made for the first row, which has the names of the columns

    def write_row(row: dict[str, Any]) -> None:
        if not table:
            table.append(csv.DictWriter(file, list(row), lineterminator="\n"))
            table[0].writeheader()
        table[0].writerow({k: json.dumps(v) if isinstance(v, (list, dict)) else v for k, v in row.items()})

    return write_row
