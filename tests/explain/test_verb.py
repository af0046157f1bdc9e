"""What is typed, what is written, and what is refused with the reason."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from runner.errors import ConfigError
from runner.explain import all_methods, method_named
from runner.explain.report.files import Asked, explain
from runner.explain.subject.explained import Explained
from runner.run import load
from runner.run.assembly import load_data
from runner.run.ensemble import Ensemble


def written(run):
    return sorted(path.name for path in (Path(run) / "explanations").iterdir())


def test_images(say, copied, cnn_run):
    run = copied(cnn_run)
    before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in run.rglob("*") if path.is_file()}
    answer = say("explain", str(run), "--examples", "3")
    assert (answer.code, answer.err) == (0, "")
    assert written(run) == ["grad_cam.json", "grad_cam.png", "integrated_gradients.json", "integrated_gradients.png"]
    for path, digest in before.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, path
    facts = json.loads((run / "explanations/integrated_gradients.json").read_text())
    assert "mean colour of the training images" in facts["baseline"]
    assert facts["checks"]["completeness_error"] < 0.05
    assert len(facts["examples"]) == 3
    for row in facts["examples"]:
        assert np.array(row["values"]).shape == (24, 24)
        assert np.sum(row["values"]) == pytest.approx(row["sum"], rel=1e-3)
    assert facts["examples"][0]["group"] == "highest loss"
    assert Image.open(run / "explanations/grad_cam.png").size[0] > 500


def test_layers_by_name_and_a_file_of_ones_own(say, copied, cnn_run):
    run = copied(cnn_run)
    pixels = load_data(load(run).recipe).test.read(torch.tensor([0])).inputs[0, 0]
    pixels = ((pixels - pixels.min()) / (pixels.max() - pixels.min()) * 255).numpy().astype(np.uint8)
    Image.fromarray(pixels).save("seven.png")
    words = ("--method", "grad_cam,saliency", "--layer", "conv1", "--layer=conv2", "--output", "here", "--target", "3")
    answer = say("explain", str(run), "seven.png", *words)
    assert (answer.code, answer.err) == (0, "")
    names = {path.name for path in Path("here").iterdir()}
    assert names == {f"{n}{s}" for n in ("grad_cam-conv1", "grad_cam-conv2", "saliency") for s in (".json", ".png")}
    facts = json.loads(Path("here/grad_cam-conv1.json").read_text())
    assert facts["layer"] == "conv1"
    (row,) = facts["examples"]
    assert (row["example"], row["explained"]) == ("seven.png", "3")
    assert not (run / "explanations").exists()


REFUSED = {
    "no such method": (("--method", "gradcam"), "Did you mean 'grad_cam'?"),
    "tokens": (("--method", "token_attribution"), "there are no tokens in it. For this run there are activation_maps"),
    "importance": (("--method", "permutation_importance"), "a single pixel or token means nothing by itself"),
    "layer": (("--layer", "conv3"), "no such layer. Did you mean 'conv2'? Expected one of conv1, norm1"),
    "flat layer": (("--layer", "output"), "gives (1, 10) for one example, and (1, channels, height, width)"),
    "no layer": (("--method", "saliency", "--layer", "conv1"), "saliency take no layer"),
    "target": (("--target", "eleven"), "there is no such answer. Expected one of 0, 1, 2"),
    "number": (("--target", "10"), "its number from 0 to 9"),
    "split": (("--split", "tets"), "Did you mean 'test'?"),
    "examples": (("--examples", "0"), "expected a whole number of at least 1"),
    "file": (("nothing.png",), "nothing.png: there is no such file"),
    "flag": (("--methods", "x"), "--methods: not known here"),
    "key": (("model.head=[3]",), "explain takes the run as it was"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(say, cnn_run, name):
    words, said = REFUSED[name]
    answer = say("explain", str(cnn_run), *words, "--output", "out")
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert answer.err.count("\n") == 1
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("grad_cam", "this network is given rows of a table, and Grad-CAM weighs the positions of a convolution"),
        ("feature_visualization", "only images can be looked at"),
        ("token_attribution", "there are no tokens in it"),
    ],
)
def test_what_does_not_apply_to_tables(say, table_run, method, said):
    answer = say("explain", str(table_run), "--method", method)
    assert answer.code == 2
    assert said in answer.err
    assert "For this run there are integrated_gradients, lime, nearest_examples, occlusion" in answer.err


@pytest.mark.parametrize("method", ["saliency", "integrated_gradients", "occlusion"])
def test_what_does_not_apply_to_texts(say, text_run, method):
    answer = say("explain", str(text_run), "--method", method)
    assert answer.code == 2
    assert "For this run there are lime, nearest_examples, shap, token_attribution." in answer.err


def test_a_network_without_convolutions(say, tmp_path):
    quick = ("trainer.threads=1", "trainer.images=0", "trainer.max_epochs=1", "model.hidden=[4]")
    assert say(*quick, "data=digits", "hydra.run.dir=run").code == 0
    answer = say("explain", "run", "--method", "grad_cam")
    assert answer.code == 2
    assert "Grad-CAM weighs the positions of a convolution, and MLP has none." in answer.err
    assert say("explain", "run", "--examples", "2").code == 0
    assert written("run") == ["integrated_gradients.json", "integrated_gradients.png"]


def test_places_that_nothing_is_written_to(say, copied, cnn_run, tmp_path):
    run = copied(cnn_run)
    file = str(run / "checkpoints/best.pt")
    assert "Add --output DIR" in say("explain", file, "--method", "saliency").err
    assert say("explain", file, "--method", "saliency", "--examples", "1", "--output", "there").code == 0
    (tmp_path / "elsewhere").mkdir()
    (run / "explanations").symlink_to(tmp_path / "elsewhere")
    answer = say("explain", str(run), "--method", "saliency", "--examples", "1")
    assert answer.code == 2
    assert "explanations: a link to" in answer.err
    assert list((tmp_path / "elsewhere").iterdir()) == []
    (run / "explanations").unlink()
    (run / "explanations").mkdir()
    (run / "explanations/saliency.png").symlink_to(tmp_path / "elsewhere/new.png")
    answer = say("explain", str(run), "--method", "saliency", "--examples", "1")
    assert answer.code == 2
    assert "saliency.png: a link to" in answer.err
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_damaged_image_is_named(say, cnn_run):
    Path("bad.png").write_bytes(b"no image")
    answer = say("explain", str(cnn_run), "bad.png", "--output", "out")
    assert answer.code == 1
    assert answer.err.startswith("error: bad.png: can't be read as an image")


def test_ensembles_are_explained_by_their_members(wine, tmp_path):
    with pytest.raises(ConfigError, match="Explain its members, one by one"):
        explain(Ensemble.of([wine, wine]), tmp_path)


def test_a_network_that_gives_no_number_is_told_of(say, copied, table_run):
    run = copied(table_run)
    file = run / "checkpoints/best.pt"
    saved = torch.load(file, weights_only=True)
    saved["model"]["output.bias"].fill_(float("nan"))
    torch.save(saved, file)
    file.with_name("best.pt.sha256").unlink()
    answer = say("explain", str(run), "--method", "saliency")
    assert answer.code == 1
    assert "what the network gives for it is no finite number" in answer.err


def test_changed_data_are_told_of(say, go, tmp_path):
    from tests.run.conftest import write_table

    write_table()
    go("data=csv", "data.path=table.csv", "data.target=label", "model.hidden=[4]", "trainer.max_epochs=1")
    write_table(seed=1)
    answer = say("explain", "run", "--method", "shap", "--examples", "1")
    assert answer.code == 2
    assert "The data have changed since this run was started" in answer.err
    assert say("explain", "run", "--method", "shap", "--examples", "1", "--allow-changed-data").code == 0
    os.rename("table.csv", "moved.csv")
    words = ("data.path=moved.csv", "--method", "shap", "--examples", "1", "--allow-changed-data")
    assert say("explain", "run", *words).code == 0
    assert say("explain", "run", "moved.csv", "--method", "integrated_gradients").code == 0  # needs no data


def test_examples_are_a_mix(wine, tmp_path):
    data = load_data(wine.recipe)
    found = explain(wine, tmp_path, (), Asked(("saliency",), examples=6))["saliency"].facts["examples"]
    assert len(found) == 6
    assert len({row["example"] for row in found}) == 6
    batch = data.test.read(torch.arange(len(data.test)))
    outputs = Explained(wine).outputs(batch)
    right = outputs.argmax(1) == batch.targets
    wrong = int((~right).sum())
    groups = [row["group"] for row in found]
    assert groups.count("right") == 6 - min(wrong, 4)
    for row in found:
        number = int(row["example"].split()[1])
        assert bool(right[number]) == (row["group"] == "right")
        assert row["truth"] == data.spec.class_names[int(batch.targets[number])]
    if wrong:
        confidence = outputs.softmax(1).amax(1).masked_fill(right, 0)
        assert found[0]["example"] == f"test {int(confidence.argmax())}"


def test_several_targets_by_name_and_in_their_units(say, tmp_path):
    quick = ("trainer.threads=1", "trainer.images=0", "trainer.max_epochs=2", "trainer.precision=bf16")
    assert say(*quick, "data=diabetes", "data.targets=[bp,s5]", "model.hidden=[8]", "hydra.run.dir=run").code == 0
    assert (
        say("explain", "run", "--target", "s5", "--method", "shap,permutation_importance", "--examples", "2").code == 0
    )
    network = load("run")
    batch = load_data(network.recipe).test
    for row in json.loads(Path("run/explanations/shap.json").read_text())["examples"]:
        example = batch.read(torch.tensor([int(row["example"].split()[1])]))
        with torch.no_grad():  # in float32, whatever it was trained in
            expected = network.task.rows(network.model(example.inputs))[0]["prediction_s5"]
        assert row["value"] == pytest.approx(expected, rel=1e-5)
        assert sum(row["values"]) == pytest.approx(row["value"] - row["base_value"], rel=1e-3, abs=1e-3)
    assert "Expected one of progression, bp, s5," in say("explain", "run", "--target", "weight").err


@pytest.mark.slow
def test_what_the_page_shows(say, cnn_run):
    import re
    import shutil

    page = (Path(__file__).parents[2] / "docs/explanation.md").read_text()
    shutil.copytree(cnn_run, "outputs/runs/digits")
    assert (
        say("explain", "outputs/runs/digits", "--method", "all", "--examples", "1", "--output", "explained").code == 0
    )
    names = {path.stem for path in Path("explained").iterdir()}
    assert names == set(all_methods()) - {"permutation_importance", "token_attribution"}
    for name in all_methods():
        assert f"| `{name}` |" in page
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(code, {})


def test_every_method_says_what_it_is():
    for name in all_methods():
        method = method_named(name)
        assert method.__module__ == f"runner.explain.{name}"
        assert "Source: " in (method.__doc__ or "")
        assert method.kinds and method.instead
