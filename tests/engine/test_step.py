"""What one update does, against one large batch, torch and closed forms."""

from functools import partial

import pytest
import torch
from torch import nn

from runner.engine.batches import Batches
from runner.engine.clip import clip_by_weights_
from runner.engine.fit import Best, Fit
from runner.engine.interrupt import Interrupt
from runner.engine.loss import Loss
from runner.engine.meter import Meter
from runner.engine.monitor import Monitor
from runner.engine.precision import Precision
from runner.engine.progress import Progress
from runner.engine.schedule import LearningRate, Plan, Schedule
from runner.engine.settings import Trainer
from runner.engine.spec import IGNORED, Spec
from runner.engine.split import SequenceSplit, TensorSplit
from runner.engine.split.sequences import ragged
from runner.engine.state import TrainState
from runner.engine.step import Step
from runner.engine.technique import Slot, Technique, in_order
from runner.errors import ConfigError
from runner.loss.cross_entropy import CrossEntropy
from runner.scheduler.cyclic import Cyclic
from runner.scheduler.onecycle import OneCycle
from runner.task.classification import Classification

CPU = torch.device("cpu")
SPEC = Spec.classification((6,), 3)


class Constant(Schedule):
    def lr(self, t, base_lr):
        return base_lr


def data(n=22):
    generator = torch.Generator().manual_seed(0)
    return TensorSplit(torch.randn(n, 6, generator=generator), torch.randint(3, (n,), generator=generator))


def make_fit(techniques=(), optimizer=torch.optim.SGD, model=None, batch=4, lr=0.1, split=None, loss=None, **settings):
    torch.manual_seed(0)
    model = model or nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    trainer = Trainer(**settings)
    optimizer = optimizer(model.parameters(), lr=lr)
    for group in optimizer.param_groups:
        group["initial_lr"] = lr
    batches = Batches(split or data(), batch, CPU, accumulate=trainer.accumulate)
    plan = Plan(batches.updates_per_epoch, 1, batches.updates_per_epoch)
    loss, task = loss or CrossEntropy(SPEC), Classification(SPEC)
    return Fit(
        model, model, loss, optimizer, LearningRate(Constant(), None, plan, lr), in_order(techniques), task, plan,
        trainer, Precision(trainer.precision, CPU), CPU, TrainState(0), batches, batches, Meter(task, []),
        Best(Monitor("val/loss", "min")), {"val/loss": "min"}, None, Interrupt(), Progress(), {},
    )  # fmt: skip


def epoch(fit):
    step = Step(fit)
    for update in fit.train.updates(0):
        step.set_rates()
        step.gradients(update)
        step.apply(want_norm=False)
        fit.state.advance()
    return [p.detach().clone() for p in fit.model.parameters()]


@pytest.mark.parametrize("accumulate", [2, 3, 6])
def test_accumulation_equals_one_large_batch(accumulate):
    """22 examples in micro-batches of 4: the last one is short, so the parts differ in size."""
    small = epoch(make_fit(batch=4, accumulate=accumulate))
    large = epoch(make_fit(batch=4 * accumulate))
    for a, b in zip(small, large):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


class PerToken(Loss):
    """Cross-entropy over the tokens that count; tells their number from the host, or leaves it on the device."""

    def __init__(self, on_device):
        self.on_device = on_device

    def __call__(self, outputs, batch):
        return nn.functional.cross_entropy(outputs.transpose(1, 2), batch.targets, ignore_index=IGNORED)

    def units(self, batch):
        return (batch.targets != IGNORED).sum() if self.on_device else batch.units


class Tagger(nn.Module):
    """A class for each token."""

    def __init__(self):
        super().__init__()
        self.embedding, self.output = nn.Embedding(9, 4), nn.Linear(4, 3)

    def forward(self, tokens, lengths):
        return self.output(self.embedding(tokens))


# Shares of an update that are told from the device are numbers in single precision.
EXACT = {False: {"rtol": 1e-10, "atol": 1e-12}, True: {"rtol": 1e-6, "atol": 1e-8}}


