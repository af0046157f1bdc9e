"""TensorBoard's own pages in a browser show what runs wrote: tags on Scalars, a row per run on HParams."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from tests.browser import PROGRAM, REASON, browser

pytestmark = [pytest.mark.skipif(PROGRAM is None, reason=REASON), pytest.mark.slow]

# What is to be read on the page; Polymer's elements are in shadow trees.
TEXT = """(() => {
  const texts = (root) => [...root.childNodes].map((node) =>
    node.nodeType === Node.TEXT_NODE ? node.data
    : node.nodeType !== Node.ELEMENT_NODE || ["STYLE", "SCRIPT", "TEMPLATE"].includes(node.tagName) ? ""
    : (node.shadowRoot ? texts(node.shadowRoot) : "") + texts(node)).join(" ");
  return texts(document.body);
})()"""


@pytest.fixture(scope="module")
def board(few_runs):
    """The address of TensorBoard for four runs, on this machine alone."""
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        number = port.getsockname()[1]
    words = ["--logdir", str(few_runs), "--host", "127.0.0.1", "--port", str(number), "--load_fast", "false"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tensorboard.main", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        address = f"http://127.0.0.1:{number}"
        for _ in range(600):
            assert process.poll() is None, "TensorBoard ended"
            try:
                with urllib.request.urlopen(f"{address}/data/runs", timeout=5) as answer:
                    if b"diabetes" in answer.read():
                        break
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def page():
    with browser() as shown:
        shown.size(1600, 1200)
        yield shown


def test_scalars_and_hparams(board, page, few_runs):
    page.open(f"{board}/#scalars")
    page.wait(lambda: "score/loss" in page.run(TEXT), "the tags on Scalars")
    text = page.run(TEXT)
    for tag in ("score/accuracy", "score/r2", "step"):
        assert tag in text
    page.open("about:blank")
    page.open(f"{board}/#hparams")
    names = [folder.name for folder in few_runs.iterdir()]
    page.wait(lambda: all(name in page.run(TEXT) for name in names), "a row for each run on HParams")
    text = page.run(TEXT)
    for column in ("optimizer", "seed", "model"):
        assert column in text
    assert [url for url in page.requests if not url.startswith((board, "data:", "blob:", "about:"))] == []
