"""Texts whose tokens are coloured by what they say."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.errors import printable

if TYPE_CHECKING:
    from torch import Tensor

    from runner.explain.subject.explained import Case, Explained

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.9 ui-monospace, monospace; max-width: 60em; margin: 2em auto; padding: 0 1em;
  background: #fff; color: #111; }}
h2 {{ font: bold 14px/1.4 system-ui, sans-serif; margin-top: 2em; }}
span {{ padding: .1em .15em; border-radius: .2em; color: #111; }}
.against {{ text-decoration: underline dotted; }}
</style>
<p>Red speaks for the answer, blue with dots below against it; the strongest of a text is the fullest.</p>
{texts}
</html>
"""


def words_of(explained: Explained, tokens: Tensor) -> list[str]:
    """The tokens ``(T,)`` as they are written."""
    from runner.data.text.tokenizer import Tokenizer

    transform = explained.network.transform
    names: Sequence[str] = transform.vocabulary if isinstance(transform, Tokenizer) else ()
    return [names[token] if token < len(names) else str(token) for token in tokens.tolist()]


def page(explained: Explained, cases: Sequence[Case], shares: Sequence[Tensor], title: str) -> bytes:
    """A page that needs no network; everything in it is escaped."""
    texts = []
    for case, values in zip(cases, shares, strict=True):
        height = values.abs().max().item() or 1.0
        spans = []
        for word, value in zip(words_of(explained, case.inputs[0]), values.tolist(), strict=True):
            colour = "178,24,43" if value >= 0 else "33,102,172"
            kind = ' class="against"' if value < -0.05 * height else ""
            shown = html.escape(printable(word).replace("\n", "\\n"))
            style = f"background:rgba({colour},{0.75 * abs(value) / height:.2f})"
            spans.append(f'<span{kind} style="{style}" title="{value:.4g}">{shown}</span>')
        texts.append(f"<h2>{html.escape(printable(_heading(case)))}</h2>\n<p>{' '.join(spans)}</p>")
    return _PAGE.format(title=html.escape(title), texts="\n".join(texts)).encode(errors="replace")


def text(explained: Explained, cases: Sequence[Case], shares: Sequence[Tensor]) -> bytes:
    """The same for a terminal: a token a line, with its share."""
    lines = []
    for case, values in zip(cases, shares, strict=True):
        lines += [printable(_heading(case)), ""]
        height = values.abs().max().item() or 1.0
        for word, value in zip(words_of(explained, case.inputs[0]), values.tolist(), strict=True):
            mark = ("+" if value >= 0 else "-") * round(10 * abs(value) / height)
            lines.append(f"{value:>12.4g}  {mark:<10}  {printable(word)}".replace("\n", "\\n"))
        lines.append("")
    return "\n".join(lines).encode(errors="replace")


def _heading(case: Case) -> str:
    told = f"{case.group}: {case.place}" if case.group else case.place
    truth = f", is {case.truth}" if case.truth else ""
    return f"{told}{truth}, predicted {case.predicted}; why {case.answer}? value {case.value:.4g}"
