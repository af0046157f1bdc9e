"""The verb ``serve``: predictions over HTTP."""

from __future__ import annotations

import sys
from pathlib import Path

from runner.cli.flags import known_flags, no_more, number, run_folder, take, trusted_of, whole_number
from runner.errors import ConfigError, printable

USAGE = (
    "serve RUN_DIR|VARIANT|FILE [--port 8000] [--checkpoint best] [--device cpu] [--max-batch 32] [--max-wait-ms 5] "
    "[--max-body BYTES] [--timeout 10] [--queue N]"
)

FLAGS = ("--port", "--checkpoint", "--device", "--max-batch", "--max-wait-ms", "--max-body", "--timeout", "--queue")


def serve(arguments: list[str]) -> int:
    """Answer requests until Ctrl-C."""
    given, rest = {}, arguments
    for flag in FLAGS:
        given[flag], rest = take(rest, flag)
    known_flags(rest, USAGE)
    trusted, rest = trusted_of(rest, "serve")
    folder, rest = run_folder(rest, USAGE)
    no_more(rest, USAGE)
    port = whole_number("--port", given["--port"] or "8000", 0)
    if port > 65_535:
        raise ConfigError(f"--port {port}: expected a number up to 65535.")
    max_batch = whole_number("--max-batch", given["--max-batch"] or "32", 1)
    max_body = whole_number("--max-body", given["--max-body"] or str(8 << 20), 1)
    queue = whole_number("--queue", given["--queue"] or "1024", 1)
    wait = _seconds("--max-wait-ms", given["--max-wait-ms"], 5.0, 0.0, 10_000.0)
    timeout = _seconds("--timeout", given["--timeout"], 10.0, 0.1, 3600.0)

    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"serve: {error.name} is not installed: pip install 'runner[deploy]'.") from None
    from runner.deploy.serve.bounds import Bounds
    from runner.deploy.serve.listening import bound

    bounds = Bounds(max_batch, wait / 1000, max_body, timeout, queue)
    with bound(port) as listening:  # before what takes long; who asks meanwhile waits
        from runner.deploy.serve.server import serve as answer
        from runner.run import load

        place = _run_of(Path(folder))
        network = load(place, given["--checkpoint"] or "best", given["--device"] or "cpu", trusted)
        name = place.stem if place.is_file() else place.resolve().name
        answer(network, name, listening, bounds, _tell)
    return 0


def _run_of(path: Path) -> Path:
    """The folder of an exported file, whose checkpoint says what it is given; else what was named."""
    from runner.model.exported import checkpoint_of

    if not path.is_file() or checkpoint_of(path):
        return path.parent if path.is_file() else path
    if path.suffix != ".pt":
        raise ConfigError(
            f"{path}: nothing says what it is given and how its answers are read. Expected the folder of a run or a "
            "variant, a checkpoint (.pt), or an exported file in its folder."
        )
    return path


def _seconds(flag: str, text: str | None, default: float, least: float, most: float) -> float:
    value = number(flag, text)
    if value is not None and not least <= value <= most:
        raise ConfigError(f"{flag} {text}: expected a number from {least:g} to {most:g}.")
    return default if value is None else value


def _tell(line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)
