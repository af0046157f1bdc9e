"""Language models in ONNX files that go on with texts: the same as the network tells, and as reading all anew does."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from runner.cli.verbs import answer
from runner.deploy.export import beyond
from runner.deploy.judged import judged
from runner.deploy.parent import Parent
from runner.engine.spec import START
from runner.errors import RunFailed
from runner.generate.text import generate
from runner.model.exported import Exported
from runner.model.exported.network import ExportedNetwork
from runner.run import load

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip install 'runner[deploy]')")

CONTEXT = 16
WORDS = (
    "data=python_source",
    "data.packages=[json]",
    f"data.length={CONTEXT}",
    "data.batch_size=8",
    "model=decoder",
    "model.layers=2",
    "model.heads=2",
    "model.kv_heads=1",
    "model.hidden=8",
    "model.positions=learned",
    f"model.context={CONTEXT}",
    "trainer.max_epochs=1",
    "trainer.limit_batches=2",
)
FILE = "model_with_past.onnx"


@pytest.fixture(scope="module")
def parent(trained):
    return Parent.open(trained(*WORDS))


@pytest.fixture(scope="module")
def exported(parent, tmp_path_factory):
    """The folder of a file for any number of examples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("exported"))
        assert answer(["export", str(parent.place.path), "--format", "onnx", "--dynamic-batch"]) == 0
        (folder,) = (Path.cwd() / "outputs/variants").iterdir()
    return folder


def test_names_and_sizes_are_those_of_the_field(exported):
    session = load(exported).model.with_past
    past = {f"past_key_values.{block}.{part}" for block in (0, 1) for part in ("key", "value")}
    assert {entry.name: entry.shape for entry in session.get_inputs()} == {
        "inputs": ["batch", "steps"],
        **{name: ["batch", 1, "past", 4] for name in past},
    }
    assert [entry.name for entry in session.get_outputs()] == [
        "outputs",
        *(f"present.{block}.{part}" for block in (0, 1) for part in ("key", "value")),
    ]


@pytest.mark.parametrize("sizes", [(1,) * CONTEXT, (5, 1, 3, 7), (CONTEXT,)])
@pytest.mark.parametrize("examples", [1, 3])
def test_a_text_in_pieces_is_told_as_the_whole(examples, sizes, parent, exported):
    model, state, told = load(exported).model, None, []
    texts = parent.data.val.sample(examples, 1).inputs
    for piece in texts.split(sizes, 1):
        outputs, state = model.follow(piece, state)
        told.append(outputs)
    with torch.inference_mode():
        expected = parent.network.model(texts)
    torch.testing.assert_close(torch.cat(told, 1), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model(texts), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("prompt", ["", "import json\nfor x in range(1"])
def test_texts_are_those_of_the_parent_beyond_its_context_too(prompt, parent, exported, monkeypatch):
    network = load(exported)

    def written(one, cached):
        return "".join(generate(one, prompt, max_tokens=3 * CONTEXT, seed=2, cached=cached).pieces)

    expected = written(parent.network, True)
    assert written(network, False) == expected
    monkeypatch.setattr(network.model, "run", None)  # which reads whole texts
    assert written(network, True) == expected
    assert len(expected) > CONTEXT


def test_a_file_of_another_format_knows_its_context_and_reads_anew(parent):
    class Whole(ExportedNetwork):
        def run(self, given):
            assert given[0].shape[1] <= CONTEXT
            return parent.network.model(*given)

    exported = Exported("program", "model.pt2", "", ("inputs",), batch=1, context=parent.network.context)
    network = replace(parent.network, model=Whole(Path("model.pt2"), exported))
    told = [list(generate(one, "def ", max_tokens=40).pieces) for one in (parent.network, network)]
    assert told[0] == told[1]


def test_the_checkpoint_says_what_was_written(exported, parent):
    about = load(exported).model.exported
    assert (about.with_past, about.context) == (FILE, CONTEXT)
    assert 0 < json.loads((exported / "result.json").read_text())["difference"]["in_pieces"] < 1e-4


def test_a_damaged_or_a_missing_one_is_refused(exported, tmp_path):
    folder = Path(shutil.copytree(exported, tmp_path / "variant"))
    file = folder / FILE
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(RunFailed, match=rf"{FILE}: its checksum does not match"):
        load(folder)
    file.unlink()
    with pytest.raises(RunFailed, match=rf"{FILE}: can't be read"):
        load(folder)


def test_what_can_not_be_run_is_told_with_its_shapes(exported):
    model = load(exported).model
    _, state = model.follow(torch.zeros(1, 3, dtype=torch.int64))
    with pytest.raises(
        RunFailed, match=r"model_with_past.onnx: can't be run on inputs \(2, 1\), past_key_values.0.key"
    ):
        model.follow(torch.zeros(2, 1, dtype=torch.int64), state)


@pytest.mark.parametrize("wrong", [0.1, float("nan")])
def test_other_answers_in_pieces_are_refused(wrong, parent, exported, monkeypatch):
    network = load(exported)
    compared = judged(parent.network, network, parent.data.val)
    assert beyond(1e-4)(compared) is None
    follow = network.model.follow

    def worse(x, state):
        outputs, after = follow(x, state)
        return (outputs if state is None else outputs + wrong), after

    monkeypatch.setattr(network.model, "follow", worse)
    assert "for a text in pieces" in beyond(1e-4)(judged(parent.network, network, parent.data.val))


def test_the_example_in_the_docs_tells_the_most_probable_tokens(parent, exported, monkeypatch):
    monkeypatch.chdir(exported)
    page = (Path(__file__).parents[2] / "docs/export.md").read_text()
    (code,) = (piece for piece in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if FILE in piece)
    names = {}
    exec(code.replace("< 100", f"< {CONTEXT}"), names)
    with torch.inference_mode():
        said = parent.network.model(torch.tensor([[START, *names["told"][:-1]]]))
    assert said[0].argmax(-1).tolist() == names["told"]


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "file"), [("fp16", True), ("int8", False)])
def test_sixteen_bits_keep_a_cache_of_such_and_eight_none(precision, file, parent, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert answer(["export", str(parent.place.path), "--format", "onnx", "--precision", precision]) == 0
    (folder,) = (tmp_path / "outputs/variants").iterdir()
    model = load(folder).model
    assert (folder / FILE).exists() == (model.with_past is not None) == file
    assert model.context == CONTEXT
    if file:
        assert {entry.type for entry in model.with_past.get_inputs()[1:]} == {"tensor(float16)"}
    assert answer(["generate", str(folder), "--max-tokens", "40", "--seed", "1"]) == 0
