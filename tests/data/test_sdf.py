"""Molecules of one's own: what is told of them, which are left out, and files that are none."""

import csv
from pathlib import Path

import pytest
import torch

from runner.cli.verbs import answer
from runner.data.sdf import Sdf
from runner.errors import ConfigError, RunFailed
from runner.run import load
from tests.data.test_solubility import molfile


def chains(values, first=0):
    """Chains of carbon, every other with an oxygen at its end, and what `values` says beside each by its number."""
    text = ""
    for i, beside in enumerate(values, first):
        atoms = [("C", 0)] * (1 + i % 5) + [("O", 0)] * (i % 2)
        text += molfile(f"m{i}", atoms, [(j, j + 1, 1) for j in range(1, len(atoms))], beside)
    return text


def solubility(i):
    return 2 * (i % 2) - (1 + i % 5) / 2


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(values, name="a.sdf", first=0):
        Path(name).write_bytes(chains(values, first).encode())
        return name

    return write


def test_numbers_classes_and_labels(written):
    values = [
        {"SOL": solubility(i), "KIND": "ab"[i % 2], "few": i % 3, "toxic": "yes" if i % 2 else "no"} for i in range(40)
    ]
    path = written(values)
    data = Sdf(path=path, target="SOL", target_scaling="none", task="regression").load()
    assert data.spec.task == "regression" and data.spec.targets.names == ("SOL",)
    assert data.sizes == {"train": 28, "val": 6, "test": 6}
    for part in data.parts.values():
        for row, number in enumerate(part.graphs.tolist()):
            assert part.place(row) == f"m{number}"
            assert part.read(torch.tensor([row])).targets.item() == pytest.approx(solubility(number))
    for target, names in (("KIND", ("a", "b")), ("few", ("0", "1", "2"))):
        data = Sdf(path=path, target=target).load()
        assert (data.spec.task, data.spec.class_names) == ("classification", names)
        assert f"classification of '{target}'" in " ".join(data.notes)
    assert Sdf(path=path, target=("SOL", "few")).load().spec.task == "regression"
    assert Sdf(path=path, target=("toxic",), task="multilabel").load().spec.task == "multilabel"


def test_molecules_without_a_target_are_left_out_and_a_second_file_is_the_test_part(written):
    values = [{"SOL": solubility(i) + i} if i % 4 else {"SOL": "NA"} if i % 8 else {} for i in range(48)]
    later = written([{"SOL": 100 + i} for i in range(7)], "later.sdf", 50)
    data = Sdf(path=written(values), target="SOL", test_path=later).load()
    assert data.sizes == {"train": 30, "val": 6, "test": 7}
    assert "a.sdf: 12 molecules without a target left out" in data.notes
    assert [data.test.place(row) for row in range(7)] == [f"m{50 + i}" for i in range(7)]
    mean, std = data.spec.targets.mean[0], data.spec.targets.std[0]
    assert data.test.read(torch.arange(7)).targets[:, 0] * std + mean == pytest.approx(torch.arange(100.0, 107.0))


@pytest.mark.parametrize(
    ("values", "settings", "says"),
    [
        ({"SOL": 1}, {"target": "SOl"}, r"data\.target=SOl: beside no molecule of a\.sdf\. Did you mean 'SOL'"),
        ({}, {"target": "SOL"}, r"beside no molecule of a\.sdf\. Nothing stands beside them"),
        ({"SOL": "NA"}, {"target": "SOL"}, "a.sdf: no molecule has 'SOL' beside it"),
        ({"SOL": "low"}, {"target": "SOL", "task": "regression"}, "a.sdf, line 1: 'SOL' is 'low', which is no finite"),
        ({"SOL": "inf"}, {"target": "SOL", "task": "regression"}, "a.sdf, line 1: 'SOL' is 'inf', which is no finite"),
    ],
)
def test_values_that_do_not_fit_are_told_by_file_and_line(written, values, settings, says):
    path = written([values] * 20)
    with pytest.raises(RunFailed, match=says):
        Sdf(path=path, **settings).load()


def test_one_word_among_numbers_is_a_mistake(written):
    path = written([{"SOL": "1,5" if i == 13 else i / 7} for i in range(30)])
    line = chains([{"SOL": 0}] * 13).count("\n") + 1
    with pytest.raises(RunFailed, match=rf"a\.sdf, line {line}: 'SOL' is '1,5', .*data\.task=classification takes"):
        Sdf(path=path, target="SOL").load()


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (molfile("x", [], []), "it has no atom"),
        (molfile("x", [("C", 0)], [(1, 7, 1)]), "a bond between the atoms 1 and 7 of 1"),
        (molfile("x", [("C", 0)], []).replace("V2000", "V3000"), "version V3000, which is not read"),
        (molfile("x", [("C", 0)], []).replace("  1  0  0", "  ?  0  0", 1), r"'\?' where a number is expected"),
        (molfile("x\udce9", [("C", 0)], []), "line 8 is not UTF-8"),
    ],
)
def test_what_is_no_molecule_is_told_by_file_line_and_record(written, record, says):
    good = molfile("good", [("C", 0)], [])
    Path("a.sdf").write_bytes((good + record + good).replace("\n", "\r\n").encode("utf-8", "surrogateescape"))
    with pytest.raises(RunFailed, match=rf"a\.sdf, line 8 \(record 2\): no molecule: {says}"):
        Sdf(path="a.sdf", target="SOL").load()


def test_a_command_that_can_not_be(written):
    with pytest.raises(ConfigError, match=r"data\.path=b\.sdf: .* Expected an SDF file"):
        Sdf(path="b.sdf", target="SOL").probe()
    path = written([{"SOL": 1}])
    with pytest.raises(ConfigError, match=r"data\.test_path=b\.sdf: "):
        Sdf(path=path, target="SOL", test_path="b.sdf").probe()
    for target, task in (((), "auto"), (("a", "b"), "classification")):
        with pytest.raises(ConfigError, match=r"data\.target=\[(a,b)?\]: expected the name of a value"):
            Sdf(path=path, target=target, task=task).probe()


def test_files_are_predicted_as_evaluation_saw_them(written, go):
    written([{"SOL": solubility(i) + i % 7 / 100} for i in range(60)])
    later = written([{"SOL": solubility(i) + i % 7 / 100} for i in range(60, 72)], "later.sdf", 60)
    words = (
        "data=sdf",
        "data.path=a.sdf",
        "data.target=SOL",
        f"data.test_path={later}",
        "model=gcn",
        "data.batch_size=8",
    )
    result = go(*words, "model.hidden=[16]", "model.pooling=sum", "optimizer.lr=0.02", "trainer.max_epochs=25")
    assert result["test"]["r2"] > 0.5
    assert answer(["predict", "run", "later.sdf", "--output", "out.csv", "--batch-size", "5"]) == 0
    with open("out.csv", newline="") as file:
        told = list(csv.DictReader(file))
    network, data = load("run"), Sdf(path="a.sdf", target="SOL", test_path=later).load()
    seen = network.task.rows(network.outputs(data.test.read(torch.arange(12))))
    for row, expected in zip(told, seen, strict=True):
        assert all(float(row[name]) == pytest.approx(value, abs=1e-5) for name, value in expected.items())
    true = [solubility(i) + i % 7 / 100 for i in range(60, 72)]
    (name,) = seen[0]
    errors = [abs(float(row[name]) - value) for row, value in zip(told, true, strict=True)]
    assert sum(errors) / 12 == pytest.approx(result["test"]["mae"], rel=1e-4)
