"""Networks with fewer bits: what each method makes, how near it comes, and what is refused."""

import json
import math
import sys
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from runner.cli.verbs import answer
from runner.deploy.judged import Judged, judged
from runner.deploy.parent import Parent
from runner.deploy.prune import prune
from runner.deploy.quantize import quantize
from runner.deploy.quantize.quantize import _worse
from runner.engine import checkpoint
from runner.errors import ConfigError, RunFailed
from runner.run import evaluate_run, load
from tests.faults.kill_resume import content

WINE = ("data=wine", "trainer.max_epochs=5")
CNN = ("data=digits", "model=cnn", "trainer.max_epochs=2", "trainer.limit_batches=12")
FAMILIES = {
    "mlp": ("data=iris", "model=mlp", "model.norm=batch", "trainer.max_epochs=1", "trainer.limit_batches=3"),
    "lstm": ("data=digits", "model=lstm", "trainer.max_epochs=1", "trainer.limit_batches=3"),
    "resnet": ("data=digits", "model=resnet", "trainer.max_epochs=1", "trainer.limit_batches=3"),
    "encoder": (
        "data=python_functions",
        "model=encoder",
        "model.hidden=32",
        "trainer.max_epochs=1",
        "trainer.limit_batches=1",
    ),
    "decoder": (
        "data=python_source",
        "model=decoder",
        "model.layers=2",
        "trainer.max_epochs=1",
        "trainer.limit_batches=1",
    ),
}
needs_onnx = pytest.mark.skipif(
    find_spec("onnxruntime") is None or find_spec("onnx") is None,
    reason="onnxruntime is not installed (pip install 'runner[deploy]')",
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def check_that_nothing_but_the_weights_is_rounded(parent, made):
    """Every weight within half a step of what it was, and outputs those of such weights in float32.

    How far those outputs lie from the parent's has no limit here: the first token of a text, which has no other to
    average rounding with, was seen four times as far off as the median token, by honest rounding in every layer.
    """
    before, after, weights = parent.network.model.state_dict(), made.state_dict(), {}
    for name, weight in before.items():
        if f"{name}_int8" in after:
            step = weight.abs().flatten(1).amax(1).view(-1, *(1,) * (weight.ndim - 1)) / 127
            weights[name] = after[f"{name}_int8"] * step
            assert ((weights[name] - weight).abs() <= 0.5001 * step).all(), name
    assert weights
    expected = deepcopy(parent.network.model)
    expected.load_state_dict({**before, **weights})
    batch = parent.data.val.sample(8, 0)
    with torch.inference_mode():
        found, wanted = (model(batch.inputs, **batch.more) for model in (made, expected))
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


CASES = [(family, method) for family in ("mlp", "lstm", "resnet") for method in ("weight_only", "bf16", "fp16")]
CASES += [pytest.param("encoder", method, marks=pytest.mark.long) for method in ("weight_only", "fp16")]


@pytest.mark.parametrize(("family", "method"), CASES)
def test_torch_networks_come_near_and_load(trained, family, method):
    parent = Parent.open(trained(*FAMILIES[family]))
    before = {path: path.read_bytes() for path in parent.place.path.rglob("*") if path.is_file()}
    folder, result = quantize(parent, method)
    assert result["status"] == "completed"
    assert result["difference"]["largest"] > 0
    if method == "weight_only":
        check_that_nothing_but_the_weights_is_rounded(parent, load(folder).model)
    else:
        assert result["difference"]["relative"] < 0.05
    assert result["parameters"] == result["parent"]["parameters"]
    if result["parent"]["bytes"] > 200_000:  # of small ones most is not weights
        assert result["parent"]["bytes"] / result["bytes"] > (2.5 if method == "weight_only" else 1.5)
    again = load(folder)
    assert evaluate_run(folder, "val") == pytest.approx(result["val"], rel=1e-4)
    assert [change.name for change in again.changes] == ["weight_only" if method == "weight_only" else "half"]
    assert {path: path.read_bytes() for path in before} == before
    batch = parent.data.val.sample(2, 0)
    assert again.model.float()(batch.inputs, **batch.more).dtype == torch.float32  # as explanations ask it


def test_what_was_pruned_is_quantized_and_judged_on_test_examples_in_float32(trained):
    parent = Parent.open(trained(*WINE, "trainer.precision=bf16"))
    thin, _ = prune(parent, "low_rank", 0.3)
    folder, result = quantize(Parent.open(thin), "bf16")
    network = load(folder)
    assert [change.name for change in network.changes] == ["low_rank", "half"]
    assert network.recipe.trainer.precision == "fp32"
    assert result["best_value"] == result["val"][result["monitor"].removeprefix("val/")]
    test, val = (judged(load(thin), network, split).largest for split in (parent.data.test, parent.data.val))
    assert result["difference"]["largest"] == test != val


@pytest.mark.parametrize("method", ["weight_only", "fp16"])
def test_texts_go_on_with_a_cache_as_without_one(trained, method, capsys):
    parent = Parent.open(trained(*FAMILIES["decoder"]))
    folder, _ = quantize(parent, method)
    model = load(folder).model
    if method == "weight_only":
        check_that_nothing_but_the_weights_is_rounded(parent, model)
    tokens = torch.randint(5, 60, (2, 9))
    with torch.inference_mode():
        whole = model(tokens)
        first, state = model.follow(tokens[:, :4])
        rest, _ = model.follow(tokens[:, 4:], state)
    torch.testing.assert_close(torch.cat((first, rest), 1).float(), whole, atol=0.05, rtol=0.05)
    assert answer(["generate", str(folder), "--prompt", "def ", "--max-tokens", "5"]) == 0
    assert answer(["quantize", str(folder), "--method", "bf16"]) == 2
    assert "is quantized already" in capsys.readouterr().err


@needs_onnx
@pytest.mark.parametrize("method", ["dynamic", "static"])
def test_onnx_files_of_eight_bits(trained, method, capsys):
    import onnx

    parent = trained(*CNN)
    assert answer(["quantize", str(parent), "--method", method, "--dynamic-batch"]) == 0
    (folder,) = Path("outputs/variants").iterdir()
    result = json.loads((folder / "result.json").read_text())
    assert result["parent"]["bytes"] / result["bytes"] > (2.5 if method == "static" else 1.5)
    assert abs(result["test"]["accuracy"] - result["parent"]["test"]["accuracy"]) < 0.03
    assert result["difference"]["relative"] > 0
    kinds = [node.op_type for node in onnx.load(folder / "model.onnx").graph.node]
    assert ("MatMulInteger" in kinds) == (method == "dynamic")
    assert ("QuantizeLinear" in kinds) == (method == "static")
    assert "ConvInteger" not in kinds
    assert checkpoint.load(folder / "checkpoints/best.pt")["exported"]["precision"] == "int8"
    assert evaluate_run(folder) == pytest.approx(result["test"])
    capsys.readouterr()
    assert answer(["quantize", str(folder), "--method", "bf16"]) == 2
    assert "exported file" in capsys.readouterr().err


@needs_onnx
@pytest.mark.parametrize("method", ["dynamic", "static"])
def test_weights_are_on_the_grid_that_training_rounds_to_and_ranges_those_of_training_examples(method, trained):
    import numpy as np
    import onnx
    from onnx import numpy_helper

    from runner.compression.qat import fake_quantized_weight
    from runner.deploy.quantize import dynamic, static

    parent = Parent.open(trained(*WINE))
    inputs, drawn = parent.data.train.inputs, parent.data.train.drawn(45, parent.network.recipe.seed)
    inputs[drawn] = torch.linspace(0, 1, 45)[:, None].repeat(1, inputs.shape[1])
    inputs[drawn[0]], inputs[drawn[-1]] = -3.0, 5.0  # of 32 and 13, the first and the last
    content = dynamic(parent, True) if method == "dynamic" else static(parent, True, 45)
    entries = {e.name: numpy_helper.to_array(e) for e in onnx.load_from_string(content).graph.initializer}
    for name, weight in parent.network.model.state_dict().items():
        if weight.ndim == 2:
            (int8,) = (e for e in entries.values() if e.dtype == np.int8 and sorted(e.shape) == sorted(weight.shape))
            int8 = int8 if int8.shape == weight.shape else int8.T
            step = weight.abs().amax(1, keepdim=True) / 127
            torch.testing.assert_close(torch.from_numpy(int8.copy()) * step, fake_quantized_weight(weight), msg=name)
    if method == "static":
        assert entries["inputs_scale"] == pytest.approx(8 / 255)
        assert (entries["inputs_zero_point"].dtype, int(entries["inputs_zero_point"])) == ("uint8", 96)  # 3 * 255 / 8


@needs_onnx
def test_trained_further_with_rounding(trained, capsys, monkeypatch):
    parent, sources, module = trained(*CNN), [], sys.modules["runner.deploy.quantize.quantize"]
    made_static = module.static
    monkeypatch.setattr(module, "static", lambda source, *more: sources.append(source) or made_static(source, *more))
    words = ["--method", "qat", "--epochs", "1", "optimizer.lr=1e-4", "--examples", "16", "--dynamic-batch"]
    assert answer(["quantize", str(parent), *words]) == 0
    made = {p.name.rpartition("_")[2]: p for p in Path("outputs/variants").iterdir()}
    (variant,) = (p for name, p in made.items() if "quantize-qat" in name)
    (training,) = (p for name, p in made.items() if "quantize" not in name)
    assert json.loads((training / "manifest.json").read_text())["parent"]["path"] == str(parent)
    assert json.loads((variant / "manifest.json").read_text())["parent"]["path"] == str(parent)
    assert [source.place.path.resolve() for source in sources] == [training.resolve()]
    settings = checkpoint.load(variant / "checkpoints/best.pt")["config"]["variant"]
    assert settings["training"]["overrides"] == ["optimizer.lr=1e-4"]
    assert list(checkpoint.load(training / "checkpoints/best.pt")["config"]["compression"]) == ["qat"]
    assert json.loads((variant / "result.json").read_text())["difference"]["largest"] > 0


def test_more_than_may_be_lost_is_kept_aside(trained, capsys):
    parent = trained(*CNN)
    model = Parent.open(parent)
    assert answer(["quantize", str(parent), "--method", "bf16", "--max-loss", "0.01"]) == 0
    with pytest.MonkeyPatch.context() as patch:  # a change that spoils everything
        patch.setattr(
            "runner.model.changes.weight_only.quantized",
            lambda w: (torch.zeros_like(w, dtype=torch.int8), torch.ones(len(w))),
        )
        folder, result = quantize(model, "weight_only", max_loss=0.01)
        assert result["status"] == "failed" and "accuracy" in result["cause"] and folder.name.endswith("-refused")
        assert quantize(model, "weight_only")[1]["status"] == "completed"
    assert content(parent)["best"]
    refused = _worse(model, 0.25)
    for after, mean, expected in ((0.5, 0.1, False), (0.4375, 0.1, True), (0.75, math.inf, True), (1.0, 0.1, False)):
        assert bool(refused(Judged({"accuracy": 0.75}, {"accuracy": after}, mean, mean, 1.0))) == expected


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--method", "statc"], "Did you mean 'static'"),
        ([], "--method: expected dynamic"),
        (["--method", "static", "--examples", "1"], "the ranges of 1 example say little"),
        (["--method", "bf16", "--examples", "50"], "is for --method static and qat"),
        (["--method", "static", "--epochs", "2"], "is for --method qat"),
        (["--method", "weight_only", "--dynamic-batch"], "means nothing with weight_only"),
        (["--method", "bf16", "--max-loss", "-1"], "at least 0"),
        (["--method", "bf16", "optimizer.lr=1"], "optimizer.lr=1"),
        (["--method", "qat", "--epochs", "0"], "--epochs 0"),
        (["--method", "qat", "optimizer.lrr=1"], "optimizer.lr"),
        (["--mehtod", "qat"], "--mehtod"),
    ],
)
def test_what_is_refused(trained, words, told, capsys, tmp_path):
    assert answer(["quantize", str(trained(*WINE)), *words]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "outputs").exists() or not list((tmp_path / "outputs").rglob("result.json"))


def test_what_is_not_installed_is_named(trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"pip install 'runner\[deploy\]'"):
        quantize(Parent.open(trained(*WINE)), "static")


def test_what_was_pruned_stays_so_while_it_is_trained_with_rounded_numbers(trained, monkeypatch):
    asked = []

    def training(parent, start, epochs, compression, *_):
        asked.append(list(compression))
        raise RunFailed("It was not meant to end.")

    monkeypatch.setattr(sys.modules[quantize.__module__], "fine_tune", training)
    pruned, _ = prune(Parent.open(trained(*WINE)), "magnitude", 0.5)
    for folder in (trained(*WINE), pruned):
        with pytest.raises(RunFailed):
            quantize(Parent.open(folder), "qat")
    assert asked == [["qat"], ["qat", "keep_zeros"]]
