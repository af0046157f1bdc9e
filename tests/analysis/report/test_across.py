"""Reports of ablations on several data sets say what ``across.json`` says, whatever of it is there."""

import json

import pytest

from runner.analysis.report.document import Picture, Table
from runner.analysis.report.html import to_html
from runner.analysis.report.make import report_of
from runner.errors import ConfigError
from tests.analysis.report.conftest import HOSTILE, Page
from tests.analysis.test_across import SETS, across


@pytest.fixture
def made(tmp_path):
    """Two data sets: mixup is better on the first, undecided on the second; and a third that is not done."""
    folder = tmp_path / "theirs"
    found = across(folder, SETS)
    found.planned.append("c")
    for ablation in found.ablations.values():
        ablation.folder.mkdir(parents=True)
        ablation.write()
    found.write()
    return folder


def test_the_question_the_answer_and_the_tables(made):
    report = report_of([str(made)])
    assert report.question == "Does mixup help on 2 data sets, against none?"
    (answer,) = report.answer
    assert answer.mark == "better"
    assert answer.text.startswith("Of 2 data sets, mixup is better on 1, undecided on 1. One of its runs beats")
    tables = [block for section in report.sections for block in section.blocks if isinstance(block, Table)]
    over_all, profile, by_data_set, first, _ = tables[:5]
    assert over_all.caption == "Each arm over all data sets, 4 runs of each arm on each"
    assert over_all.rows[1][1].key == pytest.approx(2.05 / 4)
    assert [cell.text for cell in over_all.rows[1][3:]] == ["1", "0", "0", "1"]
    assert profile.columns[0:2] == ("arm", "> 0.1900")
    assert [row[0].text for row in by_data_set.rows] == ["a", "b"]
    assert [row[1].mark for row in by_data_set.rows] == ["better", "open"]
    assert first.caption == "Each arm against none"
    assert sum(isinstance(block, Picture) for section in report.sections for block in section.blocks) == 1
    page = Page(to_html(report))
    assert "Not done yet: c." in page.text


@pytest.mark.parametrize(
    "entries",
    [
        {"arms": {"none": 1, HOSTILE: {"verdicts": [], "interquartile_mean": {"value": "x"}}}},
        {"data_sets": {"a": 3, HOSTILE: {"folder": "../..", "arms": {"mixup": HOSTILE}}}},
        {"thresholds": ["x", None, {}], "units": 3, "n": HOSTILE, "command": 1, "across": {}, "planned": [1, HOSTILE]},
        {"baseline": None, "direction": [], "score": HOSTILE},
    ],
)
def test_whatever_stands_there_is_text(entries, made):
    record = json.loads((made / "across.json").read_text())
    (made / "across.json").write_text(json.dumps(record | entries))
    page = Page(to_html(report_of([str(made)])))
    assert not any(tag in ("img", "script") and "onerror" in attrs for tag, attrs in page.tags)


def test_ablations_elsewhere_are_not_read(made, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/ablation.json").write_bytes((made / "a/ablation.json").read_bytes())
    (made / "link").symlink_to(tmp_path / "secret")
    record = json.loads((made / "across.json").read_text())
    for place in ("../secret", "link", str(tmp_path / "secret"), "."):
        record["data_sets"]["a"]["folder"] = place
        (made / "across.json").write_text(json.dumps(record))
        assert [section.title for section in report_of([str(made)]).sections][2:4] == ["b", "Caveats"]


@pytest.mark.parametrize("content", ["{", "[]", '{"arms": {}}', '{"arms": {"a": 1}, "data_sets": []}'])
def test_a_damaged_file_is_told_of(content, made):
    (made / "across.json").write_text(content)
    with pytest.raises(ConfigError, match=r"across.json.* The ablation's command writes it anew"):
        report_of([str(made)])
