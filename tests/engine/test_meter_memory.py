"""Outputs of a whole vocabulary for every token are not kept for long, and a resumed pass has the same sums."""

import torch

from runner.engine import meter as meters
from runner.engine.batch import Batch
from runner.engine.meter import Meter, Result
from runner.engine.spec import IGNORED, Field, Spec
from runner.metric.perplexity import Perplexity
from runner.task.tokens import Tokens

VOCABULARY = Field("tokens", (None,), 11)
TASK = Tokens(Spec("tokens", VOCABULARY, VOCABULARY, num_outputs=11))


def results(number):
    generator = torch.Generator().manual_seed(0)
    for _ in range(number):
        outputs = torch.randn(2, 5, 11, generator=generator)
        targets = torch.randint(11, (2, 5), generator=generator)
        targets[1, 3:] = IGNORED
        yield Result(torch.tensor(0.0), outputs, Batch(outputs[..., 0], targets), 8)


def test_outputs_are_folded_before_they_take_much_memory(monkeypatch):
    monkeypatch.setattr(meters, "_LARGE", 330)  # three batches of 110
    meter = Meter(TASK, [Perplexity()])
    most = 0
    for result in results(20):
        meter.add([result])
        most = max(most, sum(outputs.numel() for outputs, *_ in meter.waiting))
    assert most == 330
    assert meter.read()["perplexity"] > 1


def test_a_pass_that_is_interrupted_folds_where_a_whole_one_does(monkeypatch):
    monkeypatch.setattr(meters, "_LARGE", 330)
    whole = Meter(TASK, [Perplexity()])
    for result in results(10):
        whole.add([result])
    kept, scores = whole.kept, whole.read()
    assert kept == 220
    for cut in range(10):
        first, second = Meter(TASK, [Perplexity()]), Meter(TASK, [Perplexity()])
        for number, result in enumerate(results(10)):
            (first if number < cut else second).add([result])
            if number == cut - 1:
                first.check()
                second.load_state_dict(first.state_dict(), torch.device("cpu"))
        assert second.kept == kept
        assert second.read() == scores
