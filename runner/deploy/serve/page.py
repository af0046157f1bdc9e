"""The page to try a network: one file, which fetches nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources


def _own(name: str) -> str:
    return resources.files("runner.deploy.serve").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


STYLE, SCRIPT = _own("style.css"), _own("script.js")

# Its script asks this server alone. What it shows of the network, it puts into the page as text.
POLICY = (
    f"default-src 'none'; script-src {_hash(SCRIPT)}; style-src {_hash(STYLE)}; connect-src 'self'; "
    "img-src blob: data:; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@cache
def page() -> str:
    """The page; nothing of the network is in it, its script asks ``/schema``."""
    return _own("page.html").replace("/*style*/", STYLE).replace("/*script*/", SCRIPT)
