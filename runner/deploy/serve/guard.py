"""What stands before every endpoint: who may ask, what is counted, and what goes with every answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response

from runner.deploy.serve.bounds import Bounds, Refused
from runner.deploy.serve.journal import Journal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

HOSTS = ("127.0.0.1", "localhost")
ALWAYS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
LINGER = 2.0  # seconds in which the rest of a refused body is thrown away, so that the refusal is read
MOST_THROWN = 64 << 20  # bytes of it


def answer(status: int, content: Any, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON, which has no number but finite ones."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return Response(text.encode(errors="replace"), status, headers, "application/json")


def refusal(refused: Refused) -> Response:
    """What is answered to a request that is refused."""
    return answer(refused.status, {"error": refused.sentence}, refused.headers)


class Guard:
    """Around an application.

    Only who names this machine as the host is answered: a page of somebody else, whose name was made to stand for this
    machine (DNS rebinding), names itself. Nor is one that a browser says another origin of.

    Args:
        app: the endpoints.
        bounds: of a request.
        journal: hears of every request.
    """

    def __init__(self, app: App, bounds: Bounds, journal: Journal) -> None:
        self.app, self.bounds, self.journal = app, bounds, journal

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, read_whole = 500, False

        async def hear() -> Message:
            nonlocal read_whole
            message = await receive()
            read_whole = message["type"] == "http.disconnect" or not message.get("more_body", False)
            return message

        async def say(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", []), *ALWAYS]
                if not read_whole and _has_body(scope):
                    headers.append((b"connection", b"close"))
                message = {**message, "headers": headers}
            elif not message.get("more_body", False) and not read_whole and _has_body(scope):
                await send({**message, "more_body": True})
                await self._throw_away(hear, lambda: read_whole)
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        try:
            check_host(scope)
        except Refused as refused:
            await refusal(refused)(scope, hear, say)
        else:
            await self.app(scope, hear, say)
        finally:
            self.journal.count(status, f"{scope['method']} {scope['path']}")

    async def _throw_away(self, receive: Receive, whole: Callable[[], bool]) -> None:
        """Read what still comes of a body: a connection that is closed upon unread bytes loses the answer too."""
        thrown = 0
        try:
            async with asyncio.timeout(min(LINGER, self.bounds.timeout)):
                while not whole() and thrown < MOST_THROWN:
                    thrown += len((await receive()).get("body", b""))
        except TimeoutError:
            pass


def check_host(scope: Message) -> None:
    """See that a request names this machine, and that no other page sends it.

    Raises:
        Refused: it does not, or one does.
    """
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get(b"host", "")
    port = scope["server"][1]
    if host.lower() not in {name for own in HOSTS for name in (own, f"{own}:{port}")}:
        raise Refused(403, "This server answers for http://127.0.0.1 and http://localhost alone.")
    origin = headers.get(b"origin")
    if origin is not None:
        told = urlsplit(origin)
        if told.scheme != "http" or told.netloc.lower() != host.lower():
            raise Refused(403, "A page of another origin may not ask this server.")


def _has_body(scope: Message) -> bool:
    names = {name for name, value in scope["headers"] if value != b"0"}
    return b"content-length" in names or b"transfer-encoding" in names
