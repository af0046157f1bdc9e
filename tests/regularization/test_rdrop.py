import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Categorical, kl_divergence

from runner.engine.progress import Progress
from runner.engine.spec import Spec
from runner.loss.cross_entropy import CrossEntropy
from runner.regularization.rdrop import RDrop, symmetric_divergence
from runner.task.classification import Classification
from tests.batches import batch_of

SPEC = Spec.classification((5,), 4)
LOSS, TASK = CrossEntropy(SPEC), Classification(SPEC)


def technique_for(fit, model, **given):
    said = []
    progress = Progress()
    progress.message = said.append
    technique = RDrop(**given)
    technique.setup(fit(task=TASK, loss=LOSS, model=model, progress=progress))
    return technique, said


def test_divergence_is_torchs():
    torch.manual_seed(0)
    a, b = torch.randn(2, 9, 4, dtype=torch.float64)
    p, q = Categorical(logits=a), Categorical(logits=b)
    expected = 0.5 * (kl_divergence(p, q) + kl_divergence(q, p)).mean()
    torch.testing.assert_close(symmetric_divergence(TASK, a, b), expected)


def test_loss_is_half_of_the_papers(fit):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 16), nn.Dropout(0.5), nn.Linear(16, 4)).double()
    technique, said = technique_for(fit, model, alpha=0.7)
    assert said == []
    x, y = torch.randn(6, 5, dtype=torch.float64), torch.randint(4, (6,))
    batch = technique.on_batch(batch_of(y, x))
    assert (batch.examples, batch.units, len(batch.inputs)) == (6, 12, 12)  # the mean is over both passes
    outputs = model(batch.inputs)
    ours = LOSS(outputs, batch) + technique.output_penalty(outputs, batch)
    p, q = outputs.log_softmax(1)[:6], outputs.log_softmax(1)[6:]
    likelihoods = F.nll_loss(p, y) + F.nll_loss(q, y)
    divergences = F.kl_div(p, q, log_target=True, reduction="batchmean")
    divergences = divergences + F.kl_div(q, p, log_target=True, reduction="batchmean")
    torch.testing.assert_close(ours, (likelihoods + 0.7 * divergences / 2) / 2)
    assert technique.output_penalty(outputs, batch) > 0


def test_says_when_nothing_is_drawn(fit):
    _, said = technique_for(fit, nn.Linear(5, 4))
    assert len(said) == 1 and "regularization=[dropout,rdrop]" in said[0]


def test_accuracy_counts_each_example_once(go):
    result = go("regularization=[rdrop,dropout,mixup]", "trainer.max_epochs=4", "trainer.accumulate=2")
    assert result["status"] == "completed"
    assert result["test"]["accuracy"] > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision(go, precision):
    result = go("regularization=[rdrop,dropout,confidence_penalty]", f"trainer.precision={precision}")
    assert result["test"]["accuracy"] > 0.8
