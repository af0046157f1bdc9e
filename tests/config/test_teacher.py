"""Networks to learn from: what they tell, and those that are none for these data."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from runner.analysis.ensemble.build import build
from runner.config.check import check_run
from runner.config.teacher import load_teacher, misfit, prepared_otherwise
from runner.engine.spec import Field, Spec
from runner.errors import ConfigError
from runner.run import compose, load
from runner.run.assembly import load_data

QUICK = ("data=digits", "model.hidden=[8]", "trainer.max_epochs=1", "trainer.images=0")


def student(path, *more):
    """The recipe of a network that learns from `path`, and its data."""
    recipe = check_run(compose([*QUICK, "loss=distillation", f"loss.teacher={path}", *more]))
    return recipe, load_data(recipe)


def told(path, *more):
    """Probabilities of a teacher for the validation examples, and these."""
    recipe, data = student(path, *more)
    batch = data.val.read(torch.arange(len(data.val)))
    return load_teacher(path, "loss.teacher", recipe, data)(batch).softmax(1), batch


@pytest.fixture
def two(go):
    """Runs `a` and `b`."""
    go(*QUICK, folder="a")
    go(*QUICK, "seed=1", folder="b")


def test_an_ensemble_tells_what_its_predictions_tell(two):
    folder = str(build(["a", "b"])[0])
    probabilities, batch = told(folder)
    ensemble = load(folder)
    each = [load(name).outputs(batch).softmax(1) for name in "ab"]
    torch.testing.assert_close(probabilities, torch.stack(each).mean(0))
    rows = ensemble.task.rows(ensemble.together([member.outputs(batch) for member in ensemble.members]))
    expected = np.array([[row[f"probability_{name}"] for name in ensemble.task.class_names] for row in rows])
    np.testing.assert_allclose(probabilities.numpy(), expected, atol=1e-6)


def test_an_ensemble_that_votes_is_none(two):
    folder = str(build(["a", "b"], vote=True)[0])
    with pytest.raises(ConfigError, match="vote, so that there are no probabilities"):
        student(folder)


def test_an_ensemble_teaches_through_a_whole_run(go, two):
    folder = str(build(["a", "b"])[0])
    result = go(*QUICK, "loss=distillation", f"loss.teacher={folder}", folder="c")
    assert result["status"] == "completed"


def test_an_exported_file_tells_what_its_network_tells(two, tmp_path):
    pytest.importorskip("onnxruntime", reason="the file is run by ONNX Runtime")
    pytest.importorskip("onnxscript", reason="torch writes ONNX files with it")
    from runner.cli.verbs import answer

    assert answer(["export", "a", "--format", "onnx"]) == 0
    (folder,) = Path("outputs/variants").iterdir()
    probabilities, batch = told(str(folder))
    torch.testing.assert_close(probabilities, load("a").outputs(batch).softmax(1), atol=1e-5, rtol=1e-4)


def test_published_weights_teach_where_they_tell_the_same_classes(two):
    """A config file with a network and weights, as ``--cfg job`` prints it."""
    network = load("a")
    torch.save(network.model.state_dict(), "weights.pt")
    model = network.recipe["model"].values
    init = {"_target_": "runner.init.checkpoint.Checkpoint", "path": "weights.pt"}
    Path("teacher.yaml").write_text(yaml.safe_dump({"model": model, "init": init, "seed": 3}))
    probabilities, batch = told("teacher.yaml")
    torch.testing.assert_close(probabilities, network.outputs(batch).softmax(1))
    state = network.model.state_dict()
    last = list(state)[-1]
    torch.save({**state, last: state[last][:7]}, "weights.pt")
    with pytest.raises(ConfigError, match=rf"loss.teacher=teacher.yaml: .*{last} is \(7,\) instead of \(10,\)"):
        told("teacher.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("model: [", "is no YAML file"),
        ("seed: 3", "under model, and its weights, under init"),
        ("model: {_target_: os.system}\ninit: {_target_: runner.init.zeros.Zeros}", "pretrained or checkpoint"),
        ("model: {_target_: os.system}\ninit: {_target_: runner.init.checkpoint.Checkpoint, path: a}", "os.system"),
    ],
)
def test_a_config_file_that_is_no_teacher_is_refused(content, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("teacher.yaml").write_text(content)
    with pytest.raises(ConfigError, match=said):
        check_run(compose([*QUICK, "loss=distillation", "loss.teacher=teacher.yaml"]))


def test_other_preparation_is_told_before_training(two):
    with pytest.raises(ConfigError, match=r"scaled with data.scaling=standard, and these are with none"):
        check_run(compose([*QUICK, "data.scaling=none", "loss=distillation", "loss.teacher=a"]))
    recipe, data = student("a", "data.fraction=0.5")
    with pytest.raises(ConfigError, match=r"prepared in another way: shift.*data.fraction"):
        load_teacher("a", "loss.teacher", recipe, data)


IMAGES, NAMED = Spec.classification((1, 8, 8), 3), Spec.classification((4,), ["a", "b"], names=["x", "y", "z", "u"])


@pytest.mark.parametrize(
    ("theirs", "spec", "said"),
    [
        (IMAGES, IMAGES, None),
        (IMAGES, Spec("classification"), None),
        (IMAGES, Spec("classification", Field("image", (None, 8, 8)), Field("class", (), 3)), None),
        (IMAGES, Spec.regression((1, 8, 8)), "for classification, and these data are for regression"),
        (IMAGES, Spec.classification((1, 8, 8), 4), "tells 3 classes apart, and these data have 4"),
        (IMAGES, Spec.classification((3, 8, 8), 3), r"shape \(1, 8, 8\), and these have \(3, 8, 8\)"),
        (IMAGES, Spec.classification((64,), 3), "kind 'image', and these are 'table'"),
        (NAMED, Spec.classification((4,), ["b", "a"]), "other classes: the same in another order"),
        (NAMED, Spec.classification((4,), ["a", "c"]), "number 1 is 'b' there and 'c' here"),
        (NAMED, Spec.classification((4,), 2, names=["x", "z", "y", "u"]), "other features"),
        (Spec.regression((4,), 2), Spec.regression((4,), 1), "answers with values"),
    ],
)
def test_what_does_not_go_together(theirs, spec, said):
    found = misfit(theirs, spec)
    assert found is None if said is None else re.search(said, found)


def test_states_are_compared_but_for_rounding():
    state = {"columns": [{"mean": 0.1, "names": ("a", "b")}], "table": torch.tensor([1.0, 2.0])}
    rounded = {"columns": [{"mean": 0.1 + 1e-9, "names": ["a", "b"]}], "table": torch.tensor([1.0, 2.0])}
    assert prepared_otherwise(state, rounded) is None
    other = {**state, "columns": [{"mean": 0.2, "names": ("a", "b")}]}
    assert "columns.0.mean is 0.1 there and 0.2" in prepared_otherwise(state, other)
    assert prepared_otherwise(None, None) is None
    assert prepared_otherwise(state, None) is not None


def test_a_stream_read_in_pieces_has_no_teacher(two):
    with pytest.raises(ConfigError, match=r"data.stateful=true"):
        check_run(
            compose(["data=python_source", "model=gru", "data.stateful=true", "loss=distillation", "loss.teacher=a"])
        )