def sentences(n=22):
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 12, (n,), generator=generator).tolist()
    values, offsets = ragged([torch.randint(1, 9, (length,), generator=generator) for length in lengths])
    return SequenceSplit(values, offsets, torch.randint(3, (len(values),), generator=generator), offsets)


@pytest.mark.parametrize("on_device", [False, True])
def test_an_update_is_the_mean_over_the_units_of_all_its_parts(on_device):
    """Micro-batches of 4 sentences hold different numbers of tokens; by hand, over all tokens of 12 sentences."""
    torch.manual_seed(0)
    split, loss, model = sentences(), PerToken(on_device), Tagger().double()
    fit = make_fit(model=model, split=split, loss=loss, accumulate=3)
    update = next(iter(fit.train.updates(0)))
    assert len({batch.units for batch in update}) > 1
    results = Step(fit).gradients(update)
    fit.meter.add(results, 1)
    rows = fit.train.order(0)[:12]
    losses = []
    for row in rows.tolist():
        start, end = split.offsets[row], split.offsets[row + 1]
        outputs = model(split.values[None, start:end], None)[0]
        losses.append(nn.functional.cross_entropy(outputs, split.targets[start:end], reduction="none"))
    expected = torch.cat(losses).mean()
    assert fit.meter.read()["loss"] == pytest.approx(float(expected.detach()), rel=1e-12)
    for parameter, gradient in zip(model.parameters(), torch.autograd.grad(expected, [*model.parameters()])):
        torch.testing.assert_close(parameter.grad, gradient, **EXACT[on_device])


@pytest.mark.parametrize("on_device", [False, True])
def test_accumulation_over_tokens_equals_one_large_batch(on_device):
    def moved(batch, accumulate):
        torch.manual_seed(1)
        return epoch(make_fit(model=Tagger().double(), split=sentences(), loss=PerToken(on_device), batch=batch,
                              accumulate=accumulate))  # fmt: skip

    for small, large in zip(moved(4, 3), moved(12, 1)):
        torch.testing.assert_close(small, large, **EXACT[on_device])


class Given(nn.Module):
    """A network whose gradient is what the test says."""

    def __init__(self, gradient):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(len(gradient)))
        self.gradient = torch.tensor(gradient)

    def forward(self, x):
        return torch.zeros(len(x), 3) + (self.w * self.gradient).sum()


class SumLoss(Loss):
    def __call__(self, outputs, batch):
        return outputs[0, 0]


def given(gradient, **settings):
    fit = make_fit(model=Given(gradient), lr=1.0, **settings)
    fit.loss = SumLoss()
    step = Step(fit)
    step.gradients(next(iter(fit.train.updates(0))))
    norm = step.apply(want_norm=False)
    return -fit.model.w.detach(), norm


def test_clipping_by_norm_gives_the_published_example():
    moved, norm = given([10.0, -15.0, 8.0], clip_norm=1.0)
    torch.testing.assert_close(moved, torch.tensor([0.51, -0.76, 0.41]), atol=5e-3, rtol=0)
    reference = nn.Parameter(torch.zeros(3))
    reference.grad = torch.tensor([10.0, -15.0, 8.0])
    expected = nn.utils.clip_grad_norm_([reference], 1.0)
    torch.testing.assert_close(moved, reference.grad)
    torch.testing.assert_close(norm, expected)


def test_clipping_by_value():
    moved, _ = given([10.0, -0.2, -8.0], clip_value=0.5)
    torch.testing.assert_close(moved, torch.tensor([0.5, -0.2, -0.5]))


def test_adaptive_clipping_is_the_papers_equation():
    torch.manual_seed(0)
    parameters = [nn.Parameter(torch.randn(shape)) for shape in [(4, 3), (5, 2, 3, 3), (6,), ()]]
    parameters.append(nn.Parameter(torch.zeros(4, 3)))  # starts at zero, and can leave it
    for p in parameters:
        p.grad = torch.randn(p.shape)
        if p.ndim > 1:  # some units above the bound and some below
            p.grad *= torch.logspace(-4, 2, len(p)).view(-1, *(1 for _ in p.shape[1:]))
    expected = []
    for p in parameters:
        rows = zip(p, p.grad, strict=True) if p.ndim > 1 else [(p, p.grad)]
        parts = []
        for w, g in rows:
            most = 0.02 * max(float(w.detach().norm()), 1e-3)
            parts.append(g * most / g.norm() if g.norm() > most else g)
        expected.append(torch.stack(parts) if p.ndim > 1 else parts[0])
    clip_by_weights_(parameters, 0.02)
    for p, e in zip(parameters, expected, strict=True):
        torch.testing.assert_close(p.grad, e.detach())
    assert float(parameters[-1].grad.norm()) > 0


