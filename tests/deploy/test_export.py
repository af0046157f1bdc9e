"""Exported files against the networks that they were made of."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from runner.cli.verbs import answer
from runner.config.options import Options
from runner.deploy import formats
from runner.deploy.export import beyond
from runner.deploy.formats import WRITERS
from runner.deploy.graph import Graph, Positional, graph
from runner.deploy.judged import Judged, judged
from runner.deploy.parent import Parent
from runner.errors import ConfigError, RunFailed
from runner.model.exported import Exported
from runner.model.exported.onnx import PROVIDERS
from runner.run import load
from tests.config.test_options import DETECTION, MODELS, NEEDS
from tests.config.test_options import root as root

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip install 'runner[deploy]')")

MIXED = Path(__file__).parent.parent / "balance/mixed.csv"
DIGITS = ("data=digits", "data.fraction=0.1")
TEXTS = ("data=python_functions", "data.packages=[json,http]", "data.longest=12")
SHORT = ("trainer.max_epochs=1", "trainer.limit_batches=2", "data.batch_size=8")
NETWORKS = {
    "mlp": ("data=csv", f"data.path={MIXED}", "data.target=ill"),
    "cnn": (*DIGITS, "model=cnn", *MODELS["cnn"]),
    "resnet": (*DIGITS, "model=resnet", "model.depth=20", "model.width=0.25"),
    "vit": (*DIGITS, "model=vit", *MODELS["vit"]),
    "lstm": (*TEXTS, "model=lstm", "model.hidden=8", "model.bidirectional=true"),
    "rnn": (*TEXTS, "model=rnn", "model.hidden=8", "model.bidirectional=true", "model.layers=2"),
    "encoder": (*TEXTS, "model=encoder", *MODELS["encoder"]),
    "decoder": ("data=python_source", "data.packages=[json]", "data.length=16", "model=decoder", *MODELS["decoder"]),
    "detector": DETECTION,
}
IN_THE_SUITE = {("cnn", "torchscript"), *((name, "onnx") for name in ("cnn", "lstm", "encoder", "detector"))}


def open_file(form, exported, content, **more):
    from importlib import import_module

    about = Exported(form, "x", "", exported.names, **more)
    return import_module(f"runner.model.exported.{form}").Network(Path("x"), about, content)


def differ(network, other, data):
    """The largest difference over other sizes than that of the example: of batches and of texts."""
    largest = 0.0
    for number in (1, 2, 7):
        batch = data.val.sample(number, 1)
        variants = [(batch.inputs, batch.more)]
        if data.spec.inputs.shape[0] is None:
            shorter = batch.inputs[:, :4]
            variants.append((shorter, {name: tensor.clamp(max=4) for name, tensor in batch.more.items()}))
        for inputs, more in variants:
            with torch.inference_mode():
                expected, given = network(inputs, **more), other(inputs, **more)
            assert given.shape == expected.shape
            largest = max(largest, float((given - expected).abs().max() / expected.abs().max().clamp(min=1)))
    return largest


@pytest.mark.parametrize(
    ("name", "form"),  # as programs further below, with all others; decoder as ONNX in test_with_past.py
    [
        *(
            pytest.param(name, form, marks=() if (name, form) in IN_THE_SUITE else pytest.mark.long)
            for form in ("onnx", "torchscript")
            for name in NETWORKS
            if (name, form) != ("decoder", "onnx")
        ),
    ],
)
def test_a_file_gives_what_the_network_gives(name, form, trained):
    parent = Parent.open(trained(*NETWORKS[name], *SHORT))
    exported = graph(parent, dynamic_batch=True)
    content = WRITERS[form][0](exported)
    assert differ(parent.network.model, open_file(form, exported, content), parent.data) < 1e-4


@pytest.mark.long
def test_machine_code_gives_what_the_network_gives(trained, tmp_path, monkeypatch):
    """Where pip was imported before, setuptools refuse to be imported, which torch's compiler needs, then and later."""
    monkeypatch.chdir(tmp_path)
    folder = trained(*NETWORKS["cnn"], *SHORT)
    words = ["export", str(folder), "--format", "aot", "--dynamic-batch"]
    code = f"import pip, sys; from runner.cli.verbs import answer; sys.exit(answer({words}))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert told.returncode == 0, told.stderr
    (variant,) = Path("outputs/variants").iterdir()
    parent, opened = Parent.open(folder), load(variant, trusted_targets=["model.pt2"])
    assert differ(parent.network.model, opened.model, parent.data) < 1e-4


