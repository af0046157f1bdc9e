import pytest
import torch
from sklearn import metrics as sk

from runner.engine.meter import Meter, NonFinite, Result
from runner.engine.spec import Spec
from runner.loss.cross_entropy import CrossEntropy
from runner.metric import metrics_for

SPEC = Spec.classification((4,), 3)


def new_meter():
    return Meter(CrossEntropy(SPEC), [metric() for metric in metrics_for("classification").values()], SPEC)


def results(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    out = []
    for size in n:
        outputs = torch.randn(size, 3, generator=generator)
        targets = torch.randint(3, (size,), generator=generator)
        out.append(Result(torch.nn.functional.cross_entropy(outputs, targets), outputs, targets, size))
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
    targets = torch.cat([p.targets for p in parts])
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
