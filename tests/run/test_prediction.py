"""Predicting raw files: what evaluation computes, in every form, and nothing half-written."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from runner.engine.transform import Raw
from runner.run import evaluate_run, load
from runner.run.assembly import evaluation_batches, load_data
from runner.run.prediction import predict
from tests.run.conftest import QUICK, TABLE, lines

WRITE = {"csv": pl.DataFrame.write_csv, "parquet": pl.DataFrame.write_parquet, "jsonl": pl.DataFrame.write_ndjson}


def compared(network, part, *sources):
    """The network's outputs for a part as it is evaluated, and for its raw examples as they are predicted."""
    batches = evaluation_batches(network.recipe, load_data(network.recipe).parts[part], network.device, False)
    evaluated = torch.cat([network.outputs(batch) for batch in batches.in_order()])
    raw = [some for some in network.transform.read(sources, network.batch_size) if isinstance(some, Raw)]
    return evaluated, torch.cat([network.outputs(network.transform.batch(some.examples)) for some in raw])


@pytest.mark.parametrize("form", WRITE)
@pytest.mark.parametrize("part", ["train", "test"])
def test_raw_rows_give_to_the_bit_what_evaluation_computes(go, table, form, part):
    go(*TABLE, "trainer.max_epochs=3", "data.scaling=minmax", "data.indicator=true", "model.norm=batch")
    network = load("run")
    count = network.sizes[part]
    WRITE[form]({"train": table.head, "test": table.tail}[part](count), f"part.{form}")
    evaluated, predicted = compared(network, part, f"part.{form}")
    assert len(evaluated) == count
    assert torch.equal(evaluated, predicted)


def test_the_score_of_the_predictions_is_that_of_evaluate(say, table):
    assert say(*TABLE, "trainer.max_epochs=3", "hydra.run.dir=run").code == 0
    test = table.tail(load("run").sizes["test"])
    test.drop("label", "t").select("colour", "size").write_csv("test.csv")  # in another order, without the answers
    assert say("predict", "run", "test.csv", "--output", "out.jsonl").out == f"{len(test)} predictions: out.jsonl\n"
    rows = lines(Path("out.jsonl"))
    assert [row["input"] for row in rows] == [f"test.csv:{i + 2}" for i in range(len(test))]
    right = [row["prediction"] == label for row, label in zip(rows, test["label"], strict=True)]
    scores = evaluate_run("run", "test", device="cpu")
    assert np.float32(np.mean(right)) == np.float32(scores["accuracy"])
    loss = -np.mean(np.log([row[f"probability_{label}"] for row, label in zip(rows, test["label"], strict=True)]))
    assert loss == pytest.approx(scores["loss"], rel=1e-5)


def test_values_come_out_in_their_unit(say, table):
    overrides = ["data.target=size", "data.exclude=[label]", "data.missing=drop", "trainer.max_epochs=3"]
    assert say(*TABLE, *overrides, "hydra.run.dir=run").code == 0
    test = table.drop_nulls().tail(load("run").sizes["test"])
    test.drop("size").write_csv("test.csv")
    assert say("predict", "run", "test.csv", "--output", "out.csv").code == 0
    errors = pl.read_csv("out.csv")["prediction"] - test["size"]
    assert errors.abs().mean() == pytest.approx(evaluate_run("run", "test")["mae"], rel=1e-6)


@pytest.mark.parametrize("memory", ["true", "false"])
def test_pictures_give_to_the_bit_what_evaluation_computes(go, photos, memory):
    overrides = ["data=image_folder", "data.root=photos", "data.image_size=8", f"data.in_memory={memory}"]
    go(*QUICK, *overrides, "data.batch_size=3", "trainer.max_epochs=2")
    network = load("run")
    evaluated, predicted = compared(network, "test", "photos/test")
    assert len(evaluated) == 14
    assert torch.equal(evaluated, predicted)
    predict(network, ["photos/test"], "out.csv", batch_size=network.batch_size)
    out = pl.read_csv("out.csv")
    assert out["input"].to_list() == sorted(map(str, Path("photos/test").rglob("*.png")))
    right = out["prediction"] == pl.Series([Path(place).parent.name for place in out["input"]])
    assert np.float32(right.mean()) == np.float32(evaluate_run("run", "test")["accuracy"])


