"""Models that tell something at every token of a text, scored batch by batch: whole vocabularies take much memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import torch

from runner.baseline.ngrams import KneserNey, Unigram
from runner.baseline.tags import TagOfWord
from runner.engine.meter import Meter, Result
from runner.engine.spec import IGNORED

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.loss import Loss
    from runner.engine.metric import Metric
    from runner.engine.spec import Spec
    from runner.engine.split import Split
    from runner.engine.task import Task

# The score by which they are compared, and whether more of it is better.
SCORES = {"tokens": ("bits_per_token", False), "tagging": ("token_accuracy", True)}
ORDERS = (2, 3, 5)
NUMBERS = 2**25  # of outputs that are in memory at once, of examples of 256 tokens


class Model(Protocol):
    """A model that counts."""

    def fit(self, part: Split) -> Model:
        """Count what is in the training part."""

    def outputs(self, batch: Batch) -> Tensor:
        """What a network of this task would give for the same answers ``(N, steps, num_outputs)``."""


def models(spec: Spec) -> dict[str, Callable[[], Model]]:
    """The models that a task is tried with, by name.

    Args:
        spec: of the data, for the task tokens or tagging.
    """
    assert spec.inputs is not None and spec.inputs.size is not None
    words, outputs = spec.inputs.size, spec.num_outputs
    if spec.task == "tagging":
        return {
            "constant": lambda: TagOfWord(words, outputs, looks=False),
            "most_frequent_tag": lambda: TagOfWord(words, outputs),
        }
    return {"unigram": lambda: Unigram(outputs), **{f"kneser_ney_{order}": _ngrams(order, outputs) for order in ORDERS}}


def _ngrams(order: int, vocabulary: int) -> Callable[[], Model]:
    return lambda: KneserNey(order, vocabulary)


def scored(
    outputs: Callable[[Batch], Tensor], part: Split, task: Task, loss: Loss, metrics: list[Metric]
) -> tuple[dict[str, float], Tensor]:
    """Loss and metrics of a part, and of each of its examples what the compared score is made of.

    Args:
        outputs: what a model gives for a batch.
        part: of the data.
        task: of the run.
        loss: of the run.
        metrics: which.

    Returns:
        Scores; and ``(examples, 2)`` float64: the sum of bits or of hits, and the tokens that it is of.
    """
    meter, sums = Meter(task, metrics), []
    for rows in torch.arange(len(part)).split(max(1, NUMBERS // (256 * task.spec.num_outputs))):
        batch = part.read(rows)
        given = outputs(batch)
        meter.add([Result(loss.evaluate(given, batch), given, batch, loss.units(batch))])
        meter.fold()
        inside = batch.targets != IGNORED
        if task.name == "tagging":
            each = (given.argmax(-1) == batch.targets).double()
        else:
            true = batch.targets.clamp(min=0)[..., None]
            each = -given.log_softmax(-1).gather(-1, true)[..., 0].double() / torch.log(torch.tensor(2.0))
        sums.append(torch.stack((each.where(inside, 0.0).sum(1), inside.sum(1).double()), 1))
    return meter.read(), torch.cat(sums)
