"""Networks that are pruned and fine-tuned from the command line, and weights taken back to an earlier state."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torchs

from runner.cli.verbs import answer
from runner.compression.masks.weights import prunable
from runner.deploy import prune as pruning
from runner.deploy.parent import Parent
from runner.engine import checkpoint
from runner.engine.progress import Progress
from runner.errors import ConfigError, Interrupted
from runner.record.folder import RunFolder
from runner.run import compose, load, resume, run
from tests.faults.kill_resume import same
from tests.test_run import StopAt

WINE = ("data=wine", "model.hidden=[16,12]", "trainer.max_epochs=3", "trainer.checkpoint.every_epochs=1")


@pytest.fixture
def parent(trained, tmp_path, monkeypatch):
    """The folder of a run; its files are the same afterwards."""
    monkeypatch.chdir(tmp_path)
    folder = trained(*WINE)
    before = files(folder)
    yield folder
    assert files(folder) == before


def files(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def variants():
    return sorted(Path("outputs/variants").iterdir()) if Path("outputs/variants").exists() else []


def pruned(parent, *words):
    before = variants()
    assert answer(["prune", str(parent), *words]) == 0
    return [folder for folder in variants() if folder not in before]


@pytest.mark.parametrize("method", ["magnitude", "global"])
def test_the_weights_are_those_that_torch_leaves(method, parent, capsys):
    (folder,) = pruned(parent, "--method", method, "--amount", "0.6")
    theirs = load(parent).model
    layers = [(m, "weight") for m in theirs.modules() if isinstance(m, nn.Linear)]
    if method == "global":
        torchs.global_unstructured(layers, torchs.L1Unstructured, amount=0.6)
    for layer, _ in layers:
        if method == "magnitude":
            torchs.l1_unstructured(layer, "weight", amount=0.6)
        torchs.remove(layer, "weight")
    ours = load(folder).model.state_dict()
    assert all(torch.equal(ours[name], tensor) for name, tensor in theirs.state_dict().items())
    result = json.loads((folder / "result.json").read_text())
    weights = prunable(theirs)
    assert result["sparsity"] == {
        "all": pytest.approx(0.6, abs=0.01),
        "weights": 13 * 16 + 16 * 12 + 12 * 3,
        "layers": {n: pytest.approx(float((w == 0).float().mean()), abs=1e-5) for n, w in weights.items()},
    }
    assert json.loads((folder / "manifest.json").read_text())["parent"]["path"] == str(parent)
    assert f"zero: {100 * result['sparsity']['all']:.1f} % of 436 weights" in capsys.readouterr().out


def test_layers_that_are_kept_and_pruning_again(parent, capsys):
    first = next(iter(prunable(load(parent).model)))
    (folder,) = pruned(parent, "--method", "global", "--amount", "0.5", "--keep", first.removesuffix(".weight"))
    assert torch.equal(load(folder).model.state_dict()[first], load(parent).model.state_dict()[first])
    shares = json.loads((folder / "result.json").read_text())["sparsity"]
    assert shares["layers"][first] == 0.0
    (again,) = pruned(folder, "--method", "global", "--amount", "0.5")
    assert json.loads((again / "result.json").read_text())["sparsity"]["all"] == 0.5
    capsys.readouterr()
    assert answer(["prune", str(again), "--method", "global", "--amount", "0.5"]) == 2
    assert "0.5 are zero already" in capsys.readouterr().err


def test_random_cuts_as_many_of_each_layer_as_global_and_the_same_each_time(parent):
    opened = Parent.open(parent)
    made = {m: load(pruning.prune(opened, m, 0.7)[0]).model for m in ("global", "random")}
    again = load(pruning.prune(opened, "random", 0.7)[0]).model
    zero = {m: {n: w == 0 for n, w in prunable(model).items()} for m, model in made.items()}
    assert {n: int(z.sum()) for n, z in zero["global"].items()} == {n: int(z.sum()) for n, z in zero["random"].items()}
    assert not torch.equal(*(torch.cat([z.flatten() for z in entry.values()]) for entry in zero.values()))
    assert all(torch.equal(w == 0, zero["random"][n]) for n, w in prunable(again).items())


class Weights(Progress):
    """The weights with which a run starts."""

    def started(self, fit):
        self.first = {name: tensor.clone() for name, tensor in fit.model.state_dict().items()}


@pytest.mark.parametrize("init", ["init=default", "init=lsuv"])
def test_rewound_weights_are_those_of_the_start_or_of_a_checkpoint(init, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen = Weights()
    run(compose([*WINE, init, "trainer.threads=1", "trainer.evaluation=off", "seed=5"]), Path("run"), seen)
    opened = Parent.open("run")
    cut, _ = pruning.prune(opened, "global", 0.5)
    kept = {name: w != 0 for name, w in prunable(load(cut).model).items()}
    epoch = checkpoint.load(Path("run/checkpoints/epoch-0001.pt"))["model"]
    for rewind, expected in (("start", seen.first), ("epoch-0001", epoch)):
        state = load(pruning.prune(opened, "global", 0.5, (), rewind)[0]).model.state_dict()
        assert all(torch.equal(state[name], w * kept.get(name, 1)) for name, w in expected.items())


def test_what_starts_at_zero_and_is_kept_can_be_told_from_what_was_cut(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(compose([*WINE, "init=zeros", "trainer.threads=1", "trainer.evaluation=off"]), Path("run"))
    opened = Parent.open("run")
    with torch.no_grad():  # a network that starts at zero learns in its last biases only
        for p in opened.network.model.parameters():
            p.normal_()
    ticket = load(pruning.prune(opened, "global", 0.5, (), "start")[0]).model
    weights = prunable(ticket)
    assert sum(int((w == 0).sum()) for w in weights.values()) == 218
    assert max(float(w.detach().abs().max()) for w in weights.values()) < 1e-37


def test_a_lottery_ticket_is_trained_by_rerun(parent, capsys):
    (ticket,) = pruned(parent, "--method", "global", "--amount", "0.8", "--rewind", "epoch-0001")
    again = ["rerun", str(parent), "init=checkpoint", f"init.path={ticket}", "compression=[keep_zeros]"]
    assert answer([*again, "data=wine", "model.hidden=[16,12]", "trainer.max_epochs=2", "hydra.run.dir=again"]) == 0
    before, after = prunable(load(ticket).model), prunable(load("again").model)
    assert all(torch.equal(w == 0, after[name] == 0) for name, w in before.items())
    assert any(not torch.equal(w, after[name]) for name, w in before.items())
    capsys.readouterr()


@pytest.mark.parametrize("method", ["global", "low_rank"])
def test_fine_tuning_is_a_run_of_its_own_whose_parent_is_the_variant(method, parent, capsys):
    words = ["--method", method, "--amount", "0.5", "--epochs", "2", "optimizer.lr=0.01"]
    variant, tuned = sorted(pruned(parent, *words), key=lambda path: "-tuned" in path.name)
    said = capsys.readouterr().out
    assert f"variant: {variant}" in said
    assert f"run: {tuned}" in said
    manifest = json.loads((tuned / "manifest.json").read_text())
    assert manifest["parent"] == {"path": str(variant), "checkpoint": "best.pt"}
    before, after = (prunable(load(folder).model) for folder in (variant, tuned))
    assert before.keys() == after.keys()
    assert all(torch.equal(w == 0, after[name] == 0) for name, w in before.items())
    assert all(not torch.equal(w, after[name]) for name, w in before.items())
    result = json.loads((tuned / "result.json").read_text())
    assert result["epochs"] == 2
    assert result["sparsity"]["all"] == pytest.approx(0.5 if method == "global" else 0.0, abs=0.01)
    assert answer(["compare", str(parent), str(variant), str(tuned)]) == 0
    assert answer(["evaluate", str(tuned)]) == 0
    capsys.readouterr()


def test_gradual_pruning_from_a_trained_network(parent, capsys):
    (tuned,) = pruned(parent, "--method", "gradual", "--amount", "0.75", "--epochs", "6")
    result = json.loads((tuned / "result.json").read_text())
    assert result["sparsity"]["all"] == pytest.approx(0.75, abs=0.01)
    assert json.loads((tuned / "manifest.json").read_text())["parent"]["path"] == str(parent)
    assert "zero: 75.0 % of 436 weights" in capsys.readouterr().out
    config = checkpoint.load(tuned / "checkpoints/best.pt")["config"]
    assert config["compression"]["gradual_pruning"]["begin"] == 0  # a trained network needs no time before it


def test_techniques_that_gradual_pruning_excludes_are_left_out_and_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [*WINE, "regularization=[early_stopping,dropout]", "trainer.threads=1", "trainer.max_steps=4"]
    run(compose(words), Path("run"))
    (tuned,) = pruned(Path("run"), "--method", "gradual", "--amount", "0.5", "--epochs", "3")
    assert "without regularization=early_stopping" in capsys.readouterr().out
    config = (tuned / "config.yaml").read_text()
    assert "dropout" in config
    assert "early_stopping" not in config
    assert json.loads((tuned / "result.json").read_text())["epochs"] == 3  # not the four steps of its parent


@pytest.mark.parametrize("method", ["global", "gradual"])
def test_fine_tuning_that_is_interrupted_is_resumed_exactly(method, parent):
    opened = Parent.open(parent)

    def tune(progress):
        if method == "gradual":
            return pruning.gradual(opened, 0.7, 4, [], progress)[0]
        start, _ = pruning.prune(opened, "global", 0.7)
        return pruning.fine_tuned(opened, start, "global", 4, [], progress)[0]

    whole, before = tune(Progress()), {*variants()}
    with pytest.raises(Interrupted, match="resume"):
        tune(StopAt(2))
    (cut,) = (folder for folder in {*variants()} - before if "-tuned" in folder.name)
    assert "parent" in json.loads((cut / "manifest.json").read_text())
    resume(cut)
    states = [checkpoint.load(folder / "checkpoints/last.pt") for folder in (whole, cut)]
    for part in ("model", "optimizer", "techniques", "monitor"):
        assert same(states[0][part], states[1][part]) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--amount", "0"], "--amount 0: is no share"),
        (["--amount", "1"], "would leave no weight"),
        (["--amount", "1.5"], "is no share"),
        (["--amount", "nan"], "is no share"),
        (["--amount", "half"], "expected a number"),
        ([], "--amount: is missing"),
        (["--amount", "0.99"], "nothing would be left of"),
        (["--amount", "0.5", "--keep", "hidden"], "there is no such layer"),
        (["--amount", "0.5", "--keep", "*"], "no dense, convolutional, recurrent or attention layer"),
        (["--amount", "0.5", "optimizer.lr=1"], "Give --epochs N too"),
        (["--amount", "0.5", "--epochs", "0"], "whole number of at least 1"),
        (["--amount", "0.5", "--rewind", "epoch-0009"], "best, epoch-0001, epoch-0002, epoch-0003, last"),
        (["--amount", "0.5", "--rewind", "start", "--epochs", "2"], "is trained from there as the run was"),
        (["--amount", "0.5", "--method", "globel"], "Did you mean 'global'"),
        (["--amount", "0.5", "--method", "gradual"], "Give --epochs N too"),
        (["--amount", "0.99", "--method", "low_rank"], "with ranks of 1 everywhere"),
        (["--amount", "0.5", "--method", "low_rank", "--rewind", "start"], "for the methods that set weights to zero"),
        (["--amount", "0.5", "--quick"], "--quick: not known here"),
    ],
)
def test_what_can_not_be_done_is_refused_and_leaves_nothing(words, said, parent, capsys):
    method = [] if "--method" in words else ["--method", "global"]
    assert answer(["prune", str(parent), *method, *words]) == 2
    assert said in capsys.readouterr().err
    assert variants() == []


@pytest.mark.parametrize("method", ["global", "low_rank"])
@pytest.mark.parametrize("word", ["optimizer.rl=1", "optimiser.lr=1"])
def test_a_wrong_value_for_the_training_is_refused_before_anything_is_cut(word, method, parent, capsys):
    assert answer(["prune", str(parent), "--method", method, "--amount", "0.5", "--epochs", "2", word]) == 2
    said = capsys.readouterr().err
    assert word in said and "Did you mean 'lr'" in said if "rl" in word else "Did you mean 'optimizer'" in said
    assert len(variants()) == 0


def test_a_run_under_way_and_weights_of_other_formats_are_refused(parent):
    with RunFolder(parent).claimed(), pytest.raises(ConfigError, match="is at work on this run"):
        pruning.prune(Parent.open(parent), "global", 0.5)
    opened = Parent.open(parent)
    saved = {**opened.saved, "changes": [{"change": "half", "format": "bf16"}]}
    path = Path("half.pt").resolve()
    checkpoint.save(path, {name: value for name, value in saved.items() if name != "format"})
    with pytest.raises(ConfigError, match="can't be pruned any more, as they are half"):
        pruning.prune(Parent.open(parent, str(path)), "global", 0.5)


def test_an_exported_network_is_refused(parent, capsys):
    pytest.importorskip("onnx", reason="onnx is not installed (pip install 'runner[deploy]')")
    assert answer(["export", str(parent), "--format", "onnx"]) == 0
    (folder,) = variants()
    assert answer(["prune", str(folder), "--method", "global", "--amount", "0.5"]) == 2
    assert "is an exported file" in capsys.readouterr().err