def test_onnx_files_have_the_opset_and_the_names_that_are_promised(trained):
    import onnx

    exported = graph(Parent.open(trained(*NETWORKS["lstm"], *SHORT)), dynamic_batch=True)
    model = onnx.load_from_string(formats.onnx(exported))
    assert [(entry.domain, entry.version) for entry in model.opset_import if not entry.domain] == [("", formats.OPSET)]
    sizes = {
        entry.name: [size.dim_param or size.dim_value for size in entry.type.tensor_type.shape.dim]
        for entry in model.graph.input
    }
    assert sizes == {"inputs": ["batch", "steps"], "lengths": ["batch"]}
    assert [entry.name for entry in model.graph.output] == ["outputs"]
    assert sum(node.op_type == "LSTM" for node in model.graph.node) == 2  # one more for the way back


@pytest.mark.parametrize("form", ["onnx", "program"])
def test_sixteen_bits_are_near_and_one_example_at_a_time_is_asked_one_by_one(form, trained):
    parent = Parent.open(trained(*NETWORKS["cnn"], *SHORT))
    exported = graph(parent, dynamic_batch=False, half=True)
    other = open_file(form, exported, WRITERS[form][0](exported), batch=1, precision="fp16")
    assert 1e-7 < differ(parent.network.model, other, parent.data) < 1e-2
    assert {p.dtype for p in parent.network.model.parameters()} == {torch.float32}


@pytest.mark.slow
def test_a_transformer_of_sixteen_bits_is_opened(trained):
    """ONNX Runtime ended the process over it."""
    parent = Parent.open(trained(*NETWORKS["vit"], *SHORT))
    exported = graph(parent, dynamic_batch=True, half=True)
    other = open_file("onnx", exported, WRITERS["onnx"][0](exported), precision="fp16")
    assert 1e-7 < differ(parent.network.model, other, parent.data) < 1e-2


