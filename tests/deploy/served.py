"""A server as a user starts it, in a process of its own, and those who ask it."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

WAIT = 60.0  # seconds for anything
JSON = {"Content-Type": "application/json"}


class Served:
    """A process that serves.

    Attributes:
        lines: what it wrote so far.
        port: that it listens at.
    """

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "runner", "serve", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")))
        self._reader.start()
        self.port = 0

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line in which a pattern is."""
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            if found := next(filter(None, (re.search(pattern, line) for line in list(self.lines))), None):
                return found
            assert self.process.poll() is None or self._reader.is_alive(), self.lines
            time.sleep(0.02)
        raise AssertionError(f"{pattern}: not within {WAIT} s: {self.lines}")

    def ask(self, method: str, path: str, body=None, headers=None) -> tuple[int, dict, dict]:
        """Status, content and headers of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read()), dict(answer.getheaders())
        finally:
            connection.close()

    def predict(self, content, headers=None) -> tuple[int, dict, dict]:
        """The same of a prediction."""
        return self.ask("POST", "/predict", json.dumps(content), {**JSON, **(headers or {})})

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit status upon a signal."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Its exit status."""
        try:
            return self.process.wait(WAIT)
        finally:
            self.process.kill()
            self._reader.join(WAIT)


@contextmanager
def served(*words: str) -> Iterator[Served]:
    """A server that is ready; it is ended afterwards."""
    one = Served("--port", "0", *words)
    try:
        one.port = int(one.wait_for(r"http://127\.0\.0\.1:(\d+)/")[1])
        yield one
    finally:
        if one.process.poll() is None:
            one.end()
