"""TensorBoard on a folder, for tests and pictures."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def serving(logdir) -> Iterator[str]:
    """Its address, at 127.0.0.1 alone, once it has read what there is; it is ended afterwards."""
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        number = port.getsockname()[1]
    words = ["--logdir", str(logdir), "--host", "127.0.0.1", "--port", str(number), "--load_fast", "false"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tensorboard.main", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address, end = f"http://127.0.0.1:{number}", time.monotonic() + 120
    try:
        while not _runs(address):
            assert process.poll() is None, "TensorBoard ended"
            assert time.monotonic() < end, "TensorBoard has no runs within two minutes"
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


def _runs(address):
    try:
        with urllib.request.urlopen(f"{address}/data/runs", timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return []
