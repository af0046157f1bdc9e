"""What was planted in data is found, told of and drawn, and the overrides that act on it are accepted and do."""

import csv
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runner.config.check import check_run
from runner.inspection.finding import listed
from runner.run import compose
from runner.run.assembly import clean_data
from tests.cleaning.test_near_duplicates import compressed, pictures
from tests.cli.conftest import say as say

HEAD = "What acts on it, each alone, and all together:"


def table():
    """Rows with gaps, a constant column, copies, wrong labels, one far off, and a class that is rare."""
    rng = np.random.default_rng(0)
    ill = np.arange(240) % 10 == 0
    rows = [
        [f"{a:.3f}", f"{b:.3f}", "x", "red" if i % 3 else "blue", "yes" if y else "no"]
        for i, (a, b, y) in enumerate(zip(rng.normal(40 + 30 * ill, 5), rng.normal(ill, 0.2), ill))
    ]
    for row in rows[5::40]:
        row[0] = ""
    for row in rows[33:36]:
        row[4] = "yes"  # which they are not
    copies = [list(row) for row in rows[:4]] * 4
    strange = [[f"{400 + i}.0", "40.0", "x", "red", "no"] for i in range(4)]
    lines = [["age", "the dose", "site", "colour", "ill"], *rows, *copies, *strange]
    Path("table.csv").write_text("".join(",".join(line) + "\n" for line in lines))


def acting(out):
    """The words of each line that acts, and the command at the end."""
    lines = out[out.index(HEAD) + len(HEAD) + 1 :].splitlines()
    end = next(i for i, line in enumerate(lines) if line.startswith("python -m runner"))
    return {line[:21].strip(): shlex.split(line[21:]) for line in lines[:end]}, shlex.split(lines[end])[3:]


def test_a_table(say):
    table()
    typed = ["data=csv", "data.path=table.csv", "data.target=ill", "data.split=[0.8,0.1,0.1]"]
    answer = say("inspect-data", *typed)
    assert answer.code == 0, answer.err
    (folder,) = Path("outputs/inspections").iterdir()
    told = json.loads((folder / "inspection.json").read_text())
    findings = told["findings"]
    assert sum(told["parts"].values()) == 260 and told["classes"]["train"].keys() == {"no", "yes"}
    assert findings["gaps"]["says"] == "missing values: age 6 (2.3%)"
    assert findings["constant columns"]["says"] == "1 column the same in every row: site"
    assert findings["duplicates"]["examples"] == 16
    assert "(a leak)" in findings["duplicates"]["says"]
    assert findings["suspicious labels"]["verdict"] == findings["imbalance"]["verdict"] == "found"
    with open(folder / "outliers.csv") as file:
        far = list(csv.DictReader(file))
    assert any(row["part"] == "train" and float(row["the dose"]) == 40 for row in far)
    with open(folder / "duplicates.csv") as file:
        assert {row["why"] for row in csv.DictReader(file)} == {"equal"}
    assert (folder / "classes.png").stat().st_size > 1000

    words, whole = acting(answer.out)
    assert set(words) == {name for name, found in findings.items() if found["verdict"] == "found"}
    for each in (*words.values(), whole[len(typed) :]):
        check_run(compose([*typed, *each]))
    after = clean_data(check_run(compose(whole)))
    assert sum(after.sizes.values()) < 260 - 16 + 4 and "site=x" not in after.spec.feature_names


def test_pictures(say):
    for number, picture in enumerate(pictures(24)):
        folder = Path("photos", "cat" if number % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / f"{number:02}.png")
        if number < 3:
            Image.fromarray(compressed(picture)).save(folder / f"{number:02}.jpg")
    answer = say("inspect-data", "data=image_folder", "data.root=photos", "data.image_size=48", "model=cnn")
    assert answer.code == 0, answer.err
    folder = Path("outputs/inspections/image_folder")
    findings = json.loads((folder / "inspection.json").read_text())["findings"]
    assert findings["near duplicates"]["examples"] == 3 and findings["duplicates"]["verdict"] == "fine"
    assert "photos/" in answer.out  # where they are
    with Image.open(folder / "near_duplicates.png") as picture:
        assert picture.size[0] == 780 and picture.size[1] > 300
    assert findings["constant columns"]["verdict"] == "skipped"
    assert "can't tell these classes apart" in findings["suspicious labels"]["says"]  # which are drawn by lot
    assert acting(answer.out)[1][-1] == "cleaning=[near_duplicates]"


def test_what_has_no_vectors_or_classes_is_named_as_skipped(say):
    assert say("inspect-data", "data=python_imports", "model=gcn").code == 0
    findings = json.loads(Path("outputs/inspections/python_imports/inspection.json").read_text())["findings"]
    assert {name for name, found in findings.items() if found["verdict"] == "skipped"} == set(findings) - {"gaps"}
    answer = say("inspect-data", "data=digits_stream")
    assert (answer.code, "come as a stream" in answer.err) == (2, True)
    answer = say("inspect-data", "-m", "seed=1,2")
    assert (answer.code, "have no meaning here" in answer.err) == (2, True)
    assert say("inspect-data", "data=nothing").code == 2


@pytest.mark.parametrize("names", [["a", "b c"], ["a,b", 'say "x"'], ["größe", "a=b", "[x]"], ["1", "true", "$a"]])
def test_columns_of_any_name_can_be_named_in_an_override(names):
    path = Path(__file__).parent.parent / "balance/mixed.csv"
    config = compose(["data=csv", f"data.path={path}", "data.target=ill", f"data.exclude={listed(names)}"])
    assert list(config.data.exclude) == names
