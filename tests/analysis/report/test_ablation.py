"""Reports of ablations say what ``ablation.json`` says, whatever of it is there."""

import json

import pytest

from runner.analysis.report.ablation import report
from runner.analysis.report.document import Points, Table
from runner.errors import ConfigError
from tests.analysis.report.conftest import HOSTILE, write_ablation


def tables(made):
    return {block.caption: block for section in made.sections for block in section.blocks if isinstance(block, Table)}


def points(made):
    blocks = [block for section in made.sections for block in section.blocks if isinstance(block, Points)]
    return [point.text for block in blocks for point in block.points]


def changed(folder, **entries):
    record = json.loads((folder / "ablation.json").read_text()) | entries
    (folder / "ablation.json").write_text(json.dumps(record))
    return record


def test_the_question_and_the_answer(ablation):
    made = report(ablation)
    assert made.question == "regularization: Does mixup or swa help, compared with none?"
    assert made.about == "Judged by test/accuracy (more is better), with data=iris trainer.max_epochs=3."
    headline, better, open_ = made.answer
    assert headline.text == "Of 2 arms against none: 1 better, 1 without a difference shown."
    # As docs/statistics.md computes it of the same scores.
    assert better.mark == "better"
    assert better.text.startswith("mixup is better than none: 0.8780 and 0.8698")
    assert "difference +0.0082 (+0.0052 to +0.0112, 97.5 % interval)" in better.text
    assert better.text.endswith("p 0.0014, 5 pairs.")
    assert open_.mark == "open"
    assert open_.text.startswith("No difference between swa and none was shown")


def test_the_baseline_is_first_wherever_it_stands_in_the_file(ablation):
    record = json.loads((ablation / "ablation.json").read_text())
    changed(ablation, arms=dict(reversed(record["arms"].items())))
    made = report(ablation)
    assert made.question.endswith("help, compared with none?")
    assert tables(made)["Each arm against none"].rows[0][0].text == "none"


def test_arms_of_several_keys_keep_their_names(base, tmp_path):
    arms = {"none optimizer=adam": (0.8, 0.7, 0.9), "none optimizer=sgd": (0.6, 0.65, 0.5)}
    made = report(write_ablation(base, tmp_path / "several", arms))
    assert made.question == (
        "Does regularization=none optimizer=sgd help, compared with regularization=none optimizer=adam?"
    )


def test_the_table_has_the_numbers_of_the_file(ablation):
    record = json.loads((ablation / "ablation.json").read_text())
    table = tables(report(ablation))["Each arm against none"]
    place = {name: i for i, name in enumerate(table.columns)}
    assert list(place) == [
        "regularization",
        "n",
        "failed",
        "test/accuracy",
        "sd",
        "difference (interval)",
        "p",
        "verdict",
        "seconds",
    ]
    for row in table.rows:
        arm = record["arms"][f"regularization={row[0].text}"]
        spread, judged = arm["scores"]["test/accuracy"], arm["comparison"]
        assert row[place["n"]].key == spread["n"]
        assert row[place["failed"]].key == spread["failures"]
        assert row[place["test/accuracy"]].key == spread["mean"]
        assert row[place["sd"]].key == spread["deviation"]
        assert row[place["seconds"]].key == arm["seconds"]
        assert row[place["p"]].key == (judged and judged["p_holm"])
        assert row[place["difference (interval)"]].key == (judged and judged["difference"])
        assert row[place["verdict"]].text == (judged["verdict"] if judged else "baseline")


def test_failures_are_counted_and_told(ablation):
    made = report(ablation)
    assert "1 of 15 runs did not complete; failed runs count against their arm." in points(made)
    (table,) = [section.blocks[0] for section in made.sections if section.title == "Not completed: 1 of 15 runs"]
    assert table.rows[0][2].text == f"no more memory {HOSTILE}"


def test_what_was_fixed_covered_and_looked_at(ablation):
    said = " ".join(points(report(ablation)))
    for part in (
        "data=iris trainer.max_epochs=3",
        "initial weights",
        "the test split was looked at once",
        "5 % of cases",
    ):
        assert part in said
    changed(ablation, looks=[3, 4, 5], score="val/loss", margin=0.01, test_to_train=0.25)
    said = " ".join(points(report(ablation)))
    for part in (
        "Runs were added until it was clear: the validation split was looked at after 3, 4, 5 runs",
        "Nadeau and Bengio",
    ):
        assert part in said
    assert "no margin was given" not in said


