"""Scores of a network on a split it does not learn from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from runner.engine.batches import Batches
from runner.engine.meter import Meter, Result
from runner.engine.technique import listeners

if TYPE_CHECKING:
    from torch import nn

    from runner.engine.batch import Batch
    from runner.engine.fit import Fit
    from runner.engine.loss import Loss
    from runner.engine.precision import Precision


# Predictions are folded into statistics after this many batches, which bounds the memory they take.
_FOLD_EVERY = 64


@torch.inference_mode()
def evaluate(
    network: nn.Module,
    batches: Batches,
    meter: Meter,
    loss: Loss,
    precision: Precision,
    see: Callable[[Tensor, Batch], None] | None = None,
) -> dict[str, float]:
    """Loss and metrics over all of `batches`, with the network in evaluation mode.

    Args:
        network: what is called.
        batches: the examples, which are taken in their order.
        meter: adds up; what it has afterwards is of these examples alone.
        loss: the loss.
        precision: number format.
        see: is given the outputs for every batch.

    Returns:
        Scores by plain name, such as ``{"loss": .., "accuracy": ..}``. A loss that is not finite is returned as it
        is: it is never the best, and written as null.
    """
    network.eval()
    meter.reset()
    for number, batch in enumerate(batches.in_order()):
        if precision.dtype is None:
            outputs = network(batch.inputs, **batch.more)
            value = loss.evaluate(outputs, batch)
            decoded = decoded_by(network, batch) if meter.decoded else None
        else:
            with precision.autocast():
                outputs = network(batch.inputs, **batch.more)
                value = loss.evaluate(outputs, batch)
                decoded = decoded_by(network, batch) if meter.decoded else None
        meter.add([Result(value, outputs, batch, loss.units(batch), decoded)])
        if see is not None:
            see(outputs, batch)
        if number % _FOLD_EVERY == _FOLD_EVERY - 1:
            meter.fold()
    return meter.read()


def decoded_by(network: nn.Module, batch: Batch) -> Tensor:
    """What the network gives where it is not told the true tokens in front of each."""
    beside = {name: value for name, value in batch.more.items() if name != "decoder_inputs"}
    outputs: Tensor = network(batch.inputs, **beside)
    return outputs


def evaluate_others(fit: Fit, split: str, batches: Batches) -> dict[str, float]:
    """Scores of the networks that techniques want scored beside the run's own: ``{"ensemble_loss": .., ..}``."""
    return {
        f"{prefix}_{name}": value
        for others in listeners(fit.techniques, "also_evaluate")
        for prefix, network in others(split).items()
        for name, value in evaluate(
            network, batches, Meter(fit.task, fit.meter.metrics, ranks=batches.ranks), fit.loss, fit.precision
        ).items()
    }