def test_other_pictures_are_brought_to_those_of_the_training_and_it_is_said_once(say, tmp_path):
    assert say(*QUICK, "trainer.max_epochs=1", "trainer.limit_batches=2", "hydra.run.dir=run").code == 0  # 8 x 8, grey
    for i in range(3):
        Image.new("RGB", (40 + i, 30), (250, 250, 250)).save(f"{i}.png")
    Image.new("L", (8, 8)).save("like.png")
    like = say("predict", "run", "like.png")
    assert (like.code, like.err) == (0, "")
    other = say("predict", "run", "0.png", "1.png", "2.png", "--batch-size", "1")
    assert (other.code, len(other.out.splitlines())) == (0, 4)
    assert sorted(other.err.splitlines()) == [
        "colour images: turned to grey, as the network was trained with",
        "images of other than 8 x 8 pixels: resized to cover them, then cut",
    ]


def test_a_word_that_training_had_not_is_said_once_whatever_the_words(say, table):
    assert say(*TABLE, "trainer.max_epochs=1", "hydra.run.dir=run").code == 0
    Path("new.csv").write_text("size,colour\n" + "".join(f"1,word{i}\n" for i in range(10)))
    answer = say("predict", "run", "new.csv", "--batch-size", "2")
    assert answer.err == "a 'colour' not seen in training (such as 'word0'): zero in all its features\n"
    assert len(answer.out.splitlines()) == 11


def test_bad_rows_stop_the_command_or_are_left_out(say, table):
    assert say(*TABLE, "trainer.max_epochs=1", "hydra.run.dir=run").code == 0
    Path("bad.csv").write_text("size,colour\n1,red\nx,red\n2,blue,3\n1e300,red\n3,green\n")
    stopped = say("predict", "run", "bad.csv", "--output", "out.csv")
    assert stopped.code == 1
    assert stopped.err.startswith("error: bad.csv:3: column 'size': 'x' is no finite number.")
    assert "--on-error skip" in stopped.err
    assert not list(Path().glob("*out.csv*")) and not list(Path().glob(".*out.csv*"))
    skipped = say("predict", "run", "bad.csv", "--output", "out.csv", "--on-error", "skip")
    assert skipped.code == 0
    assert [line.split(" left out: ")[0] for line in skipped.err.splitlines()[:3]] == [
        "bad.csv:3",
        "bad.csv:4",
        "bad.csv:5",  # a number, but the network gives none for it
    ]
    assert skipped.err.splitlines()[3] == "3 examples left out"
    assert pl.read_csv("out.csv")["input"].to_list() == ["bad.csv:2", "bad.csv:6"]


def test_several_files_and_the_standard_input(say, table, monkeypatch):
    assert say(*TABLE, "trainer.max_epochs=1", "hydra.run.dir=run").code == 0
    table.head(2).write_csv("a.csv")
    table.head(1).write_ndjson("b.jsonl")

    def piped(content, *words):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))
        return say("predict", "run", *words)

    for content in (Path("a.csv").read_bytes(), table.head(2).write_ndjson().encode()):
        answer = piped(content, "-", "b.jsonl", "--format", "jsonl")
        first = 1 if content[:1] == b"{" else 2
        places = [json.loads(line)["input"] for line in answer.out.splitlines()]
        assert places == [f"-:{first}", f"-:{first + 1}", "b.jsonl:1"]
    assert piped(b"", "-").code == 2
    monkeypatch.setattr(sys, "stdin", None)
    assert "standard input is closed" in say("predict", "run", "-").err


