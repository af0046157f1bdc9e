"""Examples beside those that are like them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.errors import printable
from runner.explain.drawing.images import heading, label, picture, png, sheet
from runner.explain.drawing.tokens import words_of
from runner.explain.subject.columns import columns_of
from runner.record.files import as_csv

if TYPE_CHECKING:
    from runner.engine.batch import Batch
    from runner.explain.subject.explained import Case, Explained


def drawn(
    explained: Explained, cases: Sequence[Case], found: Sequence[Sequence[tuple[str, Batch]]]
) -> dict[str, bytes]:
    """Files by their endings: pictures of images, a table of rows, plain text of tokens; nothing of series."""
    if explained.kind == "image":
        figure, axes = sheet(len(cases), 1 + max(map(len, found)), 1.4, 1.8)
        for line, case, near in zip(axes, cases, found, strict=True):
            line[0].imshow(picture(explained, case.inputs[0]), cmap="gray", vmin=0, vmax=1)
            label(line[0], heading(case), 20)
            for axis, (head, batch) in zip(line[1:], near, strict=False):
                axis.imshow(picture(explained, batch.inputs[0]), cmap="gray", vmin=0, vmax=1)
                label(axis, head, 20)
        return {".png": png(figure)}
    if explained.kind == "table":
        columns = columns_of(explained)
        rows = [["example", "nearest", *(column.name for column in columns)]]
        for case, near in zip(cases, found, strict=True):
            shown = [
                ("", case.inputs),
                *((head.replace("\n", ", "), explained.whole(batch)) for head, batch in near),
            ]
            rows += [[case.place, head, *(c.value(inputs[0].cpu()) for c in columns)] for head, inputs in shown]
        return {".csv": as_csv(rows).encode(errors="replace")}
    if explained.kind == "tokens":
        text = io.StringIO()
        for case, near in zip(cases, found, strict=True):
            shown = [(heading(case), case.inputs), *((head, batch.inputs) for head, batch in near)]
            for head, inputs in shown:
                words = " ".join(words_of(explained, inputs[0])).replace("\n", "\\n")
                text.write(f"{printable(head)}\n  {printable(words)}\n\n".replace("\r", ""))
        return {".txt": text.getvalue().encode(errors="replace")}
    return {}
