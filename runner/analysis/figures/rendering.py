"""Figures as files and as pieces of pages."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

INK = "#000000"  # of words, axes and whatever is neither a series nor grey: on a page it is the page's own colour
NAMED = re.compile(r'\bid="([^"]*)"|url\(#([^)]*)\)|xlink:href="#([^"]*)"')


def svg(figure: Figure, label: str = "") -> str:
    """An ``<svg>`` element for an HTML page, light or dark: words and axes in ``currentColor``, no background.

    Words are words, in the reader's fonts. The same figure gives the same text, and its ids are its own: figures of one
    page don't take each other's clip paths.

    Args:
        figure: what is black in it is ink; everything else must stand out on light and dark.
        label: what it shows, for those who don't see it; empty: its title.
    """
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "runner"}), _any_letters():
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawn = buffer.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"\s*<metadata>.*?</metadata>|\s*<style .*?</style>", "", drawn, flags=re.DOTALL)
    used = {found for match in NAMED.finditer(drawn) for found in match.groups()[1:] if found}
    own = f"f{hashlib.sha256(drawn.encode()).hexdigest()[:10]}-"

    def rename(match: re.Match[str]) -> str:
        name, url, link = match.groups()
        if name is not None:
            return f'id="{own}{name}"' if name in used else ""
        return f"url(#{own}{url})" if url is not None else f'xlink:href="#{own}{link}"'

    def in_a_tag(match: re.Match[str]) -> str:
        return NAMED.sub(rename, match[0].replace(INK, "currentColor")).replace(" >", ">")

    title = quoteattr(label or figure.get_suptitle() or "figure")
    head = f'<svg role="img" aria-label={title} fill="currentColor" stroke-linejoin="round" '
    return head + re.sub(r"<[^>]*>", in_a_tag, drawn).removeprefix("<svg ").strip() + "\n"


def png(figure: Figure, dpi: float | None = None) -> bytes:
    """A PNG file's content: black on white.

    Args:
        figure: what is drawn.
        dpi: dots per inch; None: the figure's own.
    """
    buffer = io.BytesIO()
    with _any_letters():
        figure.savefig(buffer, format="png", dpi=dpi or "figure")
    return buffer.getvalue()


@contextmanager
def _any_letters() -> Iterator[None]:
    """Letters that the font of pictures has not are boxes there, which needs no warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield
