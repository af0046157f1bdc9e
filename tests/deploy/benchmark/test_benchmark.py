"""The whole verb, on small networks."""

import csv
import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch

from runner.cli.verbs import answer
from runner.deploy.benchmark.given import opened
from runner.deploy.benchmark.measure import Settings, measure
from runner.engine import checkpoint

QUICK = ("--repetitions", "6", "--batch-sizes", "1,4")
WINE = ("data=wine", "trainer.max_epochs=2", "model.hidden=[6]")


def children():
    """Processes that this one started and that are still there."""
    found = []
    for task in Path("/proc/self/task").glob("*/children"):
        found += map(int, task.read_text().split())
    return [pid for pid in found if b"benchmark.child" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.fixture
def pair(trained, tmp_path, monkeypatch):
    """A network, and the same with zeros in its last weights and other scores."""
    monkeypatch.chdir(tmp_path)
    first = trained(*WINE)
    other = tmp_path / "moved" / "other"
    shutil.copytree(first, other)
    path = other / "checkpoints" / "best.pt"
    saved = checkpoint.load(path)
    name = [n for n, t in saved["model"].items() if t.dim() == 2][-1]
    saved["model"][name] = torch.zeros_like(saved["model"][name])
    checkpoint.save(path, saved)
    os.utime(path)  # newer than result.json
    return first, other, saved["model"][name].numel()


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is told by Linux alone")
def test_two_networks_beside_each_other(pair, tmp_path, capsys, monkeypatch):
    first, other, zeros = pair
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    words = ["benchmark", os.path.relpath(first), str(other), *QUICK, "--threads", "2", "--csv", "out.csv", "--json"]
    assert answer(words) == 0
    told = json.loads(capsys.readouterr().out)
    one, two = told["networks"]
    assert [one["name"], two["name"]] == ["mlp 1", "mlp 2"]
    assert one["zeros"] == 0 and two["zeros"] == zeros
    assert one["flops"] == two["flops"] == 2 * (13 * 6 + 6 * 3)
    assert one["parameters"] == json.loads((first / "result.json").read_text())["parameters"]
    assert one["bytes"] == (first / "checkpoints/best.pt").stat().st_size
    assert (one["scored"], two["scored"]) == ("result.json", "evaluated")
    assert one["scores"] == json.loads((first / "result.json").read_text())["test"]
    assert two["scores"]["accuracy"] != one["scores"]["accuracy"]
    assert one["latency"][0]["ratio"] is None and two["latency"][0]["ratio"]["low"] is not None
    assert [entry["size"] for entry in one["latency"]] == [1, 4]
    assert all(len(entry["rounds"]) == 6 and entry["calls"] >= 30 for entry in one["latency"])
    assert 0 < one["memory"] < 1 << 30
    rows = list(csv.DictReader(Path("out.csv").read_text().splitlines()))
    assert float(rows[1]["median_4"]) == pytest.approx(two["latency"][1]["median"])
    assert rows[0]["ratio_1"] == "" and rows[1]["ratio_1"] != ""
    assert children() == []
    assert list(Path().iterdir()) == [Path("out.csv")]


def test_one_that_dies_is_a_row_with_its_cause(pair, capsys):
    first, other, _ = pair
    paths = (first / "checkpoints/best.pt", other / "checkpoints/best.pt")
    given = [opened(name, path) for name, path in zip("ab", paths)]

    def hear(what, done, of):
        if what == "rounds" and done == 2:
            os.kill(max(children()), signal.SIGKILL)

    rows = measure(given, Settings(sizes=(1,), rounds=6, speed_only=True), hear)
    assert [row.cause for row in rows] == [
        None, "its process was ended by SIGKILL, as the system does where memory is short",
    ]  # fmt: skip
    assert len(rows[0].latency[1].rounds) == 6 and not rows[1].latency
    assert children() == []


def test_threads_are_set_in_torch_and_in_the_runtime(trained, monkeypatch):
    from runner.deploy.benchmark.child import Asked

    before = torch.get_num_threads()
    own = Asked()
    try:
        given = opened("a", trained(*WINE) / "checkpoints/best.pt")
        assert given.bytes == given.path.stat().st_size
        from runner.deploy.benchmark import examples
        from runner.deploy.benchmark.given import Parts

        file = given.path.parent.parent / "examples.pt"
        examples.write(file, Parts(()).of(given).parts["test"], (1, 500))
        assert {size: [len(b.inputs) for b in batches] for size, batches in examples.read(file, "cpu").items()} == {
            1: [1] * 16, 500: [500],
        }  # fmt: skip
        said = own.load(str(given.path), None, str(file), [1, 500], 3, "cpu", None)
        assert said["threads"] == torch.get_num_threads() == 3
        assert len(own.time(500, 4)["nanoseconds"]) == 4
    finally:
        torch.set_num_threads(before)


@pytest.mark.long
def test_an_exported_file_and_a_foreign_one(trained, tmp_path, monkeypatch, capsys):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip install 'runner[deploy]')")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed (pip install 'runner[deploy]')")
    monkeypatch.chdir(tmp_path)
    parent = trained(*WINE)
    assert answer(["export", str(parent), "--format", "onnx", "--dynamic-batch"]) == 0
    (folder,) = Path("outputs/variants").iterdir()
    foreign = shutil.copytree(parent, "run") + "/foreign.onnx"  # which is not what that run trained
    shutil.copy(folder / "model.onnx", foreign)
    capsys.readouterr()
    words = [
        "benchmark",
        str(parent),
        str(folder / "model.onnx"),
        foreign,
        "--repetitions",
        "1",
        "--batch-sizes",
        "2",
    ]
    assert answer(words) == 0
    shown = capsys.readouterr().out
    assert "mlp (export onnx fp32" in shown and "* of the network that it was made of" in shown
    assert "foreign.onnx: nothing is known of its data; it was timed with drawn numbers, not scored." in shown
    given = opened("x", folder / "checkpoints/best.pt")
    assert given.bytes == (folder / "model.onnx").stat().st_size and given.parent.samefile(
        parent / "checkpoints/best.pt"
    )
    from runner.deploy.benchmark.foreign import Foreign

    assert Foreign(Path(foreign), 3).session.get_session_options().intra_op_num_threads == 3


def test_mistakes(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    wine, iris = (str(trained(*words)) for words in (WINE, ("data=iris", "trainer.max_epochs=1")))
    (tmp_path / "notes.txt").write_text("")
    for words, said in (
        ([], "expected the folders of runs, or files"),
        ([wine, iris], "are of different data: their scores can't be compared. Name those of one run"),
        ([wine, "--batch-sizes", "0"], "--batch-sizes 0: expected a whole number of at least 1"),
        ([wine, "--batch-sizes", "1,x"], "--batch-sizes x: expected a whole number"),
        ([wine, "--split", "tset"], "--split tset: the data of"),
        ([wine, "--device", "tpu"], "trainer.device=tpu"),
        ([wine, "--fast"], "--fast: not known here"),
        (["notes.txt"], "notes.txt: expected the folder of a run, a checkpoint (.pt) or an ONNX file (.onnx)."),
        (["nowhere"], "nowhere: there is no such folder"),
        ([wine, "--csv", "no/where.csv"], "--csv no/where.csv: there is no such folder"),
        ([wine, "optimizer.lr=1"], "optimizer.lr=1: benchmark takes the run as it was"),
    ):  # fmt: skip
        assert answer(["benchmark", *words]) == 2, words
        assert said in capsys.readouterr().err
    assert children() == []
