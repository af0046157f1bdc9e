"""Pictures of TensorBoard's pages, to be looked at: ``python tests/record/screenshots.py LOGDIR PICTURES``.

Needs chromium and aiohttp. Both programs are reached at 127.0.0.1 alone and ended afterwards.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

# Polymer's elements are in shadow trees.
TAP = """(() => { const deep = root => [...root.querySelectorAll('*')].flatMap(
  e => e.shadowRoot ? [e, ...deep(e.shadowRoot)] : [e]);
  deep(document).filter(e => e.innerText?.trim().toLowerCase() === %s).pop()?.click() })()"""
PAGES = {
    "scalars": ("#scalars", None),
    "timeseries": ("#timeseries", None),
    "hparams": ("#hparams", None),
    "hparams_parallel": ("#hparams", "parallel coordinates view"),
}


class Page:
    """A page of the browser, driven by its DevTools protocol."""

    def __init__(self, connection) -> None:
        self.connection, self.number = connection, 0

    async def __call__(self, method, **params):
        self.number += 1
        await self.connection.send_json({"id": self.number, "method": method, "params": params})
        while (answer := await self.connection.receive_json()).get("id") != self.number:
            pass
        return answer["result"]

    async def look(self, url, tapped, settle):
        await self("Page.navigate", url="about:blank")
        await self("Page.navigate", url=url)
        await asyncio.sleep(settle)
        if tapped:
            await self("Runtime.evaluate", expression=TAP % json.dumps(tapped))
            await asyncio.sleep(settle / 3)
        return base64.b64decode((await self("Page.captureScreenshot", format="png"))["data"])


async def answer(session, url):
    while True:
        try:
            async with session.get(url) as response:
                return await response.json()
        except aiohttp.ClientError:
            await asyncio.sleep(0.2)


async def look(port, debug, pictures, settle):
    async with aiohttp.ClientSession() as session:
        since = time.perf_counter()
        while not (runs := await answer(session, f"http://127.0.0.1:{port}/data/runs")):
            await asyncio.sleep(0.2)
        print(f"{len(runs)} entries after {time.perf_counter() - since:.1f} s")
        (target,) = [t for t in await answer(session, f"http://127.0.0.1:{debug}/json") if t["type"] == "page"]
        async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as connection:
            page = Page(connection)
            await page("Emulation.setDeviceMetricsOverride", width=1600, height=1000, deviceScaleFactor=1, mobile=False)
            for name, (fragment, tapped) in PAGES.items():
                picture = await page.look(f"http://127.0.0.1:{port}/{fragment}", tapped, settle)
                (pictures / f"{name}.png").write_bytes(picture)


def free():
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        return port.getsockname()[1]


def main(logdir, pictures, settle=20.0):
    port, debug = free(), free()
    Path(pictures).mkdir(parents=True, exist_ok=True)
    board = ["tensorboard.main", "--logdir", logdir, "--host", "127.0.0.1", "--port", str(port)]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        started = [
            subprocess.Popen([sys.executable, "-m", *board], stderr=subprocess.DEVNULL),
            subprocess.Popen([*browser, f"--remote-debugging-port={debug}", "about:blank"], stderr=subprocess.DEVNULL),
        ]
        try:
            asyncio.run(look(port, debug, Path(pictures), settle))
        finally:
            for process in started:
                process.terminate()
                process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:3])
