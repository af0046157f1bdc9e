import pytest
import torch
from sklearn import metrics as sk

from runner.engine.meter import Meter, NonFinite, Result
from runner.engine.metric import Metric, Statistic
from runner.engine.spec import IGNORED, Spec
from runner.engine.task import Task
from runner.metric import metrics_for
from runner.task.classification import Classification
from tests.batches import batch_of

SPEC = Spec.classification((4,), 3)


def new_meter():
    return Meter(Classification(SPEC), [metric() for metric in metrics_for("classification").values()])


def results(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    out = []
    for size in n:
        outputs = torch.randn(size, 3, generator=generator)
        targets = torch.randint(3, (size,), generator=generator)
        out.append(Result(torch.nn.functional.cross_entropy(outputs, targets), outputs, batch_of(targets), size))
    return out


def test_sums_over_batches_of_different_sizes_equal_one_pass():
    parts = results([5, 7, 2, 9])
    meter = new_meter()
    for number, part in enumerate(parts):
        meter.add([part], number + 1)
        if number == 1:
            meter.fold()
    scores = meter.read()
    outputs = torch.cat([p.outputs for p in parts])
    targets = torch.cat([p.batch.targets for p in parts])
    assert scores["loss"] == pytest.approx(float(torch.nn.functional.cross_entropy(outputs, targets)), abs=1e-6)
    predicted = outputs.argmax(1)
    assert scores["accuracy"] == pytest.approx(sk.accuracy_score(targets, predicted))
    assert scores["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(targets, predicted))
    assert scores["f1"] == pytest.approx(sk.f1_score(targets, predicted, average="macro"))


def test_the_step_that_went_wrong_is_named():
    parts = results([4, 4, 4])
    parts[1].loss = torch.tensor(float("nan"))
    meter = new_meter()
    for number, part in enumerate(parts):
        meter.add([part], 11 + number)
    with pytest.raises(NonFinite, match="step 12"):
        meter.check()


@pytest.mark.parametrize("cut", range(5))
def test_state_in_the_middle_gives_the_same_sums_to_the_last_bit(cut):
    parts = results([3, 5, 4, 6, 2], seed=3)

    def fill(meter, some, start):
        for number, part in enumerate(some, start):
            meter.add([part], number + 1)
            if number == 2:  # the fixed position where the loop folds
                meter.check()
                meter.fold()

    whole = new_meter()
    fill(whole, parts, 0)
    first = new_meter()
    fill(first, parts[:cut], 0)
    first.check()
    state = first.state_dict()
    second = new_meter()
    second.load_state_dict(state, torch.device("cpu"))
    fill(second, parts[cut:], cut)
    assert second.read() == whole.read()


def test_state_is_plain_enough_for_weights_only_loading(tmp_path):
    meter = new_meter()
    meter.add(results([3]), 1)
    meter.check()
    torch.save(meter.state_dict(), tmp_path / "meter.pt")
    torch.load(tmp_path / "meter.pt", weights_only=True)


class Share(Statistic):
    """Sums of the probability of the true class and of the inputs, and the number of targets."""

    needs = frozenset({"probabilities", "inputs"})

    def summarize(self, scored):
        right = scored.probabilities.gather(1, scored.targets[:, None])
        return torch.stack([right.double().sum(), scored.inputs.double().sum(), torch.tensor(float(len(right)))])


class Certainty(Metric):
    name, direction, tasks, statistic = "certainty", "max", frozenset({"classification"}), Share

    def compute(self, total):
        return total[0] / total[2]


class Tokens(Task):
    """A class for each step."""

    def predict(self, outputs):
        return outputs.argmax(-1)


def sentences(lengths, seed=0):
    """Batches of 4 sentences, each filled up to another length."""
    generator = torch.Generator().manual_seed(seed)
    out = []
    for length in lengths:
        outputs = torch.randn(4, length, 3, generator=generator)
        targets = torch.randint(3, (4, length), generator=generator)
        targets[0, length // 2 :] = IGNORED
        count = (targets != IGNORED).sum()
        value = torch.nn.functional.cross_entropy(outputs.transpose(1, 2), targets, ignore_index=IGNORED)
        out.append(Result(value, outputs, batch_of(targets), count))
    return out


def of_tokens():
    return Meter(Tokens(SPEC), [metric() for metric in metrics_for("classification").values()])


def filled(meter, some, start=0, fold_at=2):
    for number, part in enumerate(some, start):
        meter.add([part], number + 1)
        if number == fold_at:
            meter.check()
            meter.fold()
    return meter


@pytest.mark.parametrize("lengths", [[5, 5, 5], [7, 3, 3, 9, 1], [2, 8, 2, 8]])
def test_outputs_of_unequal_shapes_are_scored_token_by_token(lengths):
    parts = sentences(lengths)
    scores = filled(of_tokens(), parts).read()
    outputs = torch.cat([part.outputs.flatten(0, 1) for part in parts])
    targets = torch.cat([part.batch.targets.flatten() for part in parts])
    kept = targets != IGNORED
    predicted, true = outputs.argmax(1)[kept], targets[kept]
    loss = torch.nn.functional.cross_entropy(outputs[kept].double(), true)
    assert scores["loss"] == pytest.approx(float(loss), rel=1e-6)  # units that are tensors weigh each part
    assert scores["accuracy"] == pytest.approx(sk.accuracy_score(true, predicted))
    assert scores["f1"] == pytest.approx(sk.f1_score(true, predicted, average="macro"))


def test_outputs_that_take_much_memory_are_not_kept(monkeypatch):
    parts = sentences([4, 6, 6, 4])
    whole = filled(of_tokens(), parts).read()
    monkeypatch.setattr("runner.engine.meter._LARGE", 40)
    meter = of_tokens()
    for number, part in enumerate(parts):
        meter.add([part], number + 1)
        assert not meter.waiting and not meter.scored
    assert meter.read() == pytest.approx(whole)


@pytest.mark.parametrize("cut", range(7))
def test_state_in_the_middle_with_unequal_shapes(cut, tmp_path):
    parts = sentences([6, 6, 2, 6, 2, 2], seed=5)
    whole = filled(of_tokens(), parts).read()
    first = filled(of_tokens(), parts[:cut])
    first.check()
    torch.save(first.state_dict(), tmp_path / "meter.pt")
    second = of_tokens()
    second.load_state_dict(torch.load(tmp_path / "meter.pt", weights_only=True), torch.device("cpu"))
    assert filled(second, parts[cut:], cut).read() == whole


@pytest.mark.parametrize("cut", range(5))
def test_what_a_statistic_needs_is_given_and_kept_in_the_state(cut):
    parts = results([3, 5, 4, 2])
    for number, part in enumerate(parts):
        part.batch = batch_of(part.batch.targets, torch.randn(len(part.outputs), 2))
        part.units = number + 1
    outputs, targets = torch.cat([p.outputs for p in parts]), torch.cat([p.batch.targets for p in parts])
    new = lambda: Meter(Classification(SPEC), [Certainty()])  # noqa: E731
    first = filled(new(), parts[:cut])
    first.check()
    second = new()
    second.load_state_dict(first.state_dict(), torch.device("cpu"))
    scores = filled(second, parts[cut:], cut).read()
    shares = outputs.double().softmax(1).gather(1, targets[:, None])
    assert scores["certainty"] == pytest.approx(float(shares.mean()), rel=1e-6)
    (statistic,) = second.statistics.values()
    assert float(statistic.total[1]) == pytest.approx(float(torch.cat([p.batch.inputs for p in parts]).sum()), rel=1e-5)
    expected = sum(float(p.loss) * p.units for p in parts) / 10
    assert scores["loss"] == pytest.approx(expected)


def test_repetitions_behind_the_batch_are_not_scored():
    (part,) = results([6])
    doubled = Result(part.loss, torch.cat((part.outputs, -part.outputs)), part.batch, 6)
    assert filled(new_meter(), [doubled]).read() == filled(new_meter(), [part]).read()