def test_networks_of_fewer_bits_are_exported_as_they_are(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    parent = trained("data=wine", "trainer.max_epochs=2")
    for method in ("fp16", "bf16"):
        assert answer(["quantize", str(parent), "--method", method]) == 0
    bf16, fp16 = (next(Path("outputs/variants").glob(f"*-{name}")) for name in ("bf16", "fp16"))
    assert answer(["export", str(fp16), "--format", "program"]) == 0
    assert next(Path("outputs/variants").glob("*-export-*")).name.endswith("-export-program-fp16")
    for words, said in (
        ((str(bf16), "--format", "onnx"), "ONNX Runtime does not compute"),
        ((str(fp16), "--format", "onnx", "--precision", "int8"), "is quantized already (half)"),
    ):
        assert answer(["export", *words]) == 2
        assert said in capsys.readouterr().err


def test_the_command_writes_a_run_folder_that_other_verbs_take(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    parent = trained("data=wine", "trainer.max_epochs=2")
    before = {path: path.read_bytes() for path in parent.rglob("*") if path.is_file()}
    assert answer(["export", str(parent), "--format", "onnx", "--dynamic-batch"]) == 0
    (folder,) = (tmp_path / "outputs/variants").iterdir()
    result = json.loads((folder / "result.json").read_text())
    assert result["test"] == pytest.approx(json.loads((parent / "result.json").read_text())["test"])
    assert json.loads((folder / "manifest.json").read_text())["parent"]["path"] == str(parent)
    assert {path: path.read_bytes() for path in parent.rglob("*") if path.is_file()} == before
    moved = Path(shutil.move(folder, tmp_path / "elsewhere"))
    for words in (["evaluate", str(moved)], ["runs", str(moved)], ["report", str(moved)]):
        assert answer(words) == 0, words
    assert answer(["explain", str(moved), "--method", "occlusion", "--examples", "2"]) == 0
    capsys.readouterr()
    refusals = {
        "was not trained": ["advise", str(moved)],
        "layers or gradients": ["explain", str(moved), "--method", "saliency"],
        "can't be a member": ["ensemble", str(moved), str(parent)],
        "nothing else can be made": ["export", str(moved), "--format", "onnx"],
    }
    for said, words in refusals.items():
        assert answer(words) == 2
        assert said in capsys.readouterr().err


def test_a_file_in_another_process_and_a_damaged_one(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    parent = trained("data=wine", "trainer.max_epochs=2")
    assert answer(["export", str(parent), "--format", "torchscript"]) == 0
    (folder,) = (tmp_path / "outputs/variants").iterdir()
    x = torch.randn(3, 13)
    code = (
        "import torch; from runner.run import load; torch.set_num_threads(1)\n"
        f"print(load({str(folder)!r}, trusted_targets=['model.pt']).model(torch.tensor({x.tolist()})).tolist())"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    torch.testing.assert_close(torch.tensor(json.loads(told.stdout)), load(parent).model(x))
    with pytest.raises(RunFailed, match=r"can't be run on inputs \(2, 5\)"):
        load(folder, trusted_targets=["model.pt"]).model(torch.randn(2, 5))
    file = folder / "model.pt"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(RunFailed, match="checksum does not match"):
        load(folder, trusted_targets=["model.pt"])
    file.unlink()
    with pytest.raises(RunFailed, match="can't be read"):
        load(folder, trusted_targets=["model.pt"])
    capsys.readouterr()


def test_beyond_the_tolerance_it_is_kept_aside(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    parent = trained("data=wine", "trainer.max_epochs=2")
    words = ["export", str(parent), "--format", "onnx", "--dynamic-batch", "--precision", "fp16", "--tolerance", "1e-9"]
    assert answer(words) == 1
    assert "kept aside" in capsys.readouterr().err
    (folder,) = (tmp_path / "outputs/variants").iterdir()
    assert folder.name.endswith("-refused")


class Wrong(nn.Module):
    """Adds something to what a network gives for the last example of each batch."""

    def __init__(self, network, wrong):
        super().__init__()
        self.network, self.wrong = network, wrong

    def forward(self, inputs, **more):
        outputs = self.network(inputs, **more).clone()
        outputs[-1, 0] += self.wrong
        return outputs


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 1.0])
def test_outputs_that_are_no_numbers_or_others_are_refused(wrong, trained):
    from dataclasses import replace

    parent = Parent.open(trained("data=wine", "trainer.max_epochs=2"))
    heard = []
    other = replace(parent.network, model=Wrong(parent.network.model, wrong))
    compared = judged(parent.network, other, parent.data.val, heard.append)
    assert beyond(1e-4)(compared)
    assert heard[-1] == len(parent.data.val)
    assert beyond(1e-4)(judged(parent.network, parent.network, parent.data.val)) is None
    assert beyond(float("inf"))(Judged({}, {}, float("nan"), 0.0, 1.0))


class First(nn.Module):
    """Gives infinities, and something else than the network for the first example of all."""

    def __init__(self, network, wrong=0.0):
        super().__init__()
        self.network, self.wrong = network, wrong

    def forward(self, inputs, **more):
        outputs = self.network(inputs, **more).clone()
        outputs[-1, 1] = -torch.inf
        outputs[0, 0] += self.wrong
        self.wrong = 0.0
        return outputs


def test_differences_are_of_all_batches_and_relative_to_the_largest_output(trained):
    """By hand: 8 in a single one of all numbers, where equal infinities differ by nothing."""
    from dataclasses import replace

    parent, heard = Parent.open(trained("data=wine", "trainer.max_epochs=1", "data.batch_size=8")), []
    one, other = (replace(parent.network, model=First(parent.network.model, wrong)) for wrong in (0.0, 8.0))
    split = parent.data.train
    found = judged(one, other, split, heard.append)
    assert len(heard) > 1
    assert (found.largest, found.mean) == pytest.approx((8, 8 / (3 * len(split))))
    assert 0 < found.scale < float("inf")
    assert Judged({}, {}, 0.5, 0.0, 100.0).relative == 0.005
    assert Judged({}, {}, 0.5, 0.0, 0.01).relative == 0.5
    assert beyond(0.01)(Judged({}, {}, 0.5, 0.0, 100.0)) is None
    assert beyond(float("inf"))(Judged({}, {}, float("inf"), 0.0, 1.0))


class Decides(nn.Module):
    """Does something else by the values."""

    def forward(self, x):
        return x * 2 if x.sum() > 0 else x


class Fixed(nn.Module):
    """Knows only one number of examples."""

    def forward(self, x):
        return x.view(3, 4) * 2


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize(
    ("network", "said"), [(Decides(), "decides by the values"), (Fixed(), "another size of batch")]
)
def test_what_is_no_graph_is_refused_with_the_reason(form, network, said, capfd):
    exported = Graph(Positional(network, ()), ("inputs",), (torch.ones(3, 4),), ({0: "batch"},))
    with pytest.raises(ConfigError, match=said):
        WRITERS[form][0](exported)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "expected onnx, program"),
        (("--format", "onx"), "Did you mean 'onnx'"),
        (("--format", "onnx", "--tolerance", "-1"), "at least 0"),
        (("--format", "aot", "--provider", "cuda"), "for --format onnx"),
        (("--format", "program", "--precision", "int8"), "is for --format onnx"),
    ],
)
def test_a_wrong_command_costs_nothing(words, said, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert answer(["export", str(trained("data=wine", "trainer.max_epochs=2")), *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "outputs").exists()


def test_a_provider_that_is_missing_is_told_before_anything_is_written(trained, tmp_path, monkeypatch, capsys):
    import onnxruntime

    if PROVIDERS["tensorrt"][0] in onnxruntime.get_available_providers():
        pytest.skip("TensorRT is here")
    monkeypatch.chdir(tmp_path)
    parent = trained("data=wine", "trainer.max_epochs=2")
    assert answer(["export", str(parent), "--format", "onnx", "--provider", "tensorrt"]) == 2
    assert "onnxruntime-gpu" in capsys.readouterr().err
    assert not (tmp_path / "outputs").exists()


def test_without_a_compiler_there_is_no_machine_code(monkeypatch):
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("no-such-compiler",))
    exported = Graph(Positional(nn.Linear(4, 2), ()), ("inputs",), (torch.ones(3, 4),), ({0: "batch"},))
    with pytest.raises(ConfigError, match=r"needs a C\+\+ compiler"):
        WRITERS["aot"][0](exported)


# A network of each kind; all others are of layers that these have too, or refused.
OF_EACH_KIND = ("mlp", "cnn", "resnet", "lstm", "gcn", "decoder", "vit")
ALL = [
    pytest.param(name, marks=pytest.mark.slow if name in OF_EACH_KIND else pytest.mark.long)
    for name in Options().names("model")
]


@pytest.mark.parametrize("model", ALL)
def test_every_model_is_exported_or_refused_with_the_reason(model, trained, root):
    """As what all other formats are written from."""
    needs = [word.format(root=root) for word in NEEDS.get(f"model={model}", ())]
    known = {word.partition("=")[0] for word in needs}
    more = [word for word in MODELS.get(model, ()) if word.partition("=")[0] not in known]
    chosen = [] if f"model={model}" in needs else [f"model={model}"]
    data = [] if any(word.startswith("data=") for word in needs) else list(DIGITS)
    parent = Parent.open(trained(*data, *chosen, *needs, *more, *SHORT))
    try:
        exported = graph(parent, dynamic_batch=True)
        content = WRITERS["program"][0](exported)
    except ConfigError as error:
        told = str(error)
    else:
        told = ""
        assert differ(parent.network.model, open_file("program", exported, content), parent.data) < 1e-4
    assert len(told) < 700
