"""The verb report."""

from pathlib import Path

import pytest

from tests.analysis.conftest import Maker
from tests.analysis.report.conftest import Page, write_ablation


@pytest.fixture
def home(few_runs, tmp_path):
    """A run and an ablation in a folder."""
    Maker(few_runs / "adam")(tmp_path / "outputs/runs/a", best=0.25)
    Maker(few_runs / "adam")(tmp_path / "outputs/runs/b", best=0.5, optimizer__lr=0.5)
    write_ablation(few_runs / "adam", tmp_path / "outputs/ablations/x")
    return tmp_path


def test_a_report_lies_in_its_folder(say, home):
    for folder in ("outputs/ablations/x", "outputs/runs/a"):
        answer = say("report", folder)
        assert (answer.code, answer.err) == (0, "")
        assert answer.out.startswith(f"report: {folder}/report.html\n")
        assert Page((home / folder / "report.html").read_text()).tables
        assert say("runs", "outputs/runs").code == 0
    assert say("report", "outputs/runs/a", "outputs/runs/b").out == "report: report.html\n"


def test_where_it_is_written(say, home):
    assert say("report", "outputs/ablations/x", "--output", "a.html").out == "report: a.html\n"
    lines = say("report", "outputs/ablations/x", "--markdown", "--output=b.md").out.splitlines()
    assert lines[0] == "report: b.md"
    for line in lines[1:]:
        assert Path(home / line.removeprefix("picture: ")).read_bytes().startswith(b"\x89PNG")
        assert f"]({line.removeprefix('picture: ')})" in (home / "b.md").read_text()
    assert say("report", "outputs/runs/a", "--markdown").out.startswith("report: outputs/runs/a/report.md\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected the folder of a run, a sweep or an ablation"),
        (["outputs/runs/c"], "there is no such folder"),
        (["outputs/ablations/x/ablation.json"], "neither a run nor a sweep lies there"),
        (["outputs/runs/a", "--html"], "--html: not known here"),
        (["outputs/runs/a", "--output", "a.pdf"], "expected a file whose name ends in .html"),
        (["outputs/runs/a", "--output", "a.md"], "--markdown gives Markdown"),
        (["outputs/runs/a", "--markdown", "--output", "a.html"], "ends in .md"),
        (["outputs/runs/a", "--output", "no/a.html"], "there is no folder no"),
        (["outputs/runs/a", "--output", "made.html"], "is a folder"),
    ],
)
def test_what_is_wrong(say, home, words, message):
    (home / "made.html").mkdir()
    answer = say("report", *words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: ")
    assert message in answer.err
    assert answer.err.count("\n") == 1


def test_a_link_is_not_followed(say, home):
    (home / "precious").write_text("precious")
    place = home / "outputs/runs/a/report.html"
    place.symlink_to(home / "precious")
    answer = say("report", "outputs/runs/a")
    assert answer.code == 2
    assert "a link to" in answer.err
    assert (home / "precious").read_text() == "precious"
