"""What was planted in data is found, told of and drawn, and the overrides that act on it are accepted and do."""

import csv
import json
import shlex
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from runner.config.check import check_run
from runner.data.csv import Csv
from runner.data.table.keel import KeelTable
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
    rows[7][4] = ""
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
    assert sum(told["parts"].values()) == 259 and told["classes"]["train"].keys() == {"no", "yes"}
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
    assert sum(after.sizes.values()) < 259 - 16 + 4 and "site=x" not in after.spec.feature_names


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


def test_copies_of_another_label_are_told_first_with_both_labels_and_places(say):
    for number, picture in enumerate(pictures(12)):
        for label in ("cat", "dog") if number == 3 else ("cat",) if number % 2 else ("dog",):
            Path("photos", label).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(f"photos/{label}/{number:02}.png")
            if number == 5:
                Image.fromarray(picture).save(f"photos/{label}/again.png")
    answer = say("inspect-data", "data=image_folder", "data.root=photos", "data.image_size=48", "model=cnn")
    assert answer.code == 0, answer.err
    assert "2 examples equal to another" in answer.out.replace("\n", " ")
    assert "1 of them with another label" in " ".join(answer.out.split())
    with open("outputs/inspections/image_folder/duplicates.csv") as file:
        first, second = csv.DictReader(file)
    assert {Path(first["place"]).name, first["like"].rpartition("/")[2]} == {"03.png"}
    assert first["labels"] in ("labelled cat, the other dog", "labelled dog, the other cat")
    assert second["labels"] == ""


def test_what_has_no_vectors_or_classes_is_named_as_skipped(say):
    assert say("inspect-data", "data=python_imports", "model=gcn").code == 0
    findings = json.loads(Path("outputs/inspections/python_imports/inspection.json").read_text())["findings"]
    assert {name for name, found in findings.items() if found["verdict"] == "skipped"} == set(findings) - {"gaps"}
    answer = say("inspect-data", "data=digits_stream")
    assert (answer.code, "come as a stream" in answer.err) == (2, True)
    answer = say("inspect-data", "-m", "seed=1,2")
    assert (answer.code, "have no meaning here" in answer.err) == (2, True)
    assert say("inspect-data", "data=nothing").code == 2


def told(say, *words):
    """What an inspection of data finds, by the look."""
    answer = say("inspect-data", *words)
    assert answer.code == 0, answer.err
    newest = max(Path("outputs/inspections").iterdir(), key=lambda folder: folder.stat().st_mtime_ns)
    return json.loads((newest / "inspection.json").read_text())["findings"], answer.out


def rows_of(*rows):
    Path("rows.csv").write_text("a,b,y\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    return ("data=csv", "data.path=rows.csv", "data.target=y")


def test_classes_of_few_examples_are_told_of(say):
    rng = np.random.default_rng(0)
    findings, _ = told(say, *rows_of(*((*rng.normal(size=2), "kml"[i % 3]) for i in range(9))))
    labels, imbalance = findings["suspicious labels"], findings["imbalance"]
    assert labels["says"] == "needs 5 examples of a class in train, and none has more than 2"
    assert imbalance["says"] == "each of 3 classes has 2 training examples"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "rows.csv: it has no line after the first"),
        ([(1, 2, "")] * 9, "rows.csv: no row has a 'y'; there is nothing to learn from"),
        ([(1, 2, "k")] * 9, "every row has the 'y' 'k'; expected two classes or more"),
        ([(1, 2, "k"), (3, 4, "l"), (5, 6, "l")], "leaves no example for test out of 3"),
        ([("", "", "kl"[i % 2]) for i in range(9)], "no feature is left besides 'y'"),
    ],
)
def test_what_can_not_be_looked_at_is_refused(say, rows, said):
    answer = say("inspect-data", *rows_of(*rows))
    assert (answer.code, said in answer.err) == (1, True), answer.err
    assert not Path("outputs").exists()


def test_a_cleaning_for_another_task_is_refused_where_only_the_file_tells_the_task(say):
    answer = say(*rows_of(*((i % 7, i % 5, i * 0.37) for i in range(40))), "cleaning=[mislabelled]")
    said = "error: cleaning=mislabelled: is for classification, and these data are for regression. Leave it out.\n"
    assert (answer.code, answer.err) == (2, said)


def test_a_column_without_any_value_is_left_out_and_not_filled(say):
    findings, _ = told(say, *rows_of(*((i % 7, "", "kl"[i % 2]) for i in range(40))))
    assert (findings["gaps"]["verdict"], findings["gaps"]["overrides"]) == ("found", [])
    assert findings["constant columns"]["overrides"] == ["data.exclude=[b]"]


def test_a_number_that_is_none_is_found_wherever_it_stands(say, monkeypatch):
    """The last of 1,400 training examples, which no sample need have."""
    load = Csv.load

    def broken(self):
        data = load(self)
        data.train.inputs[-1, 0] = float("nan")
        return data

    monkeypatch.setattr(Csv, "load", broken)
    findings, out = told(say, *rows_of(*((i % 97, i % 89, "kl"[i % 2]) for i in range(2000))), "data.split_seed=1")
    says = "inputs of 1 example (1 of train) hold numbers that are infinite or none, which no network learns from"
    assert (findings["gaps"]["says"], findings["gaps"]["examples"]) == (says, 1)
    assert "train 1399" in out


def test_more_examples_than_are_written_are_told_of(say):
    findings, out = told(say, *rows_of(*((1, 2, "kl"[i % 2]) for i in range(1200))))
    assert findings["duplicates"]["examples"] == 1199
    assert "and 1,196 more (duplicates.csv, the first 1,000)" in out
    with open("outputs/inspections/csv/duplicates.csv") as file:
        assert len(list(csv.DictReader(file))) == 1000


def test_gaps_of_a_published_table_are_told_of(say, monkeypatch):
    def read(self):
        columns = {"x1": [1.0, None, *range(38)], "x2": ["a", "b"] * 20, "class": ["k", "l"] * 20}
        return pl.DataFrame(columns, strict=False), "", ()

    monkeypatch.setattr(KeelTable, "read", read)
    findings, out = told(say, "data=letter")
    assert (
        findings["gaps"]["says"] == "missing values: x1 1 (2.5%); numbers are filled with the mean of the training part"
    )
    assert findings["gaps"]["overrides"] == []
    assert "missing values filled in (mean): x1 1" in out


def test_a_cleaning_that_takes_a_while_says_so(say):
    words = (*rows_of(*((i, i % 89, "kl"[i % 2]) for i in range(5001))), "trainer.max_steps=1", "cleaning=[duplicates]")
    assert "cleaning.duplicates: looking at 5,001 examples\n" in say(*words).out


@pytest.mark.parametrize("names", [["a", "b c"], ["a,b", 'say "x"'], ["größe", "a=b", "[x]"], ["1", "true", "$a"]])
def test_columns_of_any_name_can_be_named_in_an_override(names):
    path = Path(__file__).parent.parent / "balance/mixed.csv"
    config = compose(["data=csv", f"data.path={path}", "data.target=ill", f"data.exclude={listed(names)}"])
    assert list(config.data.exclude) == names
