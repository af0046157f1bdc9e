"""The endpoints."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from runner.deploy.serve.batching import Worker
from runner.deploy.serve.body import Bodies, parsed
from runner.deploy.serve.bounds import Bounds, Refused
from runner.deploy.serve.guard import answer, refusal
from runner.deploy.serve.journal import Journal
from runner.deploy.serve.page import POLICY, page
from runner.errors import counted, did_you_mean

if TYPE_CHECKING:
    from runner.deploy.serve.forms import Form

ENDPOINTS = "Expected GET /, GET /health, GET /schema or POST /predict."
SMALL = 16 << 10  # bytes of JSON that are read where they come, as to hand them on would take longer


class Predicting:
    """From a request to its answer.

    Args:
        form: how examples come.
        worker: asks the network.
        bounds: of a request.
        readers: threads that read what takes long.
    """

    def __init__(self, form: Form, worker: Worker, bounds: Bounds, readers: Executor) -> None:
        self.form, self.worker, self.bounds, self.readers = form, worker, bounds, readers
        self.bodies = Bodies(bounds)

    async def __call__(self, request: Request) -> Response:
        """The predictions for the examples of a request.

        Raises:
            Refused: it can't be answered.
        """
        media = self._media(request)
        body = await self.bodies.read(request)
        try:
            async with asyncio.timeout(self.bounds.timeout):
                if media == "application/json" and len(body) <= SMALL and not self.form.media:
                    examples = self._examples(body, media)
                else:
                    loop = asyncio.get_running_loop()
                    examples = await loop.run_in_executor(self.readers, self._examples, bytes(body), media)
                answers = await self.worker.ask(examples)
        except TimeoutError:
            raise Refused(504, f"There was no answer within {self.bounds.timeout:g} seconds.") from None
        finally:
            self.bodies.release(body)
        for place, row in enumerate(answers):
            if isinstance(row, Refused):
                where = f"{self.form.key}[{place}]: " if media == "application/json" and row.status == 422 else ""
                raise Refused(row.status, where + row.sentence)
        return answer(200, {"predictions": answers})

    def _media(self, request: Request) -> str:
        """The type of a request's content."""
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        known = ("application/json", *self.form.media)
        if media not in known:
            given = f"Content-Type: {media}" if media else "No Content-Type"
            raise Refused(415, f"{given} is not taken here. Expected {', '.join(known)}.")
        if request.headers.get("content-encoding", "identity") != "identity":
            raise Refused(415, "A compressed body is not taken. Send it as it is, without Content-Encoding.")
        return media

    def _examples(self, body: bytes | bytearray, media: str) -> Sequence[Any]:
        if media != "application/json":
            try:
                return [self.form.file(bytes(body))]
            except ValueError as error:
                reason = str(error)
                raise Refused(422, f"The body{'' if reason[:1] in ' ,' else ' '}{reason}") from error
        key, value = self.form.key, parsed(body)
        if not isinstance(value, dict) or key not in value:
            near = did_you_mean(key, list(value)[:100]) if isinstance(value, dict) else ""
            raise Refused(422, f'Expected an object {{"{key}": [...]}}.{near} GET /schema says what is in it.')
        if others := value.keys() - {key}:
            raise Refused(422, f"{sorted(others)[0]!r} is not known here. Expected {key!r} alone.")
        values = value[key]
        if not isinstance(values, list) or not 0 < len(values) <= self.bounds.rows:
            given = counted(len(values), "example") if isinstance(values, list) else "something else"
            raise Refused(422, f"{key!r} holds {given}. Expected a list of 1 to {self.bounds.rows:,} examples.")
        return self.form.read(values)


def app(predicting: Predicting, schema: dict[str, Any], journal: Journal, ready: Callable[[], bool]) -> FastAPI:
    """The application.

    Args:
        predicting: answers ``/predict``.
        schema: what ``/schema`` says.
        journal: what was done.
        ready: whether requests are answered.
    """
    made = FastAPI(title=schema["network"], docs_url=None, redoc_url=None, redirect_slashes=False)
    told = json.dumps(schema, ensure_ascii=False).encode(errors="replace")
    content = {"application/json": {"schema": schema["input"]}} | {media: {} for media in schema["media"]}

    @made.post("/predict", openapi_extra={"requestBody": {"required": True, "content": content}})
    async def predict(request: Request) -> Response:
        return await predicting(request)

    @made.get("/health")
    async def health() -> Response:
        up = ready()
        return answer(
            200 if up else 503,
            {
                "ready": up,
                "network": schema["network"],
                "uptime": round(time.monotonic() - journal.begun, 3),
                "requests": journal.facts(),
                "queue": predicting.worker.queued,
            },
        )

    @made.get("/schema")
    async def schema_() -> Response:
        return Response(told, media_type="application/json")

    @made.get("/")
    async def page_() -> Response:
        return Response(page(), media_type="text/html", headers={"Content-Security-Policy": POLICY})

    @made.exception_handler(Refused)
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return refusal(error)

    @made.exception_handler(HTTPException)
    async def unknown(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 405:
            sentence = f"{request.method} is not taken at {request.url.path}. {ENDPOINTS}"
        elif error.status_code == 404:
            sentence = f"There is nothing at {request.url.path}. {ENDPOINTS}"
        else:
            sentence = str(error.detail)
        return refusal(Refused(error.status_code, sentence, dict(error.headers or {})))

    @made.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        journal.tell(f"{request.method} {request.url.path} failed: {type(error).__name__}")
        return refusal(Refused(500, "The server failed at this request; its log says how."))

    return made
