"""Connections that come to an end: of clients that send or take too slowly, and of too many at once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from runner.deploy.serve.bounds import Bounds
from runner.deploy.serve.guard import LINGER
from runner.deploy.serve.journal import Journal


def connection_class(bounds: Bounds, journal: Journal) -> type[H11Protocol]:
    """A class of connections, as uvicorn makes them.

    Args:
        bounds: of time and number.
        journal: hears of those that are closed.
    """

    class Connection(H11Protocol):
        """HTTP/1.1 that gives a client `Bounds.timeout` seconds for a head, however slowly its bytes come."""

        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **settings)
            self._watched: object = None  # the request that is under way, or this for a head that comes
            self._timer: asyncio.TimerHandle | None = None
            self._told = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > bounds.connections:
                self._refuse(503, "Too many clients at once. Ask again in a second.", "Retry-After: 1\r\n")
                return
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._told:
                return
            super().data_received(data)
            self._watch()

        def on_response_complete(self) -> None:
            self._stop()
            super().on_response_complete()
            if self._under_way:  # the next one had come behind it
                self._watch()

        def send_400_response(self, msg: str) -> None:
            self._refuse(400, "This is no request of HTTP/1.1, or its head is too long.")

        @property
        def _under_way(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _watch(self) -> None:
            """Set the time by which what is under way must have ended, unless it is set."""
            watched = self.cycle if self._under_way else self
            if self.transport.is_closing() or self._watched is watched:
                return
            self._stop()
            self._watched = watched
            # A body, its answer, what is thrown away of a refused one, and the client's taking it.
            seconds = 3 * bounds.timeout + LINGER if self._under_way else bounds.timeout
            self._timer = self.loop.call_later(seconds, self._late)

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
            self._watched = self._timer = None

        def _late(self) -> None:
            if self._under_way:
                journal.count(408, "a client that did not take its answer")
                self.transport.abort()
            elif self.conn.trailing_data[0]:
                self._refuse(408, f"The head of the request did not come within {bounds.timeout:g} seconds.")
            else:
                self.transport.close()

        def _refuse(self, status: int, sentence: str, header: str = "") -> None:
            """Answer without a request, and close."""
            self._stop()
            self._told = True
            body = json.dumps({"error": sentence}).encode()
            head = (
                f"HTTP/1.1 {status} Refused\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                f"{header}Connection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
            self.transport.close()
            journal.count(status, "a client without a request")

    return Connection
