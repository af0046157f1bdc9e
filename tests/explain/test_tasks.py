"""What is explained of each task: one number per answer, from the outputs."""

import pytest
import torch

from runner.engine.spec import END, Field, Spec
from runner.errors import ConfigError
from runner.explain import method_named
from runner.explain.report.files import Asked, explain
from runner.explain.subject.explained import Explained
from runner.run import load
from runner.run.assembly import load_data
from runner.task import all_tasks, task_named

NAMES = ("none", "cat", "dog")


def task(name, targets, outputs):
    return task_named(name)(Spec(name, None, targets, num_outputs=outputs))


def test_a_class_is_explained_by_its_logit():
    two = task("classification", Field("class", (), 2, ("no", "yes")), 1)
    outputs = torch.tensor([[3.0], [-1.0]])
    assert two.answers(outputs, None).tolist() == [[-3, 3], [1, -1]]
    assert two.main_answer(outputs).tolist() == [1, 0]
    assert two.answer_names == ("no", "yes")
    labels = task("multilabel", Field("labels", (3,), 3, NAMES), 3)
    assert labels.main_answer(torch.tensor([[-3.0, -1, -2]])).tolist() == [1]


def test_numbers_are_explained_in_their_units():
    values = task("regression", Field("values", (2,), names=("a", "b"), mean=(10.0, -1.0), std=(2.0, 0.5)), 2)
    assert values.answers(torch.tensor([[1.0, 4.0]]), None).tolist() == [[12, 1]]
    assert (values.answer_names, values.main_answer(torch.zeros(1, 2)).tolist()) == (("a", "b"), [0])
    steps = task("forecasting", Field("values", (3, 2), names=("a", "b"), mean=(10.0, -1.0), std=(2.0, 0.5)), 6)
    outputs = torch.arange(6.0)[None]
    assert steps.answer_names == ("a_1", "b_1", "a_2", "b_2", "a_3", "b_3")
    assert steps.answers(outputs, None).tolist() == [[10, -0.5, 14, 0.5, 18, 1.5]]
    told = {f"prediction_{name}": v for name, v in zip(steps.answer_names, steps.answers(outputs, None)[0].tolist())}
    assert steps.rows(outputs) == [told]
    alone = task("forecasting", Field("values", (3, 1)), 3)
    assert alone.answer_names == ("1", "2", "3")


def test_a_mask_is_explained_by_the_sum_over_the_region_that_was_predicted():
    masks = task("segmentation", Field("mask", (2, 2), 3, NAMES), 3)
    outputs = torch.zeros(1, 3, 2, 2)
    outputs[0, 0] = torch.tensor([[5.0, 5.0], [1.0, 5.0]])
    outputs[0, 2] = torch.tensor([[1.0, 2.0], [4.0, 3.0]])
    kept = masks.kept(outputs)
    assert kept.tolist() == [[[0, 0], [2, 0]]]
    assert masks.main_answer(outputs).tolist() == [2]  # the largest region but one
    assert masks.answers(outputs, kept).tolist() == [[15, 0, 4]]
    assert masks.answers(outputs + 1, kept).tolist() == [[18, 0, 5]]  # of the same pixels
    assert masks.main_answer(torch.tensor([0.0, 1, 0])[None, :, None, None].expand(1, 3, 2, 2)).tolist() == [1]


def test_a_box_is_explained_by_the_logit_in_its_cell():
    boxes = task("detection", Field("boxes", (None, 5), 2, NAMES[1:]), 6)
    outputs = torch.zeros(1, 2, 2, 6)
    outputs[0, :, :, 4:] = torch.tensor([[[1.0, 0], [3, 7]], [[2, 9], [4, 0]]])
    kept = boxes.kept(outputs)
    assert kept.tolist() == [[3, 2]]
    assert boxes.answers(outputs, kept).tolist() == [[4, 9]]
    assert boxes.main_answer(outputs).tolist() == [1]


def test_an_answer_in_tokens_is_explained_by_its_probability():
    pairs = task("sequence", Field("tokens", (None,), 6), 6)
    outputs = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0))
    outputs[0, 1, END] = outputs[1, 3, END] = 4  # the most probable, and not for sure: ends count as tokens
    outputs[0, 0, 4] = outputs[0, 2, END] = 20  # what stands behind the end counts for nothing
    kept = pairs.kept(outputs)
    (value, _), rows = pairs.answers(outputs, kept)[:, 0].tolist(), pairs.rows(outputs)
    assert value == pytest.approx(torch.tensor(rows[0]["probability"]).log().item(), abs=1e-5)
    model = task("tokens", Field("tokens", (None,), 6), 6)
    assert torch.equal(model.answers(outputs, None), outputs[:, -1])


def test_every_task_of_ours_names_its_answers():
    for name in all_tasks():
        assert task_named(name).answer_names is not task_named("regression").__mro__[1].answer_names


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (("data=digit_composites", "data.images=120", "data.size=16", "model=unet", "model.channels=4"), "image"),
        (("data=digit_composites", "data.images=120", "data.task=detection", "model=detector"), "image"),
        (("data=digit_sequences", "model=seq2seq", "model.hidden=8"), "tokens"),
        (("data=python_source", "model=gru", "model.hidden=8"), "tokens"),
        (("data=membrane", "model=mlp", "model.hidden=[8]"), "series"),
    ],
    ids=["segmentation", "detection", "sequence", "tokens", "forecasting"],
)
def test_every_task_is_explained(go, tmp_path, words, kinds):
    go(*words, "trainer.max_epochs=1", "trainer.limit_batches=3", "trainer.images=0")
    network = load("run")
    explained = Explained(network)
    assert explained.kind == kinds
    method = "token_attribution" if kinds == "tokens" else "integrated_gradients"
    found = explain(network, tmp_path / "out", (), Asked((method,), examples=2))[method]
    for row in found.facts["examples"]:
        span = abs(row["value"] - row["base_value"])
        assert row["sum"] == pytest.approx(row["value"] - row["base_value"], abs=0.1 * span + 1e-3)
    data = load_data(network.recipe)
    case = explained.case(data.test.read(torch.tensor([0])), "test 0")
    assert explained.answer(case) == pytest.approx(case.value, rel=1e-5, abs=1e-5)


@pytest.mark.slow
def test_nodes_are_refused(go, tmp_path):
    go("data=python_imports", "data.vocabulary=20", "model=gcn", "model.hidden=[4]", "trainer.max_epochs=1")
    with pytest.raises(ConfigError, match="an answer for a node depends on all nodes and edges"):
        explain(load("run"), tmp_path / "out")


def test_occlusion_of_series_hides_one_variable_at_a_time(go):
    go("data=digits", "data.as_sequence=true", "model=gru", "model.hidden=8", "trainer.max_epochs=1")
    network = load("run")
    explained = Explained(network)
    case = explained.case(load_data(network.recipe).test.read(torch.tensor([0])), "test 0")
    shares = method_named("occlusion")(explained, None, None).shares(case)[0]
    inputs = case.inputs.clone()
    inputs[0, 3, 2] = 0
    assert float(shares[3, 2]) == pytest.approx(case.value - explained.answer(case, inputs), abs=1e-5)