HOSTILE = [
    ("", 2, "expected the folder of a run and something to predict"),
    ("run", 2, "expected the folder of a run and something to predict"),
    ("nowhere table.csv", 2, "nowhere: does not exist"),
    ("LONG table.csv", 2, "does not exist"),
    ("table.csv table.csv", 1, "can't be read as a checkpoint"),
    ("folder table.csv", 2, "is not a run folder"),
    ("run tabel.csv", 2, "Did you mean 'table.csv'?"),
    ("run LONG", 2, "there is no such file or folder"),
    ("run ''", 2, "there is no such file or folder"),
    ("run table.csv nowhere.csv", 2, "nowhere.csv: there is no such file"),  # before the first is read
    ("run table.csv photo.png", 2, "photo.png: expected a table"),
    ("run empty.csv", 2, "names 0 column(s)"),
    ("run header.csv", 0, "There was no example to predict."),
    ("run empty.jsonl", 0, "There was no example to predict."),
    ("run missing.csv", 1, "missing.csv: there is no column 'colour'"),
    ("run latin.csv --on-error skip", 1, "not in UTF-8"),
    ("run bytes.csv", 2, "bytes.csv"),
    ("run bytes.parquet", 1, "no parquet file"),
    ("run bytes.jsonl", 1, "bytes.jsonl"),
    ("run folder", 2, "folder: is a folder. Expected a table"),
    ("run photo.png", 2, "photo.png: expected a table"),
    ("run table.csv --output nowhere/out.csv", 2, "there is no folder nowhere"),
    ("run table.csv --output out.xlsx", 2, "ends in .csv or .jsonl"),
    ("run table.csv --output ''", 2, "ends in .csv or .jsonl"),
    ("run table.csv --output folder.csv", 2, "--output folder.csv: is a folder"),
    ("run table.csv --output table.csv/out.csv", 2, "there is no folder table.csv"),
    ("run table.csv --output /proc/out.csv", 2, "--output /proc/out.csv: can't be written to"),
    ("run table.csv --output table.csv", 2, "would replace what is to be predicted"),
    ("run header.csv table.csv --output ./folder/../table.csv", 2, "would replace what is to be predicted"),
    ("run table.csv --output link.csv", 2, "would replace what is to be predicted"),
    ("run table.csv --output", 2, "--output: a value is expected"),
    ("run table.csv --batch-size 0", 2, "--batch-size 0: expected a whole number of at least 1"),
    ("run table.csv --batch-size -1", 2, "--batch-size -1: expected"),
    ("run table.csv --batch-size 1.5", 2, "--batch-size 1.5: expected"),
    ("run table.csv --format xml", 2, "--format xml: expected csv or jsonl"),
    ("run table.csv --format json", 2, "Did you mean 'jsonl'?"),
    ("run table.csv --on-error ignore", 2, "--on-error ignore: expected stop or skip"),
    ("run table.csv --device gpu", 2, "not a device"),
    ("run table.csv --checkpoint bst", 2, "one of this run's: best, last"),
    ("run table.csv --checkpoint table.csv", 2, "one of this run's: best, last"),
    ("run table.csv --checkpoint ./nowhere.pt", 2, "there is no nowhere.pt"),
    ("run table.csv --chekpoint best", 2, "--chekpoint: not known here"),
    ("run table.csv optimizer.lr=3", 2, "predict takes the run as it was"),
    ("run table.csv trusted_targets=[a", 2, "is not an override"),
]


def test_nothing_that_can_be_typed_ends_in_a_traceback(say, table):
    import shlex

    assert say(*TABLE, "trainer.max_epochs=1", "hydra.run.dir=run").code == 0
    Path("empty.csv").touch()
    Path("empty.jsonl").touch()
    Path("header.csv").write_text("size,colour\n")
    Path("missing.csv").write_text("size,color\n1,red\n")
    Path("latin.csv").write_bytes("size,colour\n1,gr\xfcn\n".encode("latin1"))
    for name in ("csv", "parquet", "jsonl"):
        Path(f"bytes.{name}").write_bytes(bytes(range(256)) * 4)
    Path("folder").mkdir()
    Path("folder.csv").mkdir()
    Path("link.csv").symlink_to("table.csv")
    Image.new("L", (8, 8)).save("photo.png")
    before, kept = sorted(os.listdir()), Path("table.csv").read_bytes()
    for words, code, said in HOSTILE:
        answer = say("predict", *(("x" * 300) if word == "LONG" else word for word in shlex.split(words)))
        assert answer.code == code and said in answer.err and not answer.out, (words, answer)
        assert answer.err.startswith("error: ") or code == 0
        assert answer.err.count("\n") == 1, words
    assert (sorted(os.listdir()), Path("table.csv").read_bytes()) == (before, kept)


