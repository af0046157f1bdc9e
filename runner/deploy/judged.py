"""A variant beside its parent, on the same examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from runner.config.build import build_metrics
from runner.engine.evaluate import decoded_by, evaluate
from runner.engine.meter import Meter, Result
from runner.engine.precision import Precision
from runner.model.exported.network import ExportedNetwork
from runner.run.assembly import evaluation_batches

if TYPE_CHECKING:
    from torch import Tensor, nn

    from runner.engine.batch import Batch
    from runner.engine.split import Split
    from runner.model.base import Network
    from runner.run.trained import TrainedNetwork

# Tokens of a text.
_ONE_BY_ONE = 64


@dataclass(frozen=True)
class Judged:
    """Scores of both on a part of the data, and how far their outputs lie apart.

    Attributes:
        parent: scores of the parent.
        variant: scores of the variant.
        largest: difference of two outputs, absolute; not finite where one of them is no number, or only one infinite.
        mean: of all differences, absolute.
        scale: the largest finite output of the parent, absolute.
        in_pieces: the largest difference where a text is read in pieces; None: there is no file that does so.
    """

    parent: dict[str, float]
    variant: dict[str, float]
    largest: float
    mean: float
    scale: float
    in_pieces: float | None = None

    @property
    def unit(self) -> float:
        """What differences are shares of: the largest output, or 1 where all are smaller."""
        return max(1.0, self.scale)

    @property
    def relative(self) -> float:
        """The largest difference as a share of `unit`."""
        return self.largest / self.unit


def judged(
    parent: TrainedNetwork,
    variant: TrainedNetwork,
    split: Split,
    hear: Callable[[int], None] = lambda examples: None,
) -> Judged:
    """Ask both about every example of a part of the data, the parent in float32.

    Args:
        parent: the one.
        variant: the other.
        split: the part.
        hear: is told how many examples have been asked about, batch by batch.
    """
    precision = Precision("fp32", parent.device)
    batches = evaluation_batches(parent.recipe, split, parent.device, False)
    meters = [Meter(one.task, build_metrics(one.recipe, one.task)) for one in (parent, variant)]
    own = meters[0]
    own.reset()
    largest, scale, total = torch.zeros(()), torch.zeros(()), torch.zeros((), dtype=torch.float64)
    number = examples = 0

    def compare(outputs: Tensor, batch: Batch) -> None:
        nonlocal largest, scale, total, number, examples
        expected = parent.model(batch.inputs, **batch.more)
        decoded = decoded_by(parent.model, batch) if own.decoded else None
        own.add([Result(parent.loss.evaluate(expected, batch), expected, batch, parent.loss.units(batch), decoded)])
        own.fold()
        same = outputs == expected  # infinite ones too, whose difference is no number
        difference = (outputs - expected).abs().where(~same, 0.0)
        finite = expected.abs().where(expected.isfinite(), 0.0)
        if difference.numel():
            largest, scale = torch.maximum(largest, difference.max()), torch.maximum(scale, finite.max())
        total, number = total + difference.sum(dtype=torch.float64), number + difference.numel()
        examples += batch.examples
        hear(examples)

    scores = evaluate(variant.model, batches, meters[1], variant.loss, precision, compare)
    in_pieces = None
    if isinstance(variant.model, ExportedNetwork) and variant.model.exported.with_past:
        in_pieces = _in_pieces(parent.model, variant.model, split.sample(variant.model.exported.batch or 2, 0).inputs)
    return Judged(own.read(), scores, float(largest), float(total / max(1, number)), float(scale), in_pieces)


def _in_pieces(parent: nn.Module, variant: Network, texts: Tensor) -> float:
    """How far outputs lie from those of `parent` where `variant` reads texts ``(N, T)`` token by token, and by more.

    Of long texts the first tokens are read one by one, as each costs a call.
    """
    with torch.inference_mode():
        expected = parent(texts)
        differences = []
        for size, read in ((1, _ONE_BY_ONE), (7, texts.shape[1])):
            state, told = None, []
            for piece in texts[:, :read].split(size, 1):
                outputs, state = variant.follow(piece, state)
                told.append(outputs)
            differences.append((torch.cat(told, 1) - expected[:, :read]).abs().max())
    return float(torch.stack(differences).max())