def test_adaptive_clipping_leaves_the_last_layer_alone():
    plain, clipped = epoch(make_fit()), epoch(make_fit(clip_adaptive=1e-6))
    start = list(make_fit().model.parameters())
    moved = [float((a - b).detach().norm()) for a, b in zip(clipped, start, strict=True)]
    free = [float((a - b).detach().norm()) for a, b in zip(plain, start, strict=True)]
    assert all(m < 0.01 * f for m, f in zip(moved[:-2], free[:-2], strict=True))
    assert moved[-1] > 0.1 * free[-1]


def test_clipping_comes_after_accumulation():
    whole = epoch(make_fit(batch=8, clip_norm=0.05))
    parts = epoch(make_fit(batch=4, accumulate=2, clip_norm=0.05))
    for a, b in zip(whole, parts):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


def test_fp16_clips_unscaled_gradients():
    moved, norm = given([10.0, -15.0, 8.0], clip_norm=1.0, precision="fp16")
    assert float(norm) == pytest.approx(19.7, abs=0.1)
    torch.testing.assert_close(moved, torch.tensor([0.51, -0.76, 0.41]), atol=1e-2, rtol=0)


def test_fp16_overflow_is_skipped_and_counted():
    fit = make_fit(model=Given([1e36, 1.0]), lr=1.0, precision="fp16")
    fit.loss = SumLoss()
    step = Step(fit)
    scale = fit.precision.scaler.get_scale()
    step.gradients(next(iter(fit.train.updates(0))))
    step.apply(want_norm=False)
    assert fit.state.skipped == 1
    assert fit.model.w.tolist() == [0.0, 0.0]
    assert fit.precision.scaler.get_scale() == scale / 2


def test_nonfinite_gradients_are_skipped_by_choice():
    moved, _ = given([float("nan"), 1.0], on_nonfinite="skip")
    assert moved.tolist() == [0.0, 0.0]
    moved, _ = given([float("nan"), 1.0])
    assert not moved.isfinite().all()


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_an_update_is_left_out_for_its_loss_alone_and_training_goes_on(precision):
    """A loss can overflow where its gradient is a number: the square of a large error."""
    fit = make_fit(model=Given([1.0, 1.0]), lr=1.0, on_nonfinite="skip", precision=precision)
    losses = iter([float("inf"), 0.0])

    class Overflowing(SumLoss):
        def __call__(self, outputs, batch):
            return super().__call__(outputs, batch) + next(losses)

    fit.loss = Overflowing()
    step = Step(fit)
    for expected in (0.0, -1.0):
        step.gradients(next(iter(fit.train.updates(0))))
        step.apply(want_norm=False)
        assert fit.model.w.tolist() == [expected, expected]
        assert step.left_out == (expected == 0.0)
    assert fit.state.skipped == 1


def test_an_update_that_is_left_out_changes_no_statistics():
    fit = make_fit(model=nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)), on_nonfinite="skip")
    step, before = Step(fit), {name: tensor.clone() for name, tensor in fit.model.state_dict().items()}
    batch, *_ = next(iter(fit.train.updates(0)))
    inputs = batch.inputs
    for given, changed in ((torch.full_like(inputs, float("nan")), 0), (inputs, len(before))):
        step.gradients([batch.changed(given)])
        step.apply(want_norm=False)
        now = fit.model.state_dict()
        # The bias in front of batch norm has no gradient but rounding.
        assert sum(not torch.equal(now[name], before[name]) for name in before if name != "0.bias") == max(
            0, changed - 1
        )


