"""The verb ``benchmark``: what variants of a network gain and cost."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.counter import Steps
from runner.cli.flags import known_flags, switch, take, trusted_of, whole_number
from runner.errors import ConfigError, no_file, printable

if TYPE_CHECKING:
    from runner.deploy.benchmark.given import Given

USAGE = (
    "benchmark RUN|FILE... [--batch-sizes 1,32] [--threads 1] [--device cpu] [--repetitions 20] [--split test] "
    "[--speed-only] [--csv FILE] [--json] [data.path=FILE]"
)


def benchmark(arguments: list[str]) -> int:
    """Measure networks in turn, and print each beside the first."""
    from runner.config.run_config import PLACE

    given, rest = {}, arguments
    for flag in ("--batch-sizes", "--threads", "--device", "--repetitions", "--split", "--csv"):
        given[flag], rest = take(rest, flag)
    as_json, rest = switch(rest, "--json")
    speed_only, rest = switch(rest, "--speed-only")
    known_flags(rest, USAGE)
    places, rest = [w for w in rest if PLACE.match(w)], [w for w in rest if not PLACE.match(w)]
    trusted, rest = trusted_of(rest, "benchmark")
    if not rest:
        raise ConfigError(f"expected the folders of runs, or files: python -m runner {USAGE}.")
    asked = (given["--batch-sizes"] or "1,32").split(",")
    sizes = tuple(dict.fromkeys(whole_number("--batch-sizes", size.strip(), 1) for size in asked))
    threads = whole_number("--threads", given["--threads"] or "1", 1)
    rounds = whole_number("--repetitions", given["--repetitions"] or "20", 1)
    if given["--csv"] and not Path(given["--csv"]).absolute().parent.is_dir():
        raise ConfigError(f"--csv {given['--csv']}: there is no such folder to write it into.")

    from runner.cli.benchmark_table import as_csv, plain, show
    from runner.deploy.benchmark.given import check_together
    from runner.deploy.benchmark.measure import Settings, measure
    from runner.engine.device import choose_device
    from runner.record.files import finite, write_text

    device = given["--device"] or "cpu"
    choose_device(device)
    networks = _given(rest, trusted)
    if not speed_only:
        check_together(networks)
    settings = Settings(sizes, threads, device, rounds, given["--split"] or "test", speed_only, tuple(places), trusted)
    progress = Steps()
    try:
        rows = measure(networks, settings, progress.hear)
    finally:
        progress.clear()
    if given["--csv"]:
        write_text(Path(given["--csv"]), as_csv(rows))
    if as_json:
        print(json.dumps(finite(plain(rows, settings)), indent=2))
    else:
        show(rows, settings)
    return int(any(row.cause is not None for row in rows))


def _given(words: Sequence[str], trusted: list[str] | None) -> list[Given]:
    """The networks that words name: runs, variants, ensembles, what lies in a folder or a sweep, files."""
    from runner.analysis.folders import runs_of
    from runner.deploy.benchmark.given import opened

    found: dict[Path, str] = {}
    for word in words:
        for path in [_of_file(Path(word))] if os.path.isfile(word) else map(_of_run, runs_of([word])):
            found.setdefault(path, _name(path))
    names = list(found.values())
    numbers = [names[:place].count(name) + 1 for place, name in enumerate(names)]
    return [
        opened(printable(name if names.count(name) == 1 else f"{name} {number}"), path, trusted)
        for (path, name), number in zip(found.items(), numbers, strict=True)
    ]


def _of_run(folder: Path) -> Path:
    path = folder / "checkpoints" / "best.pt"
    if not path.is_file():
        raise ConfigError(f"{folder}: there is no network in it: {path}: {no_file(path)}")
    return path


def _of_file(path: Path) -> Path:
    """The checkpoint that a file is or belongs to; an ONNX file that belongs to none is taken as it is."""
    from runner.model.exported import checkpoint_of

    if saved := checkpoint_of(path):
        return saved
    if path.suffix in (".pt", ".onnx"):
        return path
    raise ConfigError(f"{path}: expected the folder of a run, a checkpoint (.pt) or an ONNX file (.onnx).")


def _name(path: Path) -> str:
    """What a network is called: by its model and what was made of it."""
    from runner.analysis.run import Run

    if path.parent.name != "checkpoints":
        return path.name
    run = Run.read(path.parent.parent)
    model = str(run.settings.get("model") or path.absolute().parent.parent.name)
    if path.name != "best.pt":
        return f"{model} {path.stem}"
    return f"{model} ({run.variant})" if run.variant else model
