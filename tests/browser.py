"""Headless Chromium for tests and pictures, driven by its DevTools protocol over a pipe.

Nothing listens on a port, and no other package is needed. ``python tests/browser.py PAGE PICTURES`` takes pictures of a
page, to be looked at: light, dark, on a phone, in print.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REASON = "headless Chromium is not installed (Debian: apt install chromium)"
WAIT = 60.0  # seconds for an answer


class Browser:
    """A page of a browser.

    Attributes:
        events: what the browser told of the page so far, in its order.
    """

    def __init__(self, process: subprocess.Popen[bytes], reading: int, writing: int) -> None:
        self.process, self.reading, self.writing = process, reading, writing
        self.number, self.session, self.rest, self.events = 0, None, b"", []
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self.session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self(f"{domain}.enable")
        self("Emulation.setScrollbarsHidden", hidden=True)

    def __call__(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask something of the browser."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writing, json.dumps(message).encode() + b"\0")
        while (answer := self._next(WAIT)) and answer.get("id") != self.number:
            self.events.append(answer)
        assert answer is not None, f"{method}: no answer within {WAIT} s"
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def _next(self, seconds: float) -> dict[str, Any] | None:
        """The next message; None where there is none in time."""
        end = time.monotonic() + seconds
        while b"\0" not in self.rest:
            if not select.select([self.reading], [], [], max(0.0, end - time.monotonic()))[0]:
                return None
            more = os.read(self.reading, 1 << 20)
            assert more, f"the browser ended with {self.process.wait()}"
            self.rest += more
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def open(self, url: str) -> None:
        """Load a page, and forget what was told of the one before."""
        self.events.clear()
        went = self("Page.navigate", url=url)
        assert not went.get("errorText"), f"{url}: {went['errorText']}"
        self.wait(lambda: any(event.get("method") == "Page.loadEventFired" for event in self.events), url)

    def wait(self, holds: Any, what: str, seconds: float = WAIT) -> None:
        """Wait until something holds, hearing what the browser tells meanwhile."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"{what}: not within {seconds} s"
            if event := self._next(0.05):
                self.events.append(event)

    def run(self, script: str) -> Any:
        """The value of an expression of JavaScript in the page; of a promise what it comes to."""
        found = self("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def told(self, method: str) -> list[dict[str, Any]]:
        """What the browser told by events of a name since the page was opened."""
        self.run("1")  # what was under way is here now
        return [event["params"] for event in self.events if event.get("method") == method]

    @property
    def requests(self) -> list[str]:
        """The addresses that the page asked for."""
        return [event["request"]["url"] for event in self.told("Network.requestWillBeSent")]

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings of the page's console, and exceptions."""
        errors = [event["exceptionDetails"]["text"] for event in self.told("Runtime.exceptionThrown")]
        errors += [str(e["args"]) for e in self.told("Runtime.consoleAPICalled") if e["type"] in ("error", "warning")]
        return errors + [event["entry"]["text"] for event in self.told("Log.entryAdded")]

    def size(self, width: int, height: int, phone: bool = False) -> None:
        """The size of the window in CSS pixels."""
        scale = 2 if phone else 1
        self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone)

    def media(self, scheme: str = "light", kind: str = "") -> None:
        """Light or dark; as on screen or print wherever it is shown, unless that is left to the browser."""
        self("Emulation.setEmulatedMedia", media=kind, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def click(self, selector: str) -> None:
        """Press the mouse on an element as a person does, where it is to be seen."""
        x, y = self.run(
            f"""(() => {{
                const element = document.querySelector({json.dumps(selector)});
                element.scrollIntoView({{block: "center", inline: "center"}});
                const box = element.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2];
            }})()"""
        )
        for kind in ("mousePressed", "mouseReleased"):
            self("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str, code: int) -> None:
        """Press a key."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            self(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                text=text * (kind == "keyDown"),
            )

    def picture(self, whole: bool = False) -> bytes:
        """What is to be seen, or the whole page, as PNG."""
        clip = {}
        if whole:
            size = self("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"clip": {**size, "height": min(size["height"], 12_000), "scale": 1}, "captureBeyondViewport": True}
        return base64.b64decode(self("Page.captureScreenshot", format="png", **clip)["data"])

    def pdf(self) -> bytes:
        """The page as it is printed."""
        return base64.b64decode(self("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser that is ended afterwards, with a profile of its own that is thrown away."""
    assert PROGRAM, REASON
    to_browser, from_browser = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = [
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe"),
            *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
            f"--user-data-dir={profile}",
        ]
        # The protocol has descriptors 3 and 4 of the browser.
        shell = f'exec 3<&{to_browser[0]} 4>&{from_browser[1]}; exec "$0" "$@"'
        process = subprocess.Popen(
            ["bash", "-c", shell, PROGRAM, *flags],
            pass_fds=(to_browser[0], from_browser[1]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_browser[0])
        os.close(from_browser[1])
        try:
            yield Browser(process, from_browser[0], to_browser[1])
        finally:
            os.close(to_browser[1])  # at which it ends
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(from_browser[0])


def main(page: str, pictures: str) -> None:
    folder = Path(pictures)
    folder.mkdir(parents=True, exist_ok=True)
    with browser() as shown:
        for name, width, phone, scheme, kind in (
            ("light", 1200, False, "light", ""),
            ("dark", 1200, False, "dark", ""),
            ("phone", 390, True, "light", ""),
            ("phone_dark", 390, True, "dark", ""),
            ("print", 794, False, "light", "print"),
        ):
            shown.size(width, 844, phone)
            shown.media(scheme, kind)
            shown.open(Path(page).absolute().as_uri())
            if kind == "print":
                shown.run("dispatchEvent(new Event('beforeprint'))")
            (folder / f"{name}.png").write_bytes(shown.picture(whole=True))
        shown.media()
        (folder / "print.pdf").write_bytes(shown.pdf())


if __name__ == "__main__":
    main(*sys.argv[1:3])
