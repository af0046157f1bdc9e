"""A report as Markdown, for the appendix of a paper: the same content, with its pictures as files beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from runner.analysis.figures.rendering import png
from runner.analysis.report.document import Block, Code, Picture, Points, Report, Section, Table, Words
from runner.errors import printable


def to_markdown(report: Report, pictures: str) -> tuple[str, dict[str, bytes]]:
    """The text, and its pictures as PNG by the name of their file.

    Args:
        report: what is told.
        pictures: what the names of the pictures begin with.
    """
    files: dict[str, bytes] = {}
    lines = [
        f"# {escaped(report.question)}",
        "",
        escaped(f"{report.kind} {report.name}. {report.about}"),
        "",
        "## Answer",
        "",
    ]
    lines += [f"- {escaped(point.text)}" for point in report.answer]
    for section in report.sections:
        lines += ["", *_section(section, pictures, files)]
    return "\n".join(lines) + "\n", files


def escaped(text: str) -> str:
    """A text of which nothing is read as Markdown or HTML; a line end is a space."""
    plain = printable(text).replace("\n", " ")
    plain = re.sub(r"([\\`*\[\]<>|~$])", r"\\\1", plain).replace("&", "&amp;")
    plain = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", plain)  # within a word it means nothing
    return re.sub(r"^(\s*)([#+-])(?=\s)|^(\s*\d+)([.)])(?=\s)", _guarded, plain)


def _guarded(match: re.Match[str]) -> str:
    """A heading's or a list's sign at the start of a line."""
    return f"{match[1]}\\{match[2]}" if match[2] else f"{match[3]}\\{match[4]}"


def table(block: Table) -> list[str]:
    """The lines of a table."""
    head = [escaped(column) for column in block.columns]
    rule = ["---:" if number else "---" for number in block.numeric]
    return [_row(head), _row(rule), *(_row([escaped(cell.text) or " " for cell in row]) for row in block.rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _section(section: Section, pictures: str, files: dict[str, bytes]) -> list[str]:
    lines = [f"## {escaped(section.title)}"]
    for block in section.blocks:
        lines += ["", *_block(block, pictures, files)]
    return lines


def _block(block: Block, pictures: str, files: dict[str, bytes]) -> list[str]:
    match block:
        case Words():
            return [escaped(block.text)]
        case Points():
            return [f"- {escaped(point.text)}" for point in block.points]
        case Table():
            return [f"{escaped(block.caption)}:", "", *table(block)]
        case Picture():
            name = f"{pictures}_{block.name}.png"
            files[name] = block.content if isinstance(block.content, bytes) else png(block.content)
            return [f"![{escaped(block.alt)}]({name})", "", escaped(block.caption)]
        case Code():
            longest = max((len(run) for run in re.findall(r"`+", block.text)), default=0)
            fence = "`" * max(3, longest + 1)
            return [f"{escaped(block.caption)}:", "", fence, printable(block.text), fence]
