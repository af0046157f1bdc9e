"""What the end of a run looks at once, so that the run can be judged later without its data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from runner.diagnostics.dead_units import dead_share, saturated_share
from runner.diagnostics.gradient_norm import norms_of
from runner.diagnostics.observation.network import evaluation_mode, layer_weights
from runner.diagnostics.observation.units import ACTIVATIONS, hidden_units, slopes
from runner.metric.statistic.confusion import ConfusionMatrix

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.fit import Fit
    from runner.engine.spec import Field

_EXAMPLES = 256  # as many as diagnostics look with: a share of units is known to 1/256 at best
_MEASURED = ("table", "series", "image", "graph")  # kinds of inputs that are numbers on a scale


def observed(fit: Fit, learned: bool = True) -> dict[str, Any]:
    """Scale of inputs and targets, examples by class, dead units and vanishing gradients of the network as it is.

    Looks at no more than 256 training examples, in the micro-batches of training, which fit in memory. Draws nothing,
    changes nothing, and costs about as much as ten updates.

    Args:
        fit: the run.
        learned: look at the network too; not where its weights are no numbers.

    Returns:
        Plain values, as ``result.json`` has them.
    """
    size = fit.train.first_size
    rows = fit.train.order(0)[:_EXAMPLES].split(size)
    batches = [fit.train.read(part) for part in rows]
    found: dict[str, Any] = {"task": fit.task.name, "examples": sum(len(part) for part in rows)}
    found |= {"first_loss": fit.meter.first_loss, "highest_loss": fit.meter.highest_loss}
    inputs, targets = fit.spec.inputs, fit.spec.targets
    if inputs is not None and inputs.kind in _MEASURED:
        dim = -1 if inputs.kind == "series" else 1
        found["inputs"] = _scales([batch.inputs for batch in batches], inputs, dim)
    if targets is not None and targets.kind == "values":
        found["targets"] = _scales([batch.targets for batch in batches], targets, -1)
    if targets is not None and targets.kind == "tokens":
        found["vocabulary"] = targets.size
    found |= _classes(fit)
    if learned:
        found |= {"units": _units(fit, batches), "gradients": _gradients(fit, batches[0])}
    return found


def _scales(values: Sequence[Tensor], field: Field, dim: int) -> dict[str, Any]:
    """Mean and standard deviation of the features with the largest and the smallest scale; constant ones left out."""
    rows = torch.cat([part.movedim(dim, 0).flatten(1).double().cpu() for part in values], 1)
    mean, sd = rows.mean(1), rows.std(1, correction=0)
    varied = (sd > 1e-9 * mean.abs().clamp(min=1)).nonzero()[:, 0]
    if not len(varied):
        return {"features": len(rows)}
    size = rows.square().mean(1).sqrt()[varied]
    ends = {"largest": int(varied[size.argmax()]), "smallest": int(varied[sd[varied].argmin()])}

    def told(number: int) -> dict[str, Any]:
        name = field.names[number] if len(field.names) == len(rows) else str(number)
        return {"name": name, "mean": float(mean[number]), "sd": float(sd[number])}

    return {"features": len(rows), **{end: told(number) for end, number in ends.items()}}


def _classes(fit: Fit) -> dict[str, Any]:
    """Examples of each class in training and validation, and how often the last evaluation told it, and was right."""
    targets = fit.spec.targets
    found: dict[str, Any] = {}
    if targets is None or targets.kind not in ("class", "mask"):
        return {}
    found["classes"] = list(fit.task.class_names)
    if targets.counts:
        found["train_counts"] = list(targets.counts)
    statistic = fit.val_meter.statistics.get(ConfusionMatrix)
    if statistic is not None and statistic.total is not None:
        found["val_counts"], found["val_predicted"] = (statistic.total.sum(dim).tolist() for dim in (1, 0))
        found["val_right"] = statistic.total.diagonal().tolist()
    return found


def _units(fit: Fit, batches: Sequence[Batch]) -> dict[str, Any]:
    """By layer: number of units, share of dead ones, share of saturated values where the activation can saturate."""
    steepest: dict[str, list[Tensor]] = {}
    flat: dict[str, list[Tensor]] = {}
    for batch in batches:
        for layer, (activation, inputs) in hidden_units(fit.model, batch).items():
            slope = slopes(activation, inputs)
            steepest.setdefault(layer, []).append(slope.abs().amax(1))
            known = ACTIVATIONS.get(type(activation))
            if known is not None and known.steepest is not None:
                flat.setdefault(layer, []).append(saturated_share(slope, known.steepest))
    return {
        layer: {
            "units": len(tops[0]),
            "dead": round(float(dead_share(torch.stack(tops, 1))), 4),
            **({"saturated": round(float(torch.stack(flat[layer]).mean()), 4)} if layer in flat else {}),
        }
        for layer, tops in steepest.items()
    }


def _gradients(fit: Fit, batch: Batch) -> dict[str, Any]:
    """Norm of the gradient relative to its weights, ``|g|/|w|``, by layer, of one micro-batch."""
    layers = {name: w for name, w in layer_weights(fit.model).items() if w.requires_grad}
    if not layers:
        return {}
    # recurrent and attention kernels of CUDA have no gradients in evaluation mode
    with torch.enable_grad(), evaluation_mode(fit.model), torch.backends.cudnn.flags(enabled=False):
        loss = fit.loss.evaluate(fit.model(batch.inputs, **batch.more), batch)
        gradients = torch.autograd.grad(loss, list(layers.values()), allow_unused=True)
    known = {n: (g, w.detach()) for (n, w), g in zip(layers.items(), gradients, strict=True) if g is not None}
    if not known:
        return {}
    norms = [norms_of([pair[i] for pair in known.values()]).tolist() for i in (0, 1)]
    return {name: float(f"{g / max(w, 1e-12):.3g}") for name, g, w in zip(known, *norms, strict=True)}
