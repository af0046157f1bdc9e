"""Every file of a run folder that something reads: empty, torn, of wrong types, a folder, a link in a circle, gone."""

import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest
import torch

from runner.engine import checkpoint
from runner.engine.checkpoint import Damaged, load, load_last
from runner.engine.progress import Progress
from runner.record.folder import RunFolder
from runner.run import compose, resume, run
from tests.run.conftest import TABLE, write_table
from tests.test_run import rows


def emptied(path):
    path.write_bytes(b"")


def torn(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 - 1] if path.is_file() else b'{"a')


def binary(path):
    path.write_bytes(bytes(range(256)) * 4)


def wrong(path):
    path.write_text("[1, 2]\n")


def folder(path):
    path.unlink(missing_ok=True)
    path.mkdir()
    (path / "mine").touch()


def circle(path):
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


def pipe(path):
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def device(path):
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/null")


def gone(path):
    path.unlink(missing_ok=True)


SLOW = (emptied, binary, wrong, folder, circle, gone, pipe)
DAMAGES = (torn, *(pytest.param(d, marks=pytest.mark.slow) for d in SLOW))
NO_FILE = (folder, circle, pipe)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of three epochs, once."""
    base, before = tmp_path_factory.mktemp("trained"), os.getcwd()
    os.chdir(base)
    write_table()
    overrides = [*TABLE, "trainer.max_epochs=2", "scheduler=constant"]
    run(compose(overrides), Path("run"), overrides=overrides)
    resume("run", ["trainer.max_epochs=3"])
    assert Path("run/checkpoints/last.pt.previous").exists()
    os.chdir(before)
    return base


@pytest.fixture
def copy(trained, tmp_path, monkeypatch):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


RECOVERED = ["manifest.json", "result.json", "stop.json", "config.yaml", "run.log", "metrics.jsonl"]
RECOVERED += ["checkpoints/last.pt", "checkpoints/last.pt.sha256", "checkpoints/best.pt.sha256", "run.lock"]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", RECOVERED)
def test_a_resume_takes_what_is_whole_and_keeps_the_rest(copy, say, name, damage):
    before = rows("run")
    damage(Path("run", name))
    kept = Path("run", name).read_bytes() if Path("run", name).is_file() else None
    answer = say("resume", "run", "trainer.max_epochs=4")
    if name == "run.lock" and damage in NO_FILE:
        assert (answer.code, answer.err.startswith("error: run/run.lock: can't be written to")) == (2, True)
        return
    if name.endswith(".sha256") and damage in NO_FILE:
        assert answer.code in (0, 1) and "Traceback" not in answer.err
        return
    assert answer.code == 0, answer.err
    assert json.loads(Path("run/manifest.json").read_text())["status"] == "completed"
    after = rows("run")
    if name != "metrics.jsonl":
        assert [row["epoch"] for row in after] == [1, 2, 3, 4]
        assert {k: v for k, v in after[0].items() if k != "time"} == {k: v for k, v in before[0].items() if k != "time"}
    if damage is not gone and name in ("manifest.json", "config.yaml") and (name, damage) != ("config.yaml", torn):
        aside = Path(f"run/{name}.damaged")
        assert f"kept as {aside.name}." in answer.out
        assert (aside.read_bytes() if kept is not None else None) == kept
        assert damage is not folder or (aside / "mine").exists()
    assert damage is not torn or say("evaluate", "run").code == 0


def test_a_line_in_the_middle_costs_that_line_only(copy, say):
    lines = Path("run/metrics.jsonl").read_bytes().splitlines(keepends=True)
    for bad in (b'{"epoch": 2, "st\n', b"\xff\xfe\n", b"[1]\n", b'{"epoch": "two", "step": 1}\n', b"\0" * 80 + b"\n"):
        text = lines[0] + bad + lines[2]
        Path("run/metrics.jsonl").write_bytes(text)
        assert [row["epoch"] for row in RunFolder("run").read_metrics()] == [1, 3]
    answer = say("resume", "run", "trainer.max_epochs=4")
    assert answer.code == 0
    assert (
        "run/metrics.jsonl: damaged in line 2; all others are taken. It is kept as metrics.jsonl.damaged." in answer.out
    )
    assert Path("run/metrics.jsonl.damaged").read_bytes() == text
    assert [row["epoch"] for row in rows("run")] == [1, 3, 4]


def test_where_no_state_is_whole_the_run_starts_over_and_all_is_kept(copy, say):
    for name in ("last.pt", "last.pt.previous"):
        torn(Path("run/checkpoints", name))
    before = Path("run/metrics.jsonl").read_bytes()
    answer = say("resume", "run", "trainer.max_epochs=4")
    assert answer.code == 0
    assert "run/checkpoints: no state is left to go on from, and the run starts over." in answer.out
    assert Path("run/metrics.jsonl.damaged").read_bytes() == before
    assert Path("run/checkpoints.damaged/best.pt").exists()
    assert [row["epoch"] for row in rows("run")] == [1, 2, 3, 4]


def test_or_goes_on_from_one_that_was_kept(copy, say):
    for name in ("last.pt", "last.pt.previous"):
        shutil.copy(f"run/checkpoints/{name}", "run/checkpoints/epoch-0002.pt")
        torn(Path("run/checkpoints", name))
    answer = say("resume", "run", "trainer.max_epochs=4")
    assert (answer.code, "--from epoch-0002" in answer.err) == (2, True)
    assert say("resume", "run", "trainer.max_epochs=4", "--from", "epoch-0002").code == 0


def test_the_state_of_another_run_is_refused(copy, say):
    last = Path("run/checkpoints/last.pt")
    saved = checkpoint.load(last)
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file() and path.name != "run.lock"}
    checkpoint.save(last, saved | {"config": saved["config"] | {"seed": 7}})
    answer = say("resume", "run", "trainer.max_epochs=4")
    assert answer.code == 2
    assert answer.err.startswith(
        "error: run/checkpoints/last.pt: is of another run, with seed=7, where config.yaml says 0."
    )
    checkpoint.save(last, saved)
    assert before.keys() == {p for p in Path("run").rglob("*") if p.is_file() and p.name != "run.lock"}
    assert say("resume", "run", "trainer.max_epochs=4").code == 0


def test_the_best_weights_of_an_older_state_are_there(copy, say):
    """As after a kill between ``best.pt`` and ``last.pt``, where the best epoch is one that the state knows not."""
    states = Path("run/checkpoints")
    epoch = checkpoint.load(states / "last.pt")["monitor"]["best_epoch"]
    assert checkpoint.load(states / "best.pt")["position"]["epoch"] > epoch
    assert checkpoint.load(states / "best.pt.previous")["position"]["epoch"] == epoch
    answer = say("resume", "run", "trainer.max_epochs=4")
    assert (answer.code, "are lost" in answer.out + answer.err) == (0, False)
    answer = say("resume", "run", "trainer.max_epochs=5")
    assert (answer.code, "are lost" in answer.out + answer.err) == (0, False)


def test_without_a_manifest_no_other_option_is_composed(copy, say):
    torn(Path("run/manifest.json"))
    answer = say("rerun", "run", "optimizer=sgd")
    assert (answer.code, answer.err.startswith("error: run/manifest.json: damaged or gone")) == (2, True)
    assert say("rerun", "run", "trainer.max_epochs=1").code == 0


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["best.pt", "last.pt"])
def test_a_checkpoint_that_is_asked_for_is_named(copy, say, name, damage):
    damage(Path("run/checkpoints", name))
    for words in (["evaluate", "run"], ["predict", "run", "table.csv"]):
        answer = say(*words, "--checkpoint", Path(name).stem)
        assert answer.code in (1, 2)
        assert name in answer.err and answer.err.count("\n") == 1


def test_touching_stop_json_is_enough(go, table):
    class Ask(Progress):
        def epoch(self, fit, row):
            Path("run/stop.json").touch()

    result = go(*TABLE, "trainer.max_epochs=9", progress=Ask())
    assert (result["status"], result["cause"], result["epochs"]) == ("pruned", "asked to stop", 1)
    assert resume("run")["epochs"] == 9


VERBS = [["resume", "run", "trainer.max_epochs=4"], ["evaluate", "run"], ["rerun", "run", "trainer.max_epochs=1"]]
VERBS += [["runs", "run"], ["advise", "run"], ["diff", "run", "run"], ["watch", "run", "--once"]]


@pytest.mark.parametrize("name", [name for name in RECOVERED if name != "run.lock"] + ["checkpoints/best.pt"])
def test_nobody_waits_for_the_end_of_a_pipe(copy, say, name):
    pipe(Path("run", name))
    for words in VERBS[1:] if name.startswith("checkpoints") else VERBS[3:]:
        answer = say(*words)
        assert answer.code in (0, 1, 2)
        assert answer.err.count("\n") <= 1, answer.err


def test_a_device_is_no_checkpoint(copy, say):
    path = Path("run/checkpoints/best.pt")
    device(path)
    with pytest.raises(Damaged, match=r"best\.pt: can't be read \(is a device, not a file\)"):
        load(path)
    answer = say("evaluate", "run")
    assert (answer.code, "best.pt" in answer.err) == (2, True)


PARTS = ["model", "optimizer", "loss", "scaler", "schedule", "techniques", "meter", "monitor", "position", "config"]
PARTS += ["spec", "data"]


def changed(name, change):
    """Change what a checkpoint holds, as somebody would who wants it to look whole: its checksum is gone."""
    path = Path("run/checkpoints", name)
    saved = torch.load(path, weights_only=True)
    change(saved)
    torch.save(saved, path)
    path.with_name(f"{name}.sha256").unlink()


@pytest.mark.parametrize("part", PARTS)
def test_a_state_that_lacks_a_part_is_not_gone_on_from(copy, part, caplog):
    for content in ("gone", 5, [1]):
        changed("last.pt", lambda saved: saved.pop(part) if content == "gone" else saved.update({part: content}))  # noqa: B023
        assert load_last(Path("run/checkpoints"))["position"]["step"] > 0
        assert "Continuing from the one before" in caplog.text
        assert part in caplog.text
        caplog.clear()
        shutil.copy("run/checkpoints/last.pt.previous", "run/checkpoints/last.pt")
        shutil.copy("run/checkpoints/last.pt.previous.sha256", "run/checkpoints/last.pt.sha256")


INNER = {
    "meter": {"loss_sum": "x"},
    "monitor": {"best": [], "best_epoch": "x"},
    "optimizer": {"state": 5, "param_groups": 5},
    "position": {"step": "x"},
    "model": {"linear1.weight": 5},
}


@pytest.mark.parametrize("part", INNER)
def test_what_is_damaged_inside_of_a_part_is_named_with_what_is_left(copy, say, part):
    changed("last.pt", lambda saved: saved[part].update(INNER[part]))
    Path("run/checkpoints/last.pt.previous").unlink()
    shutil.copy("run/checkpoints/best.pt", "run/checkpoints/epoch-0001.pt")
    answer = say("resume", "run", "trainer.max_epochs=4")
    assert answer.code in (1, 2)
    assert answer.err.count("\n") == 1
    assert "epoch-0001" in answer.err or part == "model"
    assert part in answer.err or "another network" in answer.err or "damaged or gone" in answer.err


def test_a_checkpoint_that_would_unpack_to_far_more_is_not_unpacked(copy):
    path = Path("run/checkpoints/best.pt")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(1 << 24))
    Path("run/checkpoints/best.pt.sha256").unlink()
    with pytest.raises(Damaged, match="would unpack to"):
        load(path)
