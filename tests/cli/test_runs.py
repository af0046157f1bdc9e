"""Verbs that look at many runs: what they print."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def outputs(few_runs, tmp_path):
    shutil.copytree(few_runs, tmp_path / "outputs/runs")
    return tmp_path / "outputs"


def test_a_line_for_every_run(say, outputs):
    (outputs / "runs/sgd/result.json").write_text('{"status": ')
    answer = say("runs")
    assert (answer.code, answer.err) == (0, "")
    head, *lines, last = answer.out.splitlines()
    first, *more = head.split()
    assert first == "name"
    assert more == "started status task data model optimizer monitor best test epochs seconds note".split()  # noqa: SIM905
    assert last == "4 runs in outputs"
    assert [line.split()[0] for line in lines] == ["runs/adam", "runs/adam-1", "runs/sgd", "runs/diabetes"]
    assert "result.json is damaged" in lines[2]
    assert lines[3].split()[3:9] == ["completed", "regression", "diabetes", "mlp", "adam", "val/loss"]
    assert [line for line in answer.out.splitlines() if line != line.rstrip()] == []


def test_filters_and_order(say, outputs):
    answer = say("runs", "outputs/runs", "data=iris", "status=completed", "--sort", "-val/accuracy")
    head, *lines, last = answer.out.splitlines()
    assert "val/accuracy" in head
    assert last == "3 runs of 4 in outputs/runs"
    column = [float(line.split()[-3]) for line in lines]
    assert column == sorted(column, reverse=True)
    assert say("runs", "model=cnn").out == "0 runs of 4 in outputs\n"
    assert say("runs", "adam-1").out.splitlines()[-1] == "1 run of 4 in outputs"
    assert say("runs", "outputs/runs/sgd").out.splitlines()[-1] == "1 run in outputs/runs/sgd"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["modell=mlp"], "modell=mlp: no run has 'modell'. Did you mean 'model'?"),
        (["--sort", "acuracy"], "--sort acuracy: no run has 'acuracy'."),
        (["--sort"], "a value is expected after it"),
        (["--all"], "--all: not known here"),
        (["--csv", "--json"], "one of them at a time"),
        (["outputs/rnus"], "outputs/rnus: neither a folder nor part of a run's name. Did you mean 'runs'?"),
    ],
    ids=str,
)
def test_mistakes(say, outputs, words, said):
    answer = say("runs", *words)
    assert answer.code == 2
    assert said in answer.err


def test_nothing_there(say, tmp_path):
    assert say("runs").code == 2
    (tmp_path / "empty").mkdir()
    assert "empty: no run lies there" in say("runs", "empty").err


def test_everything_for_other_programs(say, outputs):
    table = list(csv.DictReader(io.StringIO(say("runs", "--csv").out)))
    plain = json.loads(say("runs", "--json").out)
    assert len(table) == len(plain) == 4
    for line, entry in zip(table, plain):
        result = json.loads(Path(entry["folder"], "result.json").read_text())
        assert line["folder"] == entry["folder"]
        assert entry["best"] == result["best_value"] == float(line["best"])
        assert entry["test/loss"] == result["test"]["loss"]
        assert entry["optimizer.lr"] == float(line["optimizer.lr"])


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_it_fits_the_terminal(say, outputs, monkeypatch, width):
    long = outputs / (
        "sweeps/random-optimizer.lr+data.batch_size+regularization-5fb33343/trials/0001-lr_0.1-batch_size_32" + "x" * 60
    )
    shutil.copytree(outputs / "runs/sgd", long)
    (long.parents[1] / "sweep.yaml").touch()
    result = json.loads((outputs / "runs/adam/result.json").read_text())
    failed = {**result, "status": "failed", "cause": "out of memory " * 20}
    (outputs / "runs/adam/result.json").write_text(json.dumps(failed))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    lines = re.sub(r"\x1b\[[\d;]*m", "", say("runs", "val/accuracy>0", "--sort", "seed").out).splitlines()
    assert max(map(len, lines)) <= width
    assert "sweeps/" in "".join(lines) and "…" in "".join(lines)
    assert "val/accuracy" in lines[1] or "val/accuracy" in lines[0]


def test_diff(say, outputs):
    answer = say("diff", "outputs/runs/adam", "outputs/runs/sgd")
    assert (answer.code, answer.err) == (0, "")
    assert ["optimizer", "adam", "sgd"] in [line.split() for line in answer.out.splitlines()]
    assert answer.out.splitlines()[-1] == "The same: code, packages, hardware, data, seeds."
    shutil.copytree(outputs / "runs/adam", outputs / "copy")
    assert say("diff", "outputs/runs/adam", "outputs/copy").out == "Nothing differs.\n"
    (outputs / "copy/manifest.json").unlink()
    said = say("diff", "outputs/runs/adam", "outputs/copy").out.splitlines()
    assert said[-1] == "outputs/copy: says nothing of code, packages, hardware, data"
    assert said[-2] == "outputs/copy: no manifest.json"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "expected the folders of two runs"),
        (["outputs/runs/adam"], "expected the folders of two runs"),
        (["outputs/runs/adam"] * 3, "not expected"),
        (["outputs/runs/adam", "outputs/runs/sdg"], "outputs/runs/sdg: there is no such folder. Did you mean 'sgd'?"),
        (["outputs/runs", "outputs/runs/sgd"], "outputs/runs: holds 4 runs. diff takes two"),
        (["outputs/runs/sgd/checkpoints", "outputs/runs/sgd"], "not the folder of a run"),
    ],
    ids=str,
)
def test_what_diff_refuses(say, outputs, words, said):
    answer = say("diff", *words)
    assert answer.code == 2
    assert said in answer.err


def test_torch_is_not_imported(outputs, tmp_path):
    runs = [f"outputs/runs/{name}" for name in ("adam", "adam-1", "sgd")]
    code = f"""
import sys
from runner.cli.verbs import answer
for words in (["runs"], ["diff", *{runs[:2]}], ["compare", *{runs}]):
    assert answer(words) == 0
assert not {{"torch", "tensorboard", "matplotlib"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_variants_have_a_column_where_there_are_any(say, outputs):
    assert "variant" not in say("runs").out.splitlines()[0].split()
    folder = outputs / "variants" / "small"
    shutil.copytree(outputs / "runs/adam", folder)
    with open(folder / "config.yaml", "a") as file:
        file.write("variant:\n  verb: quantize\n  method: static\n")
    about = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**about, "parent": {"path": "/gone/runs/adam"}}))
    head, *lines, _ = say("runs").out.splitlines()
    place = head.index("variant")
    told = [line[place:].split("  ")[0] for line in lines]
    assert sorted(told) == ["-"] * 4 + ["quantize static"]
    assert say("runs", "variant=quantize static").out.splitlines()[-1] == "1 run of 5 in outputs"
    (row,) = json.loads(say("runs", "parent=adam", "--json").out)
    assert row["variant"] == "quantize static"
