"""TensorBoard's own pages in a browser show what runs wrote: tags on Scalars, a row per run on HParams."""

import pytest

from tests.browser import PROGRAM, REASON, browser
from tests.record.serving import serving

pytestmark = [pytest.mark.skipif(PROGRAM is None, reason=REASON), pytest.mark.slow]

# What is to be read on the page; Polymer's elements are in shadow trees.
TEXT = """(() => {
  const texts = (root) => [...root.childNodes].map((node) =>
    node.nodeType === Node.TEXT_NODE ? node.data
    : node.nodeType !== Node.ELEMENT_NODE || ["STYLE", "SCRIPT", "TEMPLATE"].includes(node.tagName) ? ""
    : (node.shadowRoot ? texts(node.shadowRoot) : "") + texts(node)).join(" ");
  return texts(document.body);
})()"""


def test_scalars_and_hparams(few_runs):
    with serving(few_runs) as address, browser() as page:
        page.size(1600, 1200)
        page.open(f"{address}/#scalars")
        page.wait(lambda: "score/loss" in page.run(TEXT), "the tags on Scalars")
        text = page.run(TEXT)
        for tag in ("score/accuracy", "score/r2", "step"):
            assert tag in text
        page.open("about:blank")
        page.open(f"{address}/#hparams")
        names = [folder.name for folder in few_runs.iterdir()]
        page.wait(lambda: all(name in page.run(TEXT) for name in names), "a row for each run on HParams")
        text = page.run(TEXT)
        for column in ("optimizer", "seed", "model"):
            assert column in text
        assert [url for url in page.requests if not url.startswith((address, "data:", "blob:", "about:"))] == []
