"""Distillation against its formula, and with real teachers through whole runs."""

import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from runner.engine.spec import IGNORED, Field, Spec
from runner.engine.teacher import Teacher
from runner.errors import ConfigError
from runner.loss.distillation import Distillation, softened_divergence
from runner.run import evaluate_run, load
from runner.run.assembly import load_data
from runner.task.classification import Classification
from runner.task.regression import Regression
from tests.batches import batch_of

SPEC = Spec.classification((4,), 3)


def taught_by(network, spec=SPEC, task=Classification, **settings):
    """The loss with a network as its teacher."""
    own = task(spec)
    return Distillation(spec, "runs/a", lambda path, key: Teacher(path, [network], [own], [1.0], own), **settings)


def logits(seed):
    return 3 * torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_formula(temperature):
    student, teacher = logits(0), logits(1)
    p, q = (teacher / temperature).softmax(1), (student / temperature).softmax(1)
    expected = temperature**2 * (p * (p / q).log()).sum(1).mean()
    torch.testing.assert_close(softened_divergence(student, teacher, temperature), expected)


def test_at_high_temperatures_it_matches_centred_logits():
    """Hinton et al. 2015, equation 4: the gradient tends to ``(z - v) / C`` for logits of mean zero."""
    student, teacher = (z - z.mean(1, keepdim=True) for z in (logits(0), logits(1)))
    student.requires_grad_()
    softened_divergence(student, teacher, 1e4).backward()
    torch.testing.assert_close(student.grad * 50, (student.detach() - teacher) / 3, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_mixes_both_parts_and_evaluates_the_hard_one(alpha):
    torch.manual_seed(0)
    teacher = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5)).double()
    loss = taught_by(teacher, temperature=2.0, alpha=alpha)
    inputs, targets = torch.randn(50, 4, dtype=torch.float64), torch.randint(3, (50,))
    outputs = logits(0).requires_grad_()
    hard = nn.functional.cross_entropy(outputs, targets)
    batch = batch_of(targets, inputs)
    torch.testing.assert_close(loss.evaluate(outputs, batch), hard)
    assert Distillation(SPEC, "gone").teacher is None  # an evaluation needs none
    soft = softened_divergence(outputs, teacher[0](inputs), 2.0)  # without its dropout
    value = loss(outputs, batch)
    torch.testing.assert_close(value, (1 - alpha) * hard + alpha * soft)
    value.backward()
    assert all(p.grad is None for p in teacher.parameters())
    torch.testing.assert_close(loss.evaluate(outputs, batch), hard)


def test_a_teacher_of_other_classes_is_refused():
    loss = taught_by(nn.Linear(4, 7))
    with pytest.raises(ConfigError, match=r"outputs of shape \(2, 7\), and this run's network \(2, 3\)"):
        loss(torch.randn(2, 3), batch_of(torch.tensor([0, 1]), torch.randn(2, 4)))


QUICK = ("trainer.max_epochs=2", "model.hidden=[16]", "trainer.limit_batches=10")


@pytest.fixture
def teacher(go):
    go("trainer.max_epochs=6", "model.hidden=[64]", "regularization=[dropout]", "optimizer.lr=0.003", folder="teacher")
    return "teacher"


def test_a_student_learns_from_a_run_folder_and_from_a_file(go, teacher):
    command = ("loss=distillation", "loss.alpha=1.0", "model.hidden=[16]", "trainer.max_epochs=5", "optimizer.lr=0.01")
    go(*command, f"loss.teacher={teacher}", folder="a")
    go(*command, f"loss.teacher={teacher}/checkpoints/best.pt", folder="b")
    states = [torch.load(Path(name, "checkpoints/last.pt"))["model"] for name in "ab"]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    network = load(teacher)
    student = load("a").model
    inputs = load_data(network.recipe).val.inputs
    agreement = (network.model(inputs).argmax(1) == student(inputs).argmax(1)).float().mean()
    assert agreement > 0.85  # of labels it has seen none: alpha is 1
    shutil.rmtree(teacher)
    assert evaluate_run("a", "val")["accuracy"] > 0.85  # an evaluation needs no teacher


def test_scores_are_the_plain_cross_entropy(go, teacher):
    """That of the teacher's soft answers is in the loss that is learnt from, and in no score."""
    command = ("loss=distillation", f"loss.teacher={teacher}", "loss.alpha=1.0", "trainer.precision=fp32")
    result = go(*command, *QUICK, folder="student")
    student = load("student")
    data = load_data(student.recipe)
    with torch.no_grad():
        for part in ("val", "test"):
            split = data.parts[part]
            expected = nn.functional.cross_entropy(student.model(split.inputs), split.targets)
            assert result[part]["loss"] == pytest.approx(float(expected), rel=1e-5)
    assert evaluate_run("student", "val")["loss"] == pytest.approx(result["val"]["loss"], rel=1e-6)
    assert result["train"]["loss"] != pytest.approx(evaluate_run("student", "train")["loss"], rel=0.05)


def test_soft_targets_and_accumulation_go_along(go, teacher):
    result = go(
        "loss=distillation", f"loss.teacher={teacher}", "regularization=[label_smoothing]", "trainer.accumulate=2",
        "trainer.precision=bf16", *QUICK,
    )  # fmt: skip
    assert result["status"] == "completed"


