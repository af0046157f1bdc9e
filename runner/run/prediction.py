"""Predictions for a user's own files, written as they are made."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from runner.engine.transform import Bad
from runner.errors import ConfigError, RunFailed, did_you_mean_beside, printable

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
        ConfigError: a file is not there or has another form, or `output` can't be written or is one of them.
        RunFailed: an example can't be read, or what is predicted for it is no finite number.
    """
    if network.transform is None:
        raise ConfigError("predict: the data of this run have no raw form that files could hold.")
    _look_for(sources, output)
    size = batch_size or network.batch_size
    done, said = Predicted(), 0

    def leave_out(place: str, reason: str) -> None:
        if on_error == "stop":
            raise RunFailed(f"{place}: {reason} --on-error skip leaves such examples out.")
        tell(f"{place} left out: {reason}")
        done.skipped += 1

    with _opened(output, form) as write:
        for raw in network.transform.read(sources, size):
            if isinstance(raw, Bad):
                leave_out(raw.place, raw.reason)
                continue
            beside = raw.beside or [{}] * len(raw.places)
            for place, more, row in zip(raw.places, beside, network.predict(raw.examples), strict=True):
                if any(isinstance(value, float) and not math.isfinite(value) for value in row.values()):
                    leave_out(place, "what the network gives for it is no finite number.")
                    continue
                # Names of files may be any bytes.
                write({"input": place.encode(errors="replace").decode(), **more, **row})
                done.rows += 1
            for note in list(network.transform.notes)[said:]:
                tell(note)
                said += 1
            hear(done)
    return done


def _look_for(sources: Sequence[str], output: str | Path | None) -> None:
    """See that all files are there before the first is read, and that none of them is about to be replaced."""
    for source in sources:
        if source == "-":
            if sys.stdin is None:
                raise ConfigError("-: the standard input is closed.")
            continue
        path = Path(os.path.expanduser(source))
        if not source or not os.path.exists(path):
            raise ConfigError(f"{source or repr('')}: there is no such file or folder.{did_you_mean_beside(path)}")
        if output is not None and os.path.exists(output) and os.path.samefile(path, output):
            raise ConfigError(f"--output {output}: would replace what is to be predicted. Give another name.")


@contextmanager
def _opened(output: str | Path | None, form: Form | None) -> Iterator[Callable[[dict[str, Any]], None]]:
    """What writes a row; a file appears under its name once it is complete."""
    if output is None:
        yield _writer(_Shown() if sys.stdout.isatty() else sys.stdout, form or "csv")
        sys.stdout.flush()
        return
    path = Path(os.path.expanduser(output))
    forms: dict[str, Form] = {".csv": "csv", ".jsonl": "jsonl", ".json": "jsonl"}
    if form is None and path.suffix not in forms:
        raise ConfigError(f"--output {output}: expected a name that ends in .csv or .jsonl, or --format csv|jsonl.")
    if os.path.isdir(path) or not os.path.isdir(path.parent):
        what = "is a folder; expected a file" if os.path.isdir(path) else f"there is no folder {path.parent}"
        raise ConfigError(f"--output {output}: {what}.")
    path = path.resolve()  # a link stays one
    special = path.exists() and not path.is_file()  # a pipe or a device can't be replaced
    temporary = path if special else path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with _writable(temporary, output) as file:
            yield _writer(file, form or forms[path.suffix])
            file.flush()
            if not special:
                os.fsync(file.fileno())
        if not special:
            os.replace(temporary, path)
    finally:
        if not special:
            temporary.unlink(missing_ok=True)


def _writable(path: Path, output: str | Path) -> IO[str]:
    try:
        return open(path, "w", encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigError(f"--output {output}: can't be written to ({error.strerror}).") from error


class _Shown(io.TextIOBase):
    """A terminal, which names in what is predicted do not steer."""

    def write(self, text: str, /) -> int:
        return sys.stdout.write(printable(text))


def _writer(file: IO[str] | _Shown, form: Form) -> Callable[[dict[str, Any]], None]:
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