def test_a_table_is_no_picture(say, photos):
    words = [*QUICK, "data=image_folder", "data.root=photos", "data.image_size=8", "trainer.max_epochs=1"]
    assert say(*words, "hydra.run.dir=run").code == 0
    Path("table.csv").write_text("a,b\n1,2\n")
    answer = say("predict", "run", "table.csv")
    assert answer.code == 1 and "table.csv: can't be read as an image" in answer.err
    assert say("predict", "run", "photos/train", "table.csv", "--on-error", "skip").code == 0
    (photos / "none").mkdir()
    assert say("predict", "run", "photos/none").err == "There was no example to predict.\n"
    odd = photos / os.fsdecode(b"caf\xe9.png")
    Image.new("RGB", (8, 8)).save(odd)
    assert say("predict", "run", str(odd), "--output", "out.csv").code == 0
    assert pl.read_csv("out.csv")["input"].to_list() == [f"{photos}/caf?.png"]


def test_what_can_not_be_replaced_is_written_to(say, table):
    """As the superuser, renaming a file to /dev/null would take the device away from the machine."""
    assert say(*TABLE, "trainer.max_epochs=1", "hydra.run.dir=run").code == 0
    os.mkfifo("pipe.csv")
    reader = os.open("pipe.csv", os.O_RDONLY | os.O_NONBLOCK)
    assert say("predict", "run", "table.csv", "--output", "pipe.csv").code == 0
    assert os.read(reader, 100).startswith(b"input,prediction,probability_no")
    os.close(reader)
    assert Path("pipe.csv").is_fifo()
    Path("real.csv").touch()
    Path("link.csv").symlink_to("real.csv")
    assert say("predict", "run", "table.csv", "--output", "link.csv").code == 0
    assert Path("link.csv").is_symlink() and len(pl.read_csv("real.csv")) == 120


@pytest.mark.slow
def test_interrupted_it_leaves_nothing(say, start, table):
    assert say(*TABLE, "trainer.max_epochs=1", "hydra.run.dir=run").code == 0
    os.mkfifo("slow.csv")  # a file that never ends
    process = start("predict", "run", "slow.csv", "--output", "out.csv")
    with open("slow.csv", "w") as file:
        file.write("size,colour\n")
        file.flush()
        deadline = time.monotonic() + 60
        while not list(Path().glob(".out.csv.*")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert list(Path().glob(".out.csv.*"))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "Stopped at once; what was saved before stays.\n")
    assert not list(Path().glob("*out.csv*")) and not list(Path().glob(".out.csv*"))


@pytest.mark.slow
def test_a_reader_that_has_seen_enough(say, start, table):
    assert say(*TABLE, "trainer.max_epochs=1", "hydra.run.dir=run").code == 0
    process = start("predict", "run", *["table.csv"] * 200)
    assert process.stdout.readline().startswith("input,")
    process.stdout.close()
    assert (process.wait(timeout=60), process.stderr.read()) == (0, "")
    process.stderr.close()


PEAK = """
import resource, sys
from runner.cli.verbs import answer
code = answer(["predict", "run", "-", "--batch-size", "8192"])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(say, table):
    assert say(*TABLE, "trainer.max_epochs=1", "data.exclude=[colour]", "hydra.run.dir=run").code == 0
    ballast = b"0.25," + b"x" * 494 + b"\n"  # long lines: what is held of a file shows, and predicting takes no time

    def peak(megabytes):
        process = subprocess.Popen(
            [sys.executable, "-c", PEAK], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        process.stdin.write(b"size,more\n")
        for _ in range(megabytes):
            process.stdin.write(ballast * 2000)
        _, said = process.communicate()
        assert process.returncode == 0
        return int(said.split()[-1]) / 1024

    short, long = peak(35), peak(135)
    assert long < short + 50