def test_wrong_teachers_are_refused_in_a_sentence(go, teacher):
    with pytest.raises(ConfigError, match=r"loss\.teacher=nowhere: there is no nowhere.*run folder"):
        go("loss=distillation", "loss.teacher=nowhere", *QUICK, folder="a")
    with pytest.raises(ConfigError, match=r"loss.teacher: a value is required"):
        go("loss=distillation", *QUICK, folder="b")
    with pytest.raises(ConfigError, match="tells 10 classes apart, and these data have 3"):
        go("loss=distillation", f"loss.teacher={teacher}", "data=iris", *QUICK, folder="c")
    with pytest.raises(ConfigError, match="is for classification, and these data are for regression"):
        go("loss=distillation", f"loss.teacher={teacher}", "data=diabetes", *QUICK, folder="d")


def test_of_values_it_is_the_squared_distance_to_both():
    teacher, spec = nn.Linear(4, 2).double(), Spec.regression((4,), 2)
    loss = taught_by(teacher, spec, Regression, alpha=0.3)
    inputs, targets, outputs = (torch.randn(9, n, dtype=torch.float64) for n in (4, 2, 2))
    expected = 0.7 * (outputs - targets).square().mean() + 0.3 * (outputs - teacher(inputs)).square().mean()
    batch = batch_of(targets, inputs)
    torch.testing.assert_close(loss(outputs, batch), expected)
    torch.testing.assert_close(loss.evaluate(outputs, batch), (outputs - targets).square().mean())


@pytest.mark.parametrize("kind", ["mask", "tags"])
def test_of_pixels_and_tokens_those_count_that_are_not_ignored(kind):
    """One unit after the other, each by the formula; classes stand second in masks and last in texts."""
    shape = (2, 5) if kind == "tags" else (2, 5, 4)
    targets = torch.randint(3, shape, generator=torch.Generator().manual_seed(0))
    targets[0, 1:] = IGNORED
    spec = Spec("tagging" if kind == "tags" else "segmentation", None, Field(kind, (None,) * (len(shape) - 1), 3))
    draw = torch.Generator().manual_seed(1)
    student, teacher = (torch.randn(*shape, 3, generator=draw, dtype=torch.float64) for _ in range(2))
    counted = [tuple(place) for place in (targets != IGNORED).nonzero().tolist()]
    told = [softened_divergence(student[place][None], teacher[place][None], 4.0) for place in counted]
    hard = nn.functional.cross_entropy(student.flatten(0, -2), targets.flatten(), ignore_index=IGNORED)
    if kind == "mask":
        student, teacher = student.movedim(-1, 1), teacher.movedim(-1, 1)
    network = nn.Identity()
    loss = taught_by(network, spec)
    batch = batch_of(targets, teacher)
    batch.units = int((targets != IGNORED).sum())
    torch.testing.assert_close(loss(student, batch), 0.1 * hard + 0.9 * torch.stack(told).mean())


def test_a_teacher_with_one_logit_tells_two_classes():
    """Trained with sigmoids, its probabilities are those of the two classes."""
    spec = Spec.classification((4,), 2)
    own, theirs = Classification(spec), Classification(spec.with_outputs(1), "sigmoid")
    network, inputs = nn.Linear(4, 1), torch.randn(8, 4)
    told = Teacher("a", [network], [theirs], [1.0], own)(batch_of(torch.zeros(8), inputs))
    second = network(inputs).sigmoid()[:, 0]
    torch.testing.assert_close(told.softmax(1), torch.stack((1 - second, second), 1))


def test_values_are_told_in_the_units_of_the_network_that_learns_by_the_weights_of_the_members():
    """By hand: 3 steps of 2 from 10 are 16, and 1 of 4 from 2 is 6."""
    own, first, second = (
        Regression(Spec.regression((1,), 1, (mean,), (std,))) for mean, std in ((1.0, 2.5), (10.0, 2.0), (2.0, 4.0))
    )
    batch = batch_of(torch.zeros(1, 1), torch.ones(1, 1))
    members = [nn.Linear(1, 1, bias=False) for _ in range(2)]
    for member, value in zip(members, (3.0, 1.0), strict=True):
        member.weight.data.fill_(value)
    told = Teacher("a", members, [first, second], [0.25, 0.75], own)(batch)
    torch.testing.assert_close(told, torch.tensor([[(0.25 * 16 + 0.75 * 6 - 1) / 2.5]]))
    torch.testing.assert_close(Teacher("a", members[:1], [first], [1.0], own)(batch), torch.tensor([[6.0]]))


@pytest.mark.parametrize("data", ["diabetes", "python_functions"])
def test_values_and_tags_are_learnt_through_whole_runs(data, go):
    small = (f"data={data}", "trainer.max_epochs=1", "trainer.limit_batches=3", "trainer.images=0")
    if data == "python_functions":
        small = (*small, "data.vocabulary=60", "model=gru")
    go(*small, folder="teacher")
    result = go(*small, "loss=distillation", "loss.teacher=teacher", folder="student")
    assert result["status"] == "completed"
    assert evaluate_run("student", "val")["loss"] == pytest.approx(result["val"]["loss"], rel=1e-5)
