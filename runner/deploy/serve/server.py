"""A server from its socket to its end."""

from __future__ import annotations

import contextlib
import math
import signal
import socket
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import uvicorn

from runner.deploy.serve.answers import Answers
from runner.deploy.serve.app import Predicting, app
from runner.deploy.serve.batching import Worker
from runner.deploy.serve.bounds import Bounds, Refused
from runner.deploy.serve.connection import connection_class
from runner.deploy.serve.forms import form_of
from runner.deploy.serve.guard import Guard
from runner.deploy.serve.journal import Journal
from runner.deploy.serve.schema import schema
from runner.errors import Interrupted, RunFailed
from runner.signals import Listener

if TYPE_CHECKING:
    from types import FrameType

    from runner.run.trained import TrainedNetwork

READERS = 2  # threads that decode images and long JSON


class Server(uvicorn.Server, Listener):
    """Uvicorn's, which a signal ends once the requests that are under way are answered; a second one ends it at once.

    Attributes:
        heard: the signal.
    """

    heard: signal.Signals | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals come to `_hear`."""
        with self:
            yield

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True
        self.heard = self.heard or signal.Signals(number)


def serve(
    network: TrainedNetwork, name: str, listening: socket.socket, bounds: Bounds, tell: Callable[[str], None]
) -> None:
    """Answer requests until a signal comes.

    Args:
        network: that is asked.
        name: what it is called.
        listening: see `bound`.
        bounds: what is taken.
        tell: writes a line.

    Raises:
        ConfigError: its examples have no form that a request could hold.
        RunFailed: it gives nothing for the plainest example.
        Interrupted: a signal came, and what was under way is answered.
    """
    form = form_of(network)
    answers = Answers(network, form, tell)
    (row,) = answers([form.one(form.sample())])  # the first call is slow, and shows what is answered
    if isinstance(row, Refused):
        raise RunFailed(f"serve: the network gives nothing for the plainest example: {row.sentence}")
    journal = Journal(tell)
    server: Server

    def clients() -> int:
        return len(server.server_state.connections)

    worker = Worker(answers, bounds, clients)
    readers = ThreadPoolExecutor(READERS, "reader")
    predicting = Predicting(form, worker, bounds, readers)
    told = schema(name, network, form, row, bounds)
    made = app(predicting, told, journal, lambda: worker.alive and not server.should_exit)
    settings: dict[str, Any] = {
        "http": connection_class(bounds, journal),
        "loop": "asyncio",
        "ws": "none",
        "lifespan": "off",
        "log_config": None,
        "log_level": "critical",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_graceful_shutdown": math.ceil(2 * bounds.timeout) + 1,
    }
    server = Server(uvicorn.Config(Guard(made, bounds, journal), **settings))
    host, port = listening.getsockname()
    tell(f"{name}: http://{host}:{port}/ (Ctrl-C ends it)")
    try:
        server.run([listening])
    finally:
        worker.end()
        readers.shutdown(wait=False, cancel_futures=True)
    if server.heard is not None:
        raise Interrupted(f"stopped: {journal.told()}.", server.heard.name)
