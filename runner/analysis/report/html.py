"""A report as one HTML file: nothing in it is fetched, and nothing in it is executed but its own script."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import TYPE_CHECKING, Any

from runner.analysis.report.document import Picture, Report
from runner.errors import printable

if TYPE_CHECKING:
    from markupsafe import Markup

SIGNS = {"better": "▲", "worse": "▼", "equivalent": "≈", "open": "○", "few": "…", "warning": "!"}


def to_html(report: Report) -> str:
    """The page.

    Values may come from anybody's folder: they are escaped by the template, and should one ever not be, the page's
    policy forbids every script but its own, every frame, form and address.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    style, script = (_own(name) for name in ("style.css", "script.js"))
    environment = Environment(
        loader=PackageLoader("runner.analysis.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["image"] = _image
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Figures set style attributes, which have no hash.
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    template = environment.get_template("page.html.jinja")
    return template.render(report=report, policy=policy, style=style, script=script, signs=SIGNS)


def _own(name: str) -> Markup:
    from markupsafe import Markup

    return Markup(resources.files("runner.analysis.report").joinpath(name).read_text(encoding="utf-8"))


def _image(picture: Picture) -> Any:
    """What stands for a picture in the page."""
    from markupsafe import Markup

    if isinstance(picture.content, bytes):
        source = base64.b64encode(picture.content).decode()
        return Markup('<img src="data:image/png;base64,{}" alt="{}">').format(source, printable(picture.alt))
    from runner.analysis.figures.rendering import svg

    return Markup('<div class="figure" tabindex="0">{}</div>').format(
        Markup(svg(picture.content, printable(picture.alt)))
    )
