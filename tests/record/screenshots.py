"""Pictures of TensorBoard's pages, to be looked at: ``python -m tests.record.screenshots LOGDIR PICTURES``.

Needs chromium. TensorBoard is reached at 127.0.0.1 alone, and both are ended afterwards.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from tests.browser import browser
from tests.record.serving import serving

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


def main(logdir, pictures, settle=20.0):
    Path(pictures).mkdir(parents=True, exist_ok=True)
    with serving(logdir) as address, browser() as page:
        page.size(1600, 1000)
        for name, (fragment, tapped) in PAGES.items():
            page.open("about:blank")
            page.open(f"{address}/{fragment}")
            time.sleep(settle)
            if tapped:
                page.run(TAP % json.dumps(tapped))
                time.sleep(settle / 3)
            (Path(pictures) / f"{name}.png").write_bytes(page.picture())


if __name__ == "__main__":
    main(*sys.argv[1:3])
