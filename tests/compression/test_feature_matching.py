"""Feature matching against its formulas, and with real teachers through whole runs."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from runner.compression.feature_matching import FeatureMatching, at_same_positions, attention_term, hint_term
from runner.compression.hidden.layers import HiddenLayers
from runner.engine.batch import Batch
from runner.engine.teacher import Teacher
from runner.errors import ConfigError, Interrupted
from runner.run import evaluate_run, load, resume
from runner.testing.comparison import content, same
from tests.engine.test_step import epoch, make_fit
from tests.test_run import StopAtStep

DRAW = torch.Generator().manual_seed(0)


def random(*shape, dtype=torch.float64):
    return torch.randn(*shape, generator=DRAW, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("examples", [1, 6])
def test_formula_of_hints(examples):
    """Romero et al. 2015, equation 3, with the mean over units in the place of the sum."""
    guided, hint = random(examples, 5, 4), random(examples, 5, 4)
    expected = 0.5 * np.square(hint.numpy() - guided.numpy()).sum() / hint.numel()
    assert float(hint_term(guided, hint)) == pytest.approx(expected)


@pytest.mark.parametrize("examples", [1, 6])
def test_formula_of_attention(examples):
    """Zagoruyko and Komodakis 2017, equation 2, example by example; widths may differ."""
    student, teacher = random(examples, 5, 4), random(examples, 5, 9)
    distances = []
    for own, theirs in zip(student.numpy(), teacher.numpy(), strict=True):
        maps = [np.square(one).sum(1) for one in (own, theirs)]
        distances.append(np.linalg.norm(maps[0] / np.linalg.norm(maps[0]) - maps[1] / np.linalg.norm(maps[1])))
    assert float(attention_term(student, teacher)) == pytest.approx(0.5 * np.mean(distances))


@pytest.mark.parametrize("term", [hint_term, attention_term])
def test_padding_counts_for_nothing(term):
    student, teacher = random(2, 5, 4), random(2, 5, 4)
    valid = torch.tensor([[True] * 5, [True, True, False, False, False]])
    alone = [term(student[:1], teacher[:1]), term(student[1:, :2], teacher[1:, :2])]
    torch.testing.assert_close(term(student, teacher, valid), torch.stack(alone).mean())


def test_of_equal_layers_the_gradient_is_zero():
    """Also where a norm has no derivative."""
    features = random(3, 5, 4).requires_grad_()
    for term in (hint_term, attention_term):
        (gradient,) = torch.autograd.grad(term(features, features.detach()), features)
        assert torch.equal(gradient, torch.zeros_like(features))


def test_maps_are_brought_to_the_smaller_size_by_means():
    student, teacher = random(2, 3, 2, 4), random(2, 7, 4, 4)
    own, theirs = at_same_positions(student, teacher)
    assert torch.equal(own, student.flatten(2).mT)
    expected = teacher.unflatten(2, (2, 2)).mean(3)  # pairs of rows
    torch.testing.assert_close(theirs, expected.flatten(2).mT)
    vector, means = at_same_positions(random(2, 3), teacher)
    assert vector.shape == (2, 1, 3)
    torch.testing.assert_close(means[:, 0], teacher.mean((2, 3)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_formats_are_computed_in_float32(dtype):
    own, theirs = at_same_positions(random(2, 3, dtype=dtype), random(2, 4, dtype=dtype))
    assert own.dtype == theirs.dtype == torch.float32


def test_sequences_of_other_lengths_have_nothing_in_common():
    for other in (random(2, 4, 3), random(2, 3), random(2, 3, 5, 5)):
        with pytest.raises(ValueError, match="no positions"):
            at_same_positions(random(2, 5, 3), other)


def network(width, outputs=3):
    return nn.Sequential(nn.Linear(6, width), nn.Tanh(), nn.Linear(width, outputs))


def test_hidden_layers_are_the_right_ones():
    """By value: the input of the last layer, and layers by name and by pattern, in their order."""
    net, inputs = network(8), torch.randn(5, 6)
    first = net[0](inputs)
    hidden = HiddenLayers(net, None, "layers")
    hidden.find_last(inputs, {})
    named = HiddenLayers(net, ("2", "[01]"), "layers")
    assert named.names == ["2", "0", "1"]
    hidden.attach()
    named.attach()
    named.attach()  # no second time
    net(inputs)
    torch.testing.assert_close(hidden.taken()[0], first.tanh())
    for found, expected in zip(named.taken(), (net(inputs), first, first.tanh()), strict=True):
        torch.testing.assert_close(found, expected)
    named.detach()
    net(inputs)
    assert not named.kept
    assert not any(layer._forward_hooks for layer in net)


def test_a_layer_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"layers: 'fc' matches no layer of Sequential.* Layers: 0, 1, 2"):
        HiddenLayers(network(8), ("fc",), "layers")


def taught(teacher, **settings):
    """A technique, and what loads its teacher."""
    technique = FeatureMatching("runs/a", **settings)

    def load_teacher(path, key):
        return Teacher(path, [teacher], [technique.fit.task], [1.0], technique.fit.task)

    return technique, load_teacher


def set_up(technique, load_teacher, **more):
    fit = make_fit([technique], **more)
    fit.load_teacher = load_teacher
    technique.setup(fit)
    return fit


@pytest.mark.parametrize("width", [8, 5])
def test_the_step_has_the_gradient_of_the_formula(width):
    """The network's weights and those of the map, after an epoch, beside torch's own optimizer on the same sum."""
    teacher = network(width)
    technique, load_teacher = taught(teacher, weight=0.7)
    fit = set_up(technique, load_teacher, batch=22)
    student, regressor = network(8), nn.Linear(8, width) if width != 8 else nn.Identity()
    student.load_state_dict(fit.model.state_dict())
    regressor.load_state_dict(technique.regressors[0].state_dict())
    optimizer = torch.optim.SGD([*student.parameters(), *regressor.parameters()], lr=0.1)
    (batch,) = next(iter(fit.train.updates(0)))
    hidden = student[:2](batch.inputs)
    loss = nn.functional.cross_entropy(student[2](hidden), batch.targets)
    loss = loss + 0.7 * 0.5 * (teacher[:2](batch.inputs).detach() - regressor(hidden)).square().mean()
    loss.backward()
    optimizer.step()
    technique.on_epoch_start(1)
    for found, expected in zip(epoch(fit), student.parameters(), strict=True):
        torch.testing.assert_close(found, expected)
    for found, expected in zip(technique.regressors.parameters(), regressor.parameters(), strict=True):
        torch.testing.assert_close(found, expected)
    assert all(p.grad is None for p in teacher.parameters())


def test_accumulation_equals_one_large_batch():
    """22 examples by four: the last micro-batch is short."""
    found = []
    for batch, accumulate in ((4, 6), (22, 1)):
        torch.manual_seed(1)
        technique, load_teacher = taught(network(5))
        fit = set_up(technique, load_teacher, batch=batch, accumulate=accumulate)
        technique.on_epoch_start(1)
        found.append([*epoch(fit), *technique.regressors.parameters()])
    for small, large in zip(*found, strict=True):
        torch.testing.assert_close(small, large, rtol=0, atol=1e-6)


def test_of_texts_the_tokens_count_that_are_there():
    """Of lengths 5 and 2, each text by the formula alone."""
    student, teacher = random(2, 5, 4), random(2, 5, 4)
    technique = FeatureMatching(weight=2.0)
    technique.asks, technique.regressors = False, nn.ModuleList([nn.Identity()])
    technique.own, technique.theirs = (SimpleNamespace(taken=lambda z=z: [z]) for z in (student, teacher))
    batch = Batch(student, torch.zeros(2), {"lengths": torch.tensor([5, 2])})
    alone = [hint_term(student[:1], teacher[:1]), hint_term(student[1:, :2], teacher[1:, :2])]
    torch.testing.assert_close(technique.output_penalty(student, batch), 2 * torch.stack(alone).mean())


@pytest.mark.slow
def test_a_compiled_network_is_listened_to_as_well():
    """In a second epoch too, with an evaluation in between."""
    found = []
    for compiled in (False, True):
        torch.manual_seed(1)
        technique, load_teacher = taught(network(5))
        fit = set_up(technique, load_teacher)
        fit.network = torch.compile(fit.model, backend="eager") if compiled else fit.model
        for number in (1, 2):
            technique.on_epoch_start(number)
            fit.network.train()
            weights = epoch(fit)
            with technique.around_evaluation(), torch.inference_mode():
                fit.network.eval()(torch.zeros(2, 6))
        found.append([*weights, *technique.regressors.parameters()])
    for plain, other in zip(*found, strict=True):
        torch.testing.assert_close(plain, other)


def test_nothing_listens_in_evaluation_and_after_the_end():
    technique, load_teacher = taught(network(5))
    fit = set_up(technique, load_teacher)
    technique.on_epoch_start(1)
    hooked = [module for module in fit.model if module._forward_pre_hooks]
    assert hooked == [fit.model[2]]
    with technique.around_evaluation():
        assert not any(module._forward_pre_hooks for module in fit.model)
    assert not any(module._forward_pre_hooks for module in fit.model)  # until the next epoch
    technique.on_epoch_start(2)
    assert fit.model[2]._forward_pre_hooks


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"layers": ("0", "1")}, "2 layers here, and 1 in teacher_layers"),
        ({"how": "attention"}, "have one position"),
        ({"teacher_layers": ("x",)}, "teacher_layers: 'x' matches no layer"),
    ],
)
def test_what_can_not_be_paired_is_refused(settings, said):
    technique, load_teacher = taught(network(5), **settings)
    with pytest.raises(ConfigError, match=said):
        set_up(technique, load_teacher)


def test_without_a_teacher_it_says_where_one_comes_from():
    with pytest.raises(ConfigError, match="loss=distillation"):
        FeatureMatching().setup(make_fit([]))


CNN = ("data=digits", "model=cnn", "model.channels=[4]", "model.head=[8]", "trainer.images=0")
SHORT = (*CNN, "trainer.max_epochs=2", "trainer.limit_batches=6", "trainer.log_every=1", "data.batch_size=8")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    from runner.run import compose, run

    folder = tmp_path_factory.mktemp("teacher") / "run"
    more = ("model.channels=[6]", "model.head=[12]", "trainer.max_epochs=1", "trainer.threads=1")
    run(compose([*CNN[:2], CNN[-1], *more]), folder)
    return folder


@pytest.mark.parametrize(
    "more",
    [
        (
            "trainer.precision=bf16", "trainer.accumulate=2", "optimizer=momentum", "regularization=[mixup]",
            "loss=distillation", "loss.teacher={teacher}",
        ),
        ("optimizer=schedule_free_adamw", "optimizer/wrapper=sam", "regularization=[rdrop,dropout]"),
        ("optimizer/wrapper=lookahead", "trainer.clip_norm=1", "compression.feature_matching.how=attention"),
        ("optimizer=muon", "optimizer.params.decay_norm_bias=false", "regularization=[ema]"),
    ],
)  # fmt: skip
def test_a_resumed_run_is_the_same_bit_by_bit(more, go, teacher):
    words = [*SHORT, "compression=[feature_matching]", f"compression.feature_matching.teacher={teacher}"]
    if any("attention" in word for word in more):
        layers = [f"compression.feature_matching.{name}=[conv1]" for name in ("layers", "teacher_layers")]
        words += layers
    words += [word.format(teacher=teacher) for word in more]
    go(*words, folder="whole")
    with pytest.raises(Interrupted):
        go(*words, folder="cut", progress=StopAtStep(4))
    resume("cut")
    assert not same(content(Path("whole")), content(Path("cut")))


def test_rows_in_the_order_of_their_classes(go, teacher):
    """Not shuffled, one class after the other, and a last batch of one example."""
    more = ("trainer.reshuffle=false", "data.batch_size=37", "trainer.max_epochs=1")
    result = go(*CNN, *more, "compression=[feature_matching]", f"compression.feature_matching.teacher={teacher}")
    assert result["status"] == "completed"


def test_the_term_falls_and_the_network_is_a_plain_one(go, teacher):
    words = (*CNN, "compression=[feature_matching]", f"compression.feature_matching.teacher={teacher}")
    go(*words, "trainer.max_epochs=3", "optimizer.lr=0.01", folder="student")
    go(*CNN, "trainer.max_epochs=1", folder="plain")
    own, plain = load("student"), load("plain")
    assert own.model.state_dict().keys() == plain.model.state_dict().keys()  # the map between is no part of it
    last = torch.load("student/checkpoints/last.pt")
    assert set(last["techniques"]["feature_matching"]["regressors"]) == {"0.weight", "0.bias"}
    shutil.copytree(teacher, "moved")
    assert evaluate_run("student", "val")["accuracy"] > 0.5


def test_one_teacher_for_the_loss_and_the_layers_is_asked_once(go, teacher, monkeypatch):
    asked = []
    ask = Teacher.outputs_of_each
    monkeypatch.setattr(
        Teacher, "outputs_of_each", lambda self, batch: asked.append(len(batch.inputs)) or ask(self, batch)
    )
    words = (*SHORT, "loss=distillation", f"loss.teacher={teacher}", "compression=[feature_matching]")
    result = go(*words, "trainer.max_epochs=1")
    assert result["step"] == 6
    assert asked.count(8) == 6
