"""What is tried out once before the first step: the learning rate's whole curve, and two examples."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from runner.engine.limits import limit_reached
from runner.engine.meter import Meter, Result
from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.engine.batch import Batch
    from runner.engine.fit import Fit
    from runner.engine.metric import Metric
    from runner.engine.schedule import LearningRate
    from runner.engine.split import Split
    from runner.engine.task import Task

_ASKED = 100_000


def check_curve(rate: LearningRate, total: int, base_lr: float) -> None:
    """Ask for the rate (and momentum) of every update; not where it depends on the training.

    Costs under a microsecond each, so that of a run with more than `_ASKED` updates evenly spaced ones are asked for,
    and the last.

    Args:
        rate: the schedule behind its warm-up.
        total: updates of the run.
        base_lr: the optimizer's rate.

    Raises:
        ConfigError: one of them is impossible; names the class that gave it.
    """
    schedule, warmup = rate.schedule, rate.warmup
    if schedule.monitors or (warmup is not None and warmup.hears_norms):
        return
    for step in (*range(0, total, -(-total // _ASKED)), total - 1):
        try:
            lr = rate(step, base_lr)
            momentum = rate.momentum(step) if schedule.cycle_momentum else 0.0
            possible = 0.0 <= lr < math.inf and 0.0 <= momentum < 1.0
        except (ArithmeticError, ValueError, TypeError, IndexError, KeyError) as error:
            raise ConfigError(f"{_at(rate, step, total)} fails: {type(error).__name__}: {error}.") from error
        if not possible:
            raise ConfigError(impossible(rate, step, total, lr, momentum))


def impossible(rate: LearningRate, step: int, total: int, lr: float, momentum: float = 0.0) -> str:
    """What to say of a rate or a momentum with which no update can be made."""
    if 0.0 <= lr < math.inf:
        given, expected = f"a momentum of {momentum}", "a number in [0, 1)"
    else:
        given, expected = f"a learning rate of {lr}", "a finite number of at least 0"
    return (
        f"{_at(rate, step, total)} gives {given}. Expected {expected}: look at its settings, and at its class if that "
        "is your own."
    )


def _at(rate: LearningRate, step: int, total: int) -> str:
    rising = rate.warmup is not None and (step < rate.warmup_steps or rate.warmup.hears_norms)
    who = f"warmup ({_name(rate.warmup)})" if rising else f"scheduler ({_name(rate.schedule)})"
    return f"{who}: at update {step + 1:,} of {total:,} it"


def _name(thing: Any) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def check_shapes(fit: Fit, split: Split) -> None:
    """Pass two training examples through the network, the loss, the task and the metrics, in evaluation mode.

    Raises:
        ConfigError: one of them fails or gives another shape than it must; names the class, and the layer where known.
    """
    batch = split.read(torch.arange(min(2, len(split)))).to(fit.device)
    model, targets = fit.model.eval(), batch.targets
    try:
        fit.task.check_targets(batch)
    except ConfigError as error:
        raise ConfigError(f"data: they {error}") from error
    with torch.no_grad():
        outputs = _outputs(model, batch)
        try:
            fit.task.check(outputs, batch)
        except ConfigError as error:
            raise ConfigError(f"model ({_name(model)}): {error}") from error
        value = _called("loss", fit.loss, "__call__", outputs, batch)
        if not isinstance(value, Tensor) or value.ndim:
            raise ConfigError(
                f"loss ({_name(fit.loss)}): gives {_described(value)} for {batch.examples} examples. Expected the mean "
                "over the batch, a tensor of no dimensions."
            )
        predictions = _called("task", fit.task, "predict", outputs.float())
        if not isinstance(predictions, Tensor) or (len(predictions), predictions.ndim) != (len(targets), targets.ndim):
            raise ConfigError(
                f"task ({_name(fit.task)}): its predict() gives {_described(predictions)}. Expected a tensor like the "
                f"targets' {tuple(targets.shape)}."
            )
        for metric in fit.meter.metrics:
            _check_metric(fit.task, metric, Result(value, outputs, batch, batch.units), predictions)


def _check_metric(task: Task, metric: Metric, result: Result, predictions: Tensor) -> None:
    meter = Meter(task, [metric])
    meter.add([replace(result, decoded=result.outputs) if metric.decoded else result])
    try:
        meter.read()
    except (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError, AssertionError) as error:
        if limit_reached(error):
            raise
        raise ConfigError(
            f"metric ({_name(metric)}): fails on predictions of shape {tuple(predictions.shape)} for targets of shape "
            f"{tuple(result.batch.targets.shape)}: {type(error).__name__}: {' '.join(str(error).split())}."
        ) from error


def _described(thing: Any) -> str:
    return f"a tensor of shape {tuple(thing.shape)}" if isinstance(thing, Tensor) else f"a {type(thing).__name__}"


def _outputs(model: nn.Module, batch: Batch) -> Any:
    try:
        return model(batch.inputs, **batch.more)
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, NotImplementedError) as error:
        if limit_reached(error):
            raise
        raise ConfigError(
            f"model ({_name(model)}): fails on inputs of shape {tuple(batch.inputs.shape)}{_beside(batch)}: "
            f"{type(error).__name__}: {' '.join(str(error).split())}.{_last_layer(model, batch)}"
        ) from error


def _beside(batch: Batch) -> str:
    return f" with {', '.join(batch.more)} beside" if batch.more else ""


def _last_layer(model: nn.Module, batch: Batch) -> str:
    """Which layer was the last to give something, and what: mostly the culprit, when the next one can't take it."""
    heard: list[str] = []

    def hear(name: str, module: nn.Module, output: Any) -> None:
        heard.append(f" The last layer before it, {name!r} ({_name(module)}), gave {_described(output)}.")

    handles = [
        module.register_forward_hook(lambda module, _, output, name=name: hear(name, module, output))
        for name, module in model.named_modules()
        if name
    ]
    try:
        model(batch.inputs, **batch.more)
    except Exception:  # as before
        return heard[-1] if heard else ""
    finally:
        for handle in handles:
            handle.remove()
    return ""


def _called(kind: str, thing: Any, method: str, *arguments: Any) -> Any:
    try:
        return getattr(thing, method)(*arguments)
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
        if limit_reached(error):
            raise
        shapes = " and ".join(str(tuple(getattr(a, "targets", a).shape)) for a in arguments)
        raise ConfigError(
            f"{kind} ({_name(thing)}): its {method}() fails on tensors of shape {shapes}: {type(error).__name__}: "
            f"{' '.join(str(error).split())}."
        ) from error