@pytest.mark.parametrize("schedule", [OneCycle, Cyclic])
@pytest.mark.parametrize("optimizer", [partial(torch.optim.SGD, momentum=0.9), torch.optim.AdamW, torch.optim.Adagrad])
def test_rates_and_momenta_reach_the_optimizer_as_torch_sets_them(schedule, optimizer):
    """Momentum, or the first beta, where there is one of them."""
    fit, total = make_fit(optimizer=optimizer), 20
    plan = Plan(5, 4, total)
    fit.learning_rate = LearningRate(schedule(), None, plan, 0.1)
    step = Step(fit)
    reference = optimizer([nn.Parameter(torch.zeros(1))], lr=0.1)
    cycles = not isinstance(reference, torch.optim.Adagrad)  # torch refuses to cycle what has no momentum
    torchs = {
        OneCycle: lambda: torch.optim.lr_scheduler.OneCycleLR(reference, 0.1, total, cycle_momentum=cycles),
        Cyclic: lambda: torch.optim.lr_scheduler.CyclicLR(reference, 0.01, 0.1, 2, cycle_momentum=cycles),
    }[schedule]()
    for _ in range(total):
        step.set_rates()
        ours, theirs = fit.optimizer.param_groups[0], reference.param_groups[0]
        for name in {"lr", "momentum", "betas"} & ours.keys():
            assert ours[name] == pytest.approx(theirs[name]), name
        fit.state.advance()
        reference.step()
        if fit.state.step < total:
            torchs.step()


def test_the_scale_falls_where_a_skipped_update_overflowed():
    fit = make_fit(model=Given([1e36, 1.0]), precision="fp16", on_nonfinite="skip")
    fit.loss = SumLoss()
    step, scale = Step(fit), fit.precision.scaler.get_scale()
    step.gradients(next(iter(fit.train.updates(0))))
    step.apply(want_norm=False)
    assert (fit.state.skipped, fit.precision.scaler.get_scale()) == (1, scale / 2)


@pytest.mark.parametrize("settings", [{"on_nonfinite": "skip"}, {"precision": "fp16"}])
def test_techniques_that_count_updates_hear_of_those_left_out(settings):
    """Otherwise the average over the ends of epochs misses the epoch whose last update was left out."""
    heard = []
    fit = make_fit([Recording(heard)], model=Given([float("inf"), 1.0]), **settings)
    fit.loss = SumLoss()
    step = Step(fit)
    step.gradients(next(iter(fit.train.updates(0))))
    step.apply(want_norm=False)
    assert fit.state.skipped == 1
    assert heard[-1] == "after_step"


class Recording(Technique):
    """Listens to everything and writes down the order."""

    slot = Slot.COLOUR
    heard: list

    def __init__(self, heard):
        self.heard = heard

    def on_batch(self, batch):
        self.heard.append("on_batch")
        return batch

    def output_penalty(self, outputs, batch):
        self.heard.append("output_penalty")
        return outputs.sum() * 0

    def penalty(self):
        self.heard.append("penalty")
        return torch.zeros(())

    def around_gradients(self, gradients):
        self.heard.append("around")
        return gradients()

    def before_step(self):
        self.heard.append("before_step")

    def after_step(self):
        self.heard.append("after_step")


def test_events_come_in_this_order_and_the_penalty_once_per_update():
    heard = []
    fit = make_fit([Recording(heard)], accumulate=2)
    step = Step(fit)
    step.gradients(next(iter(fit.train.updates(0))))
    step.apply(want_norm=False)
    micro = ["on_batch", "output_penalty"]
    assert heard == ["around", *micro, "penalty", *micro, "before_step", "after_step"]


class First(Technique):
    slot = Slot.GEOMETRY


class Second(Technique):
    slot = Slot.NOISE


def test_slots_fix_the_order_and_conflicts_are_errors():
    a, b = First(), Second()
    assert in_order([b, a]) == [a, b]
    b.conflicts = {a.name: "they fight"}
    with pytest.raises(ConfigError, match="they fight"):
        in_order([a, b])


def test_events_that_are_not_overridden_are_not_called():
    fit = make_fit([First()])
    step = Step(fit)
    assert not (step.on_batch or step.output_penalties or step.penalties or step.before_step or step.after_step)
    assert step.gradients == step._gradients
