"""Markdown: what came from a folder is text, as another reader of Markdown has it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from runner.analysis.report.document import Cell, Code, Picture, Point, Report, Section, Table
from runner.analysis.report.html import to_html
from runner.analysis.report.make import report_of
from runner.analysis.report.markdown import escaped, table, to_markdown
from runner.errors import printable
from tests.analysis.report.conftest import HOSTILE, Page
from tests.analysis.report.test_html import DOT, everywhere

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def read(markdown):
    return Page(READER.render(markdown))


def plain(text):
    return " ".join(printable(text).split())


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        "a_b_c",
        "_a_",
        "__init__",
        "# no",
        "1. no",
        "- no",
        "+ no",
        "1) x",
        "a|b",
        "\\|",
        "~~x~~",
        "$a$",
        "&lt;",
    ],
)
def test_a_text_stays_a_text(text):
    page = read(escaped(text))
    assert page.text == plain(text)
    assert {tag for tag, _ in page.tags} <= {"p"}


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1).filter(lambda text: text.strip()))
def test_any_cell_stays_in_its_cell(text):
    block = Table("", ("a", "b"), [[Cell(text), Cell("next")]])
    page = read("\n".join(table(block)) + "\n")
    assert [[plain(cell) for cell in row] for row in page.cells[0]] == [["a", "b"], [plain(text), "next"]]


def test_everything_at_once():
    text, files = to_markdown(everywhere(HOSTILE), "paper")
    page = read(text)
    assert {tag for tag, _ in page.tags} <= {
        *("h1", "h2", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "img", "pre", "code")
    }
    assert page.text.count(plain(HOSTILE)) == 27
    assert files == {"paper_a.png": DOT}
    assert [image["src"] for image in page.named("img")] == ["paper_a.png"] * 2


def test_code_is_fenced_whatever_is_in_it():
    for code in ("```\n# x\n```", "`````", "~~~"):
        made = Report("a", "b", "c", "d", [Point("e")], [Section("f", [Code("g", code)])])
        tokens = READER.parse(to_markdown(made, "x")[0])
        assert [token.content for token in tokens if token.type == "fence"] == [code + "\n"]


def test_the_same_content_as_the_page(ablation):
    made = report_of([str(ablation)])
    written, shown = read(to_markdown(made, "report")[0]), Page(to_html(made))
    assert len(written.tables) == len(shown.tables) > 3
    for ours, theirs in zip(written.cells, shown.cells):
        # Signs stand for those who see; Markdown has the words alone.
        assert ours == [[re.sub(r"^[▲▼≈○…!]\s+", "", cell) for cell in row] for row in theirs]


def test_a_picture_is_named_by_its_report():
    picture = Picture("curves", DOT, "c", "a")
    assert picture.kind_of_content == "png"