def test_the_command(ablation):
    changed(ablation, command=["python", "-m", "runner", "ablate", "x=[1],2", "--seeds", "5"])
    (section,) = [section for section in report(ablation).sections if section.title == "How to reproduce"]
    first = ablation / "trials/0000-seed_0"
    assert section.blocks[0].text == f"python -m runner ablate 'x=[1],2' --seeds 5\npython -m runner rerun {first}"


def test_tuned_arms_and_interim_looks(ablation):
    found = {"found": 0.9, "fresh": {"mean": 0.875, "n": 3}, "overstated": 0.025}
    study = {"trials": 8, "failed": 1, "settings": {"optimizer.lr": "0.012345678"}, "found": 0.9}
    none = {"trials": 0, "failed": 0, "settings": {}, "found": None, "confirmation": None, "score": 0.86}
    studies = {"a": {"0": {**study, "confirmation": found, "score": 0.871}}, "b": {"0": none, "1": HOSTILE}, "c": 3}
    search = {"tuned": ["optimizer.lr=interval(0,1)"], "score": "val/accuracy", "trials": 8, "runs": 24, "seeds": 3}
    brief = {"n": 3, "difference": 0.1, "low": 0.05, "high": 0.15, "p_holm": 0.03, "verdict": "better"}
    looks = [{"units": 3, "arms": {"a": brief, "b": 7}}, {"units": 4, "arms": {"a": brief}}, {}, HOSTILE]
    changed(ablation, studies=studies, search=search, interim=looks, looks=[3, 4, 5])
    made = report(ablation)
    winners = [[cell.text for cell in row] for row in tables(made)["The winner of each search"].rows]
    assert winners[0] == ["a", "0", "optimizer.lr=0.01235", "0.9000", "0.8750", "+0.025", "1", "0.8710"]
    assert winners[1] == ["b", "0", "nothing to search", "-", "-", "-", "0", "0.8600"]
    (seen,) = [section.blocks[0] for section in made.sections if section.title == "Interim looks"]
    assert [cell.text for cell in seen.rows[0]] == ["3", "a", "+0.100 (+0.050 to +0.150)", "0.03", "better"]
    assert made.answer[1].text.endswith("5 studies.")
    assert any("searches of 8 trials, 24 runs in all" in point for point in points(made))


@pytest.mark.parametrize("entry", ["comparison", "scores", "seconds", "runs"])
@pytest.mark.parametrize("value", [None, [], "text", 7, {"verdict": 3, "none": {}}])
def test_what_is_of_another_kind_is_not_there(ablation, entry, value):
    record = json.loads((ablation / "ablation.json").read_text())
    for arm in record["arms"].values():
        arm[entry] = value
    changed(ablation, arms=record["arms"])
    assert len(tables(report(ablation))["Each arm against none"].rows) == 3


@pytest.mark.parametrize("entry", ["direction", "varied", "covers", "alpha", "margin", "looks", "fixed", "baseline"])
def test_an_entry_may_be_missing_or_anything(ablation, entry):
    for value in ("anything", 3, None, [1, None], {"a": 1}):
        changed(ablation, **{entry: value})
        assert report(ablation).answer
    record = json.loads((ablation / "ablation.json").read_text())
    del record[entry]
    (ablation / "ablation.json").write_text(json.dumps(record))
    assert report(ablation).answer


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"arms": {}}', '{"arms": {"a": {}}}', "{" * 9999])
def test_a_damaged_file(ablation, content):
    (ablation / "ablation.json").write_text(content)
    with pytest.raises(ConfigError, match="writes it anew"):
        report(ablation)


def test_runs_elsewhere_are_not_read(ablation, base):
    record = json.loads((ablation / "ablation.json").read_text())
    for number, place in enumerate((str(base), "../run", "trials/../../x")):
        record["arms"]["regularization=none"]["runs"][str(number)]["folder"] = place
    changed(ablation, arms=record["arms"])
    made = report(ablation)
    shown = " ".join(str(block) for section in made.sections for block in section.blocks if section.title[:3] == "How")
    assert made.answer
    assert str(base) not in shown


def test_one_arm_none_and_twenty(base, tmp_path):
    one = report(write_ablation(base, tmp_path / "one", {"a": (0.5, 0.6, 0.7), "b": (0.5, 0.6, 0.7)}))
    assert len(one.answer) == 1
    assert "all scores are equal" in one.answer[0].text
    none = report(write_ablation(base, tmp_path / "none", {"a": (0.5, 0.6, 0.7)}))
    assert none.answer[0].text == "There is no arm beside the baseline: nothing to compare."
    many = {f"arm{i}": (0.5 + i / 100, 0.6, 0.7) for i in range(8)}
    made = report(write_ablation(base, tmp_path / "many", many))
    assert made.question == "regularization: Which of 7 arms is better than arm0?"
    assert len(made.answer) == 8
