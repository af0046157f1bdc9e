"""Bodies of requests: counted while they come, and JSON in them without what JSON does not have."""

from __future__ import annotations

import asyncio
import json
import math
from typing import TYPE_CHECKING, Any, NoReturn

from starlette.requests import ClientDisconnect

from runner.deploy.serve.bounds import Bounds, Refused, busy

if TYPE_CHECKING:
    from starlette.requests import Request


class Bodies:
    """Reads bodies, and knows how many bytes of them are held.

    Args:
        bounds: of one, and of all.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.bounds, self.held = bounds, 0

    async def read(self, request: Request) -> bytearray:
        """The body of a request; whoever has read it lets it go by `release`.

        Raises:
            Refused: it is too long, comes too slowly, or there is no room for it.
        """
        most = self.bounds.max_body
        promised = request.headers.get("content-length")
        if promised is not None and int(promised) > most:
            raise self._too_long()
        body = bytearray()
        try:
            async with asyncio.timeout(self.bounds.timeout):
                async for chunk in request.stream():
                    if len(body) + len(chunk) > most:
                        raise self._too_long()
                    if self.held + len(chunk) > self.bounds.bodies:
                        raise busy("Too many large requests at once.")
                    body += chunk
                    self.held += len(chunk)
        except TimeoutError:
            self.release(body)
            raise Refused(
                408, f"The request did not come within {self.bounds.timeout:g} seconds.", {"Connection": "close"}
            ) from None
        except ClientDisconnect:
            self.release(body)
            raise Refused(400, "The client left in the middle of its request.") from None
        except BaseException:
            self.release(body)
            raise
        return body

    def release(self, body: bytearray) -> None:
        """Let a body go."""
        self.held -= len(body)
        body.clear()

    def _too_long(self) -> Refused:
        return Refused(413, f"The request is longer than the {self.bounds.max_body:,} bytes that are taken.")


def parsed(body: bytes | bytearray) -> Any:
    """The value that JSON stands for.

    Raises:
        Refused: it is no JSON.
    """
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_no_number, parse_float=_finite)
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at line {error.lineno}, character {error.colno}"
    except UnicodeDecodeError as error:
        reason = f"byte {error.start + 1} is no UTF-8"
    except RecursionError:
        reason = "it is nested too deeply"
    except ValueError as error:
        reason = str(error) if "digits" not in str(error) else "a number in it has thousands of digits"
    raise Refused(400, f"The body is no JSON that can be read: {reason}.")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON; null stands for a gap")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is larger than any number that is computed with")
    return value
