"""The page: what came from a folder is text and nothing else, and nothing is fetched."""

import base64
import hashlib
import json
import re

import pytest

from runner.analysis.report.document import Cell, Code, Picture, Point, Points, Report, Section, Table, Words
from runner.analysis.report.html import to_html
from runner.analysis.report.make import report_of
from runner.errors import printable
from tests.analysis.report.conftest import HOSTILE, Page, write_ablation, write_sweep

SHOWN = " ".join(printable(HOSTILE).split())
OWN = {"html", "head", "meta", "title", "style", "body", "header", "main", "section", "details", "summary", "h1", "h2"}
OWN |= {"p", "span", "ul", "li", "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "button", "figure"}
OWN |= {"figcaption", "pre", "code", "script", "img"}
DRAWN = {"svg", "g", "path", "defs", "use", "text", "clippath", "rect", "tspan", "title"}
DOT = b"\x89PNG\r\n\x1a\n"


def everywhere(text):
    """A report with a text in every place."""
    table = Table(text, (text, text), [[Cell(text), Cell(text, 1.0, 0.5, "better")]])
    blocks = [Words(text), Points([Point(text, "warning")]), table, Picture("a", DOT, text, text), Code(text, text)]
    return Report(text, text, text, text, [Point(text, "worse")], [Section(text, blocks), Section(text, blocks, True)])


def test_nothing_is_read_as_html():
    page = Page(to_html(everywhere(HOSTILE)))
    assert {tag for tag, _ in page.tags} <= OWN
    assert len(page.named("script")) == 1
    assert all(not name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.text.count(SHOWN) == 27
    assert [image["alt"] for image in page.named("img")] == [printable(HOSTILE)] * 2
    assert "\u202e" not in page.text


def test_nothing_is_read_as_html_in_what_a_figure_is_called():
    from matplotlib.figure import Figure

    picture = Picture("a", Figure(figsize=(1, 1)), "a", HOSTILE)
    page = Page(to_html(Report("a", "a", "a", "a", [], [Section("a", [picture])])))
    assert [drawn["aria-label"] for drawn in page.named("svg")] == [printable(HOSTILE)]


@pytest.mark.parametrize("kind", ["run", "sweep", "ablation", "comparison"])
def test_folders_of_somebody_else(kind, run, base, tmp_path):
    folder = run
    if kind == "sweep":
        space = {HOSTILE: {"space": HOSTILE, "kind": "choice", "log": False}}
        folder = write_sweep(base, tmp_path / "hostile", space=space, fixed=[HOSTILE], objectives=[HOSTILE])
    elif kind == "ablation":
        arms = {"a": (0.5, 0.6, 0.7), HOSTILE: (0.5, None, 0.8)}
        folder = write_ablation(base, tmp_path / "hostile", arms)
        record = json.loads((folder / "ablation.json").read_text())
        (folder / "ablation.json").write_text(json.dumps(record | {"fixed": [HOSTILE], "covers": HOSTILE}))
    elif kind == "comparison":
        folder = write_sweep(base, tmp_path / "hostile") / "trials"
    for place in [*folder.glob("trials/*"), *folder.glob("0*"), *([folder] if kind == "run" else [])]:
        manifest = json.loads((place / "manifest.json").read_text())
        manifest |= {"command": [HOSTILE], "packages": {HOSTILE: HOSTILE}, "platform": HOSTILE, "task": HOSTILE}
        manifest |= {"git": {"commit": HOSTILE, "dirty": True, "patch": HOSTILE}}
        (place / "manifest.json").write_text(json.dumps(manifest))
        config = (place / "config.yaml").read_text() + f"{json.dumps('name')}: {json.dumps(HOSTILE)}\n"
        (place / "config.yaml").write_text(config)
        (place / "metrics.jsonl").write_text(
            json.dumps({"epoch": 1, "step": 1, HOSTILE: 1.0, "train/loss": 2.0}) + "\n"
        )
    if kind == "run":
        rows = [{"class": HOSTILE, HOSTILE: 0.5}]
        seen = {"part": HOSTILE, "confusion": {"classes": [HOSTILE], "counts": [[3]]}, "per_class": rows, "worst": rows}
        (folder / "evaluation").mkdir()
        (folder / "evaluation/evaluation.json").write_text(json.dumps(seen | {"notes": [HOSTILE]}))
        (folder / "result.json").write_text(json.dumps({"status": "failed", "cause": HOSTILE, "monitor": "val/loss"}))
    page = Page(to_html(report_of([str(folder)])))
    assert {tag for tag, _ in page.tags} <= OWN | DRAWN
    assert all(not name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.text.count("onerror") > 3


def test_nothing_is_fetched_and_only_its_own_script_runs(ablation):
    html = to_html(report_of([str(ablation)]))
    page = Page(html)
    (policy,) = [m["content"] for m in page.named("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        f"script-src 'sha256-{digest}'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "action", "srcset", "data", "poster"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,")), tag
    assert not re.search(r"@import|url\((?!#)", html)


def test_it_can_be_heard(ablation):
    page = Page(to_html(report_of([str(ablation)])))
    assert [attributes["lang"] for attributes in page.named("html")] == ["en"]
    assert len(page.named("h1")) == 1
    assert len(page.named("caption")) == len(page.named("table")) > 0
    assert all(attributes.get("scope") in ("col", "row") for attributes in page.named("th"))
    assert all(attributes.get("aria-label") for attributes in page.named("div") if attributes.get("role"))
    # A sign has a word beside it, and is not read out.
    signs = [attributes for attributes in page.named("span") if attributes.get("class", "").startswith("sign")]
    assert {attributes["aria-hidden"] for attributes in signs} == {"true"}
    rows = {row[0]: row for row in page.cells[0]}
    assert rows["mixup"][-2] == "▲ better"
    assert rows["swa"][-2] == "○ no difference shown"
