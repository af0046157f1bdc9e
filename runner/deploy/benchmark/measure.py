"""The rounds of a benchmark: every network has its turn in each, and one is at work at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.deploy.benchmark import examples
from runner.deploy.benchmark.given import Given, Parts
from runner.deploy.benchmark.latency import Latency
from runner.deploy.benchmark.scores import kept
from runner.deploy.benchmark.worker import LIMIT, Gone, Refused, Worker
from runner.errors import ConfigError

SCORING = 3600.0  # seconds in which a network must have answered for every example of a part


@dataclass(frozen=True)
class Settings:
    """How networks are measured.

    Attributes:
        sizes: examples in a batch.
        threads: CPU threads of one operation.
        device: where they run.
        rounds: in each of which every network has its turn.
        split: the part of the data that examples and scores are of.
        speed_only: leave out scores.
        overrides: where the data are now.
        trusted: modules of the user's own that configs name.
        limit: seconds after which a network that does not answer is given up.
    """

    sizes: tuple[int, ...] = (1, 32)
    threads: int = 1
    device: str = "cpu"
    rounds: int = 20
    split: str = "test"
    speed_only: bool = False
    overrides: Sequence[str] = ()
    trusted: list[str] | None = None
    limit: float = LIMIT


@dataclass
class Row:
    """What was found of a network.

    Attributes:
        given: the network.
        cause: why there is nothing more to say of it; None where it was measured.
        latency: by examples in a batch.
        threads: that its process said it has.
        memory: bytes by which its process grew when it was loaded and run; on a GPU, the most that was allocated there.
        parameters: numbers in its weights.
        zeros: how many of them are zero.
        flops: floating-point operations for an example.
        of_parent: whether these three are those of its parent.
        joules: for an example, by examples in a batch.
        scores: on the part that was asked for.
        scored: where they are from: ``result.json`` or ``evaluated``.
        notes: what could not be told.
    """

    given: Given
    cause: str | None = None
    latency: dict[int, Latency] = field(default_factory=dict)
    threads: int | None = None
    memory: int | None = None
    parameters: int | None = None
    zeros: int | None = None
    flops: int | None = None
    of_parent: bool = False
    joules: dict[int, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    scored: str | None = None
    notes: list[str] = field(default_factory=list)


Hear = Callable[[str, int, int], None]


def measure(given: Sequence[Given], settings: Settings, hear: Hear = lambda what, done, of: None) -> list[Row]:
    """Measure networks beside each other.

    Each is loaded in a process of its own, whose growth is its memory. Then come the rounds, in each of which every
    network is timed with every batch size; a turn begins with calls that are discarded. Scores come last. A network
    that fails in any way is a row with its cause, and the others go on; its process never outlives this one.

    Args:
        given: the first is the one that others are compared with.
        settings: how.
        hear: hears of the progress.

    Raises:
        ConfigError: the data are not there, have changed, or have no such part.
    """
    parts, rows, times = Parts(settings.overrides), [Row(one) for one in given], _Times()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        files = _examples(given, settings, parts, Path(folder))
        workers: dict[int, Worker] = {}
        for number, (row, file) in enumerate(zip(rows, files, strict=True)):
            hear("networks loaded", number, len(rows))
            workers[number] = stack.enter_context(Worker(settings.threads, settings.limit))
            _guarded(row, lambda n=number, f=file: _load(rows[n], workers[n], f, settings, times))  # type: ignore[misc]
        for done in range(settings.rounds):
            hear("rounds", done, settings.rounds)
            for number, row in enumerate(rows):
                _guarded(row, lambda n=number: _turn(rows[n], workers[n], settings, times))  # type: ignore[misc]
        for number, row in enumerate(rows):
            hear("networks counted and scored", number, len(rows))
            if row.cause is None:
                _count(row, workers[number], settings)
            workers[number].end()
    for row in rows:
        if row.cause is None:
            first = rows[0] if rows[0].cause is None and row is not rows[0] else None
            for size in settings.sizes:
                before = first.latency[size] if first is not None else None
                row.latency[size] = Latency.of(size, times.of(row, size), before)
                if taken := times.joules.get((id(row), size)):
                    row.joules[size] = sum(taken) / (row.latency[size].calls * size)
    return rows


class _Times:
    """What was measured so far, by network and size."""

    def __init__(self) -> None:
        self.calls: dict[tuple[int, int], int] = {}
        self.rounds: dict[tuple[int, int], list[list[int]]] = {}
        self.joules: dict[tuple[int, int], list[float]] = {}

    def of(self, row: Row, size: int) -> list[list[int]]:
        return self.rounds.setdefault((id(row), size), [])


def _examples(given: Sequence[Given], settings: Settings, parts: Parts, folder: Path) -> list[Path | None]:
    """A file of examples for each network; those of one preparation share it."""
    written: dict[int, Path] = {}
    found: list[Path | None] = []
    for one in given:
        if one.recipe is None:
            found.append(None)
            continue
        data = parts.of(one)
        if settings.split not in data.parts:
            raise ConfigError(
                f"--split {settings.split}: the data of {one.path} have no such part. Expected one of "
                f"{', '.join(data.parts)}."
            )
        if id(data) not in written:
            written[id(data)] = folder / f"{len(written)}.pt"
            examples.write(written[id(data)], data.parts[settings.split], settings.sizes)
        found.append(written[id(data)])
    return found


def _guarded(row: Row, do: Callable[[], None]) -> None:
    """Do something with a network that did not fail yet."""
    if row.cause is None:
        try:
            do()
        except (Refused, Gone) as error:
            row.cause = str(error)


def _load(row: Row, worker: Worker, file: Path | None, settings: Settings, times: _Times) -> None:
    said: dict[str, Any] = worker.ask(
        "load",
        path=str(row.given.path),
        format=row.given.format,
        batches=None if file is None else str(file),
        sizes=list(settings.sizes),
        threads=settings.threads,
        device=settings.device if row.given.format is None else "cpu",
        trusted=settings.trusted,
    )
    row.threads, row.memory = said["threads"], said["memory"]
    for size in settings.sizes:
        times.calls[id(row), size] = worker.ask("warm", size=size)["calls"]


def _turn(row: Row, worker: Worker, settings: Settings, times: _Times) -> None:
    for size in settings.sizes:
        said = worker.ask("time", size=size, calls=times.calls[id(row), size])
        times.of(row, size).append(said["nanoseconds"])
        if said["joules"] is not None:
            times.joules.setdefault((id(row), size), []).append(said["joules"])


def _count(row: Row, worker: Worker, settings: Settings) -> None:
    """Parameters, FLOPs and scores: what can't be told is a note."""
    given = row.given
    parent = None if given.parent is None else str(given.parent)
    try:
        said = worker.ask("counts", parent=parent, trusted=settings.trusted)
        row.parameters, row.zeros, row.flops = said["parameters"], said["zeros"], said["flops"]
        row.of_parent = said["of_parent"]
    except (Refused, Gone) as error:
        row.notes.append(f"parameters and FLOPs are not known: {error}")
    if settings.speed_only or given.recipe is None:
        return
    if (known := kept(given.path, settings.split, given.recipe)) is not None:
        row.scores, row.scored = known, "result.json"
        return
    try:
        row.scores = worker.ask("scores", SCORING, split=settings.split, overrides=list(settings.overrides))
        row.scored = "evaluated"
    except (Refused, Gone) as error:
        row.notes.append(f"scores are not known: {error}")
