"""Folders of variants, and what damaged ones are told apart by."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from runner.cli.verbs import answer
from runner.deploy import variant
from runner.engine import checkpoint
from runner.errors import RunFailed, RunnerError
from runner.model.changes import changed, changes_in
from runner.model.exported import Exported, open_exported
from runner.model.exported.network import ExportedNetwork
from runner.record.lock import Lock

WINE = ("data=wine", "trainer.max_epochs=2")


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt("SIGINT"), 130), (RunFailed("It can't be run."), 1)])
def test_what_ends_early_leaves_nothing(error, status, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    parent = trained(*WINE)
    before = content(parent)
    (tmp_path / "outputs").mkdir()
    locked = []

    def judging(*_):
        (folder,) = (tmp_path / "outputs/variants").iterdir()
        locked.append(Lock(folder / "run.lock").held)
        raise error

    monkeypatch.setattr(variant, "_judged", judging)
    assert answer(["quantize", str(parent), "--method", "bf16"]) == status
    assert locked == [True]  # so that `runs` tells that it is under way
    assert list((tmp_path / "outputs").iterdir()) == []
    assert content(parent) == before


def test_settings_that_are_paths_are_no_folders(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    parent = trained(*WINE)
    words = ["prune", str(parent), "--method", "magnitude", "--amount", "0.5"]
    for file in ("best.pt", "best.pt.sha256"):
        Path("kept").mkdir(exist_ok=True)
        shutil.copy(parent / "checkpoints" / file, f"kept/{file}")
    assert answer([*words, "--rewind", "kept/best.pt"]) == 0
    (folder,) = (tmp_path / "outputs/variants").iterdir()
    assert folder.name.endswith("0.5-kept_best.pt")


def test_changed_data_are_refused_without_a_flag_that_is_none_of_these_verbs(trained, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(trained(*WINE), tmp_path / "run")
    path = folder / "checkpoints/best.pt"
    saved = checkpoint.load(path)
    checkpoint.save(path, {**saved, "data": {**saved["data"], "fingerprint": "0" * 64}})
    path.touch()  # its scores may be of other weights
    monkeypatch.chdir(tmp_path)
    for words in (["quantize", "run", "--method", "fp16"], ["benchmark", "run"], ["evaluate", "run"]):
        assert answer(words) == 2
        said = capsys.readouterr().err
        assert "data have changed" in said
        assert ("--allow-changed-data" in said) == (words[0] == "evaluate")
    assert not Path("outputs").exists()


def test_the_folder_that_one_is_in_is_a_parent_too(trained, tmp_path, monkeypatch, capsys):
    parent = shutil.copytree(trained(*WINE), tmp_path / "run")
    monkeypatch.chdir(parent)
    assert answer(["prune", ".", "--method", "magnitude", "--amount", "0.5"]) == 0
    assert answer(["prune", ".", "--method", "gradual", "--amount", "0.5", "--epochs", "1"]) == 0
    cut, tuned = sorted((parent / "outputs/variants").iterdir(), key=lambda folder: folder.name.endswith("tuned"))
    assert json.loads((cut / "manifest.json").read_text())["parent"]["path"] == str(parent)
    assert (tuned / "result.json").exists()


@pytest.mark.parametrize("name", ["config", "spec", "transform", "data", "model"])
def test_a_checkpoint_in_which_something_is_missing_is_damaged(name, trained, tmp_path, capsys):
    folder = shutil.copytree(trained(*WINE), tmp_path / "run")
    path = folder / "checkpoints/best.pt"
    saved = checkpoint.load(path)
    for content in ({key: value for key, value in saved.items() if key != name}, {**saved, name: 3}):
        checkpoint.save(path, content)
        for words in (
            ["export", str(folder), "--format", "program"],
            ["evaluate", str(folder)],
            ["benchmark", str(folder)],
        ):
            assert answer(words) == 1
            assert f"damaged, what it says of {name}" in capsys.readouterr().err


class Squeezed(ExportedNetwork):
    """Leaves out dimensions of 1."""

    def run(self, given):
        return given[0].squeeze()


def test_outputs_of_another_shape_are_not_spread_over_the_others(tmp_path):
    network = Squeezed(tmp_path, Exported("onnx", "x", "", ("inputs",), batch=1))
    for shape in ((2, 3), (2, 1)):
        with pytest.raises(RunFailed, match=r"for a batch of 1"):
            network(torch.ones(shape))
    network = Squeezed(tmp_path, Exported("onnx", "x", "", ("inputs",)))
    assert network(torch.ones(2, 3)).shape == (2, 3)
    with pytest.raises(RunFailed, match=r"\(3,\) for a batch of 1"):
        network(torch.ones(1, 3))


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "network"},
        {"format": ["onnx"]},
        {"file": "../../etc/passwd"},
        {"file": ".."},
        {"file": 3},
        {"file": "a\0"},
        {"inputs": None},
        {"inputs": "inputs"},
        {"inputs": []},
        {"inputs": ["inputs", 3]},
        {"batch": 0},
        {"batch": "many"},
        {"provider": "tpu"},
        {"context": 0},
        {"context": "long"},
        {"with_past": "../model.onnx"},
        {"with_past": None},
        {"sha256": 3},
        {"further": 1},
    ],
)
def test_a_checkpoint_that_says_nonsense_of_its_file_is_refused(wrong, tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"x")
    known = Exported("onnx", "model.onnx", hashlib.sha256(b"x").hexdigest(), ("inputs",)).plain()
    with pytest.raises(RunFailed, match=r"which file was exported|checksum"):
        open_exported({**known, **wrong}, tmp_path)
    for entry in ("exported", 3, [], ["format"], {key: known[key] for key in ("format", "file")}):
        with pytest.raises(RunFailed, match="which file was exported"):
            open_exported(entry, tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        3,
        "half",
        [3],
        [{}],
        [{"change": "../../etc/passwd"}],
        [{"change": "half", "format": "fp4"}],
        [{"change": "half", "format": ["fp16"]}],
        [{"change": "low_rank", "ranks": {"0": 10**9}}],
        [{"change": "low_rank", "ranks": {"0": 0}}],
        [{"change": "low_rank", "ranks": {"0": "1"}}],
        [{"change": "low_rank", "ranks": ["0"]}],
        [{"change": "resized", "sizes": {"0.weight": {0: (3, 10**9)}}, "attributes": {}}],
        [{"change": "resized", "sizes": {"0.weight": 3}, "attributes": {}}],
        [{"change": "resized", "sizes": {}, "attributes": {"0": 3}}],
    ],
)
def test_a_checkpoint_that_says_nonsense_of_changes_is_refused(wrong):
    with pytest.raises(RunnerError):
        changed(nn.Sequential(nn.Linear(4, 3)), changes_in({"changes": wrong}, "x.pt"))
