"""What an attribution said, in the form that the inputs ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.explain.drawing import bars, images, tokens
from runner.explain.subject.columns import columns_of

if TYPE_CHECKING:
    from torch import Tensor

    from runner.explain.subject.explained import Case, Explained


def drawn(explained: Explained, cases: Sequence[Case], shares: Sequence[Tensor], signed: bool) -> dict[str, bytes]:
    """Files by their endings: pictures of images and series, bars and CSV of tables, HTML and plain text of tokens."""
    if explained.kind == "image":
        return {".png": images.overlays(explained, cases, shares, signed)}
    if explained.kind == "series":
        return {".png": images.series(explained, cases, shares, signed)}
    if explained.kind == "table":
        columns = columns_of(explained)
        return {
            ".png": bars.shares_of_columns(cases, shares, columns),
            ".csv": bars.table_of(cases, shares, columns),
        }
    return {
        ".html": tokens.page(explained, cases, shares, "Which tokens speak for the answer"),
        ".txt": tokens.text(explained, cases, shares),
    }
