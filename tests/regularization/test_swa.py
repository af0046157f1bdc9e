import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn

from runner.engine.precision import Precision
from runner.engine.schedule import LearningRate, Plan
from runner.engine.state import TrainState
from runner.errors import ConfigError
from runner.regularization.swa import SWA, HeldRate
from runner.scheduler.constant import Constant
from runner.scheduler.cosine import Cosine
from runner.warmup.linear import Linear
from tests.batches import batch_of


class Data:
    """Batches of a split."""

    def __init__(self, batches, updates):
        self.batches, self.updates_per_epoch = batches, updates

    def updates(self, epoch):
        return ([batch_of(y, x)] for x, y in self.batches)


def part(fit, model, technique, epochs=8, updates=3, batches=()):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.param_groups[0]["initial_lr"] = 0.1
    plan = Plan(updates, epochs, epochs * updates)
    made = fit(
        model=model,
        optimizer=optimizer,
        plan=plan,
        state=TrainState(0),
        learning_rate=LearningRate(Constant(), None, plan, 0.1),
        precision=Precision("fp32", torch.device("cpu")),
        train=Data(batches, updates),
    )
    technique.setup(made)
    return made


def run(made, technique, reference=None, start=0):
    torch.manual_seed(1)
    for epoch in range(made.plan.epochs):
        for _ in range(made.plan.updates_per_epoch):
            with torch.no_grad():
                for p in made.model.parameters():
                    p.add_(torch.randn_like(p))
            technique.after_step()
            made.state.advance()
        if reference is not None and epoch >= start:
            reference.update_parameters(made.model)
        made.state.next_epoch()


def test_average_and_statistics_are_torchs(fit):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    batches = [(torch.randn(n, 1, 8, 8), torch.zeros(n)) for n in (16, 16, 7)]
    technique = SWA(start=0.5)
    made = part(fit, model, technique, batches=batches)
    reference = AveragedModel(model)
    run(made, technique, reference, start=4)
    assert technique.count == 4
    update_bn(batches, reference)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with technique.around_evaluation():
        for (name, ours), theirs in zip(model.state_dict().items(), reference.module.state_dict().values()):
            torch.testing.assert_close(ours, theirs, msg=name)
        assert not any(m.training for m in model.modules())
        x = torch.randn(5, 1, 8, 8)
        torch.testing.assert_close(model(x), reference.module.eval()(x))
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert model[1].momentum == 0.1


def test_statistics_are_computed_once_per_average_and_frozen_norms_keep_theirs(fit):
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 4), nn.BatchNorm1d(4))
    model[1].requires_grad_(False)
    nn.init.constant_(model[1].running_mean, 7.0)
    data = [(torch.randn(8, 3), torch.zeros(8))]
    technique = SWA(start=2)
    made = part(fit, model, technique, batches=data)
    calls = []
    hook = model.register_forward_hook(lambda *_: calls.append(1))
    with technique.around_evaluation():
        assert calls == []  # no average yet
    run(made, technique)
    for _ in range(2):
        with technique.around_evaluation():
            assert (model[1].running_mean == 7).all()
            assert model[3].num_batches_tracked == 1
    assert calls == [1]
    hook.remove()


@pytest.mark.parametrize("anneal", [0, 5, 10])
def test_rate_goes_to_its_value_as_torchs(anneal):
    plan = Plan(1, 30, 30)
    ours = HeldRate(LearningRate(Constant(), None, plan, 0.1), 10, 0.02 / 0.1, anneal)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    theirs = SWALR(optimizer, swa_lr=0.02, anneal_epochs=anneal)
    expected = []
    for _ in range(20):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    if anneal == 0:  # torch's first step still has the old rate
        expected[0] = 0.02
    assert [ours(t, 0.1) for t in range(10, 30)] == pytest.approx(expected)
    assert {ours(t, 0.1) for t in range(10)} == {0.1}
    assert ours(29, 0.3) == pytest.approx(0.06)  # another group keeps its ratio


def test_rate_is_held_where_no_value_is_given_and_never_in_a_warm_up():
    plan = Plan(10, 20, 200)
    cosine = LearningRate(Cosine(), None, plan, 0.1)
    held = HeldRate(LearningRate(Cosine(), None, plan, 0.1), 150, None, 50)
    assert [held(t, 0.1) for t in range(150)] == [cosine(t, 0.1) for t in range(150)]
    assert {held(t, 0.1) for t in range(150, 200)} == {cosine(150, 0.1)}
    warm = LearningRate(Constant(), Linear(steps=40), plan, 0.1)
    assert HeldRate(warm, 0, None, 0)(100, 0.1) == pytest.approx(0.1)


def test_a_start_behind_the_end_is_refused(fit):
    with pytest.raises(ConfigError, match=r"swa\.start=8: the run ends after 8 epochs"):
        part(fit, nn.Linear(2, 2), SWA(start=8))


def test_a_rate_that_follows_scores_is_not_held_but_replaced(go):
    common = ("regularization=[swa]", "scheduler=plateau", "scheduler.patience=1", "scheduler.min_delta=1")
    common += ("trainer.max_epochs=4", "regularization.swa.start=0.5", "regularization.swa.anneal_epochs=0")
    with pytest.raises(ConfigError, match=r"swa\.lr=null: .* follows scores"):
        go(*common, folder="held")
    go(*common, "regularization.swa.lr=0.02", "optimizer.lr=0.01")
    rates = [json.loads(line)["lr"] for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert rates == pytest.approx([0.01, 0.01, 0.02, 0.02])


def test_share_of_epochs(fit):
    for epochs, expected in ((20, 15), (1, 0), (3, 2)):
        technique = SWA()
        part(fit, nn.Linear(2, 2), technique, epochs=epochs)
        assert technique.start_epoch == expected


def test_rate_of_a_run_is_held(go):
    go("regularization=[swa]", "trainer.max_epochs=4", "regularization.swa.start=0.5", "scheduler.by=epoch")
    rates = [json.loads(line)["lr"] for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert rates[0] > rates[1] > rates[2] == rates[3] > 1e-5
    assert math.isclose(rates[2] / rates[0], 0.5, rel_tol=0.05)


SORTED = ("data=iris", "data.batch_size=16", "model.norm=batch", "optimizer=momentum", "seed=1")
SORTED += ("trainer.max_epochs=8", "regularization=[swa]", "regularization.swa.start=4")


def test_statistics_are_taken_from_shuffled_batches(go):
    """Iris is stored class by class: batches of neighbours would leave out the variance between the classes."""
    go(*SORTED)
    best = torch.load("run/checkpoints/best.pt", weights_only=True)["model"]
    from runner.run import load
    from runner.run.assembly import load_data

    network = load("run", "best")
    seen = []
    network.model.norm1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network.model(load_data(network.recipe).train.inputs)
    ratio = best["norm1.running_var"] / seen[0].var(0)
    assert 0.9 < ratio.mean() < 1.1
    assert min(json.loads(line)["val/loss"] for line in Path("run/metrics.jsonl").read_text().splitlines()) < 0.08


def test_statistics_taken_anew_are_the_same(fit):
    """As after a resume: the order is that of the last epoch in the average, wherever the run is by now."""
    asked = []

    class Recorded(Data):
        def updates(self, epoch):
            asked.append(epoch)
            return super().updates(epoch)

    technique = SWA(start=2)
    made = part(fit, nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), technique)
    made.train = Recorded([(torch.randn(8, 3), torch.zeros(8))], 3)
    run(made, technique)
    assert made.state.epoch == 8
    for _ in range(2):
        technique.stale = True
        with technique.around_evaluation():
            pass
    assert asked == [7, 7]
