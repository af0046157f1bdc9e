"""From a checked configuration to the objects of a run."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from runner.config.signature import signature_of
from runner.config.targets import resolve
from runner.engine.spec import Spec
from runner.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from runner.engine.data import Data
    from runner.engine.loss import Loss
    from runner.engine.metric import Metric
    from runner.engine.schedule import Schedule, Warmup
    from runner.engine.settings import Trainer
    from runner.engine.task import Task
    from runner.engine.technique import Technique
    from runner.init.base import Init

Config = dict[str, Any]

# Groups that hold techniques, each under its own name.
TECHNIQUES = ("augmentation", "regularization", "diagnostics")


def plain(value: Any) -> Any:
    """Lists as tuples, all the way down: values are shared and must not change."""
    if isinstance(value, list):
        return tuple(plain(entry) for entry in value)
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return value


def instantiate(node: Config, key: str, trusted: Iterable[str] = (), **supplied: Any) -> Any:
    """Call the target of `node` with its values.

    Args:
        node: ``_target_`` and arguments; arguments may be such nodes themselves.
        key: where it stands in the config, for messages.
        trusted: modules that the user trusts.
        supplied: what the program supplies; only what the target takes is passed.

    Raises:
        ConfigError: the target refuses a value.
    """
    target = resolve(node["_target_"], f"{key}._target_", trusted)
    takes = signature_of(target).supplied
    arguments = {name: value for name, value in supplied.items() if name in takes}
    for name, value in node.items():
        if isinstance(value, dict) and "_target_" in value:
            arguments[name] = instantiate(value, f"{key}.{name}", trusted, **supplied)
        elif name != "_target_":
            arguments[name] = plain(value)
    try:
        return target(**arguments)
    except (ValueError, TypeError) as error:
        raise _refused(node, key, error) from error


def _refused(node: Config, key: str, error: Exception) -> ConfigError:
    """What a constructor refused. Messages that end in a value are taken to mean the argument that has it."""
    reason = str(error).rstrip(".")
    last = reason.split()[-1:]
    values = {name: value if isinstance(value, (list, tuple)) else [value] for name, value in node.items()}
    named = [name for name, entries in values.items() if last and last[0] in map(str, entries)]
    if len(named) == 1:
        return ConfigError(f"{key}.{named[0]}={node[named[0]]}: {node['_target_']} refuses it: {reason}.")
    return ConfigError(f"{key} ({node['_target_']}): {reason}.")


@dataclass
class Objects:
    """Everything that a configuration stands for, built in this order.

    The loss comes before the network: it says how wide the last layer is.
    """

    task: Task
    loss: Loss
    metrics: list[Metric]
    model: nn.Module
    schedule: Schedule
    warmup: Warmup | None
    techniques: list[Technique]
    notes: tuple[str, ...]
    trainer: Trainer


def build_techniques(config: Config, trusted: Iterable[str] = ()) -> list[Technique]:
    """The techniques of all groups, in the order in which they act.

    Raises:
        ConfigError: two exclude each other.
    """
    from runner.engine.technique import in_order

    chosen = {f"{group}.{name}": node for group in TECHNIQUES for name, node in config.get(group, {}).items()}
    if config.get("batch_growth"):
        chosen["batch_growth"] = config["batch_growth"]
    if config.get("optimizer", {}).get("wrapper"):
        chosen["optimizer.wrapper"] = config["optimizer"]["wrapper"]
    return in_order(instantiate(node, key, trusted) for key, node in chosen.items())


def model_node(config: Config, techniques: Iterable[Technique]) -> Config:
    """The config of the network with what techniques set in it (dropout).

    Raises:
        ConfigError: the network has no such argument, or it was given there as well.
    """
    node = dict(config["model"])
    for technique in techniques:
        for argument, attribute in technique.model_arguments.items():
            if argument not in node:
                raise ConfigError(
                    f"regularization={technique.name}: sets model.{argument}, which this model does not have."
                )
            if node[argument]:
                raise ConfigError(
                    f"model.{argument}={node[argument]} and regularization={technique.name} both set the same thing. "
                    "Give one of them."
                )
            node[argument] = getattr(technique, attribute)
    return node


def build(config: Config, data: Data, seed: int, fresh: bool = True) -> Objects:
    """Build a run's objects from its configuration, once the data are loaded.

    Args:
        config: resolved and checked, in plain containers.
        data: the loaded data.
        seed: seeds the weights.
        fresh: whether the weights are to be initialized; not where they are about to be replaced by saved ones.
    """
    import torch

    trusted = config.get("trusted_targets", ())
    techniques = build_techniques(config, trusted)
    load_network = partial(_trained_network, spec=data.spec, trusted=trusted)
    loss = instantiate(config["loss"], "loss", trusted, spec=data.spec, load_network=load_network)
    task = build_task(config, data.spec, loss)
    spec = task.spec
    torch.manual_seed(seed)
    model = instantiate(model_node(config, techniques), "model", trusted, spec=spec)
    if any(isinstance(p, torch.nn.UninitializedParameter) for p in model.parameters()):
        with torch.no_grad():  # lazy layers take their size from what they see first
            some = data.train.sample(2, seed)
            model.eval()(some.inputs, **some.more)
    torch.manual_seed(seed)
    init: Init = instantiate(config["init"], "init", trusted)
    if fresh:
        init(model)
        if init.examples:
            init.adapt(model, data.train.sample(init.examples, seed))
    warmup = config.get("warmup") or None
    return Objects(
        task=task,
        loss=loss,
        metrics=build_metrics(config, task, trusted),
        model=model,
        schedule=instantiate(config["scheduler"], "scheduler", trusted),
        warmup=instantiate(warmup, "warmup", trusted) if warmup else None,
        techniques=techniques,
        notes=init.notes,
        trainer=instantiate(config["trainer"], "trainer", trusted),
    )


def build_task(config: Config, spec: Spec, loss: Loss) -> Task:
    """The task of some data, with the width of the last layer that the loss wants in its spec."""
    from runner.task import task_named

    assert spec.task is not None
    kind = task_named(spec.task)
    spec = spec.with_outputs(kind.num_outputs(spec))
    spec = spec.with_outputs(loss.num_outputs(spec))
    if config.get("task"):
        made: Task = instantiate(config["task"], "task", config.get("trusted_targets", ()), spec=spec, link=loss.link)
        return made
    return kind(spec, loss.link)


def build_metrics(config: Config, task: Task, trusted: Iterable[str] = ()) -> list[Metric]:
    """The metrics that the task has, and those that were asked for."""
    from runner.metric import metrics_for

    asked = {name: instantiate(node, f"metric.{name}", trusted) for name, node in (config.get("metric") or {}).items()}
    return [asked.pop(name, None) or metric() for name, metric in metrics_for(task.name).items()] + [*asked.values()]


def _trained_network(path: str, key: str, spec: Spec, trusted: Iterable[str]) -> nn.Module:
    from runner.config.trained import trained_network  # which builds networks with what is here

    return trained_network(path, key, spec, trusted)


def build_optimizer(config: Config, model: nn.Module, device_type: str) -> torch.optim.Optimizer:
    """The optimizer over the parameters of `model`, which is on its device already.

    ``fused: null`` (and no other implementation asked for) takes torch's fused kernels where the optimizer and the
    device have them: one kernel for the whole step.
    """
    from runner.engine.torch_overhead import leave_compiler_out

    leave_compiler_out()
    trusted = config.get("trusted_targets", ())
    node = dict(config["optimizer"])
    node.pop("wrapper", None)
    groups = instantiate(node.pop("params"), "optimizer.params", trusted) if "params" in node else None
    target = resolve(node["_target_"], "optimizer._target_", trusted)
    takes = inspect.signature(target).parameters
    other = any(node.get(name) for name in ("foreach", "capturable", "differentiable"))
    if "fused" in takes and node.get("fused") is None and not other and device_type in ("cpu", "cuda", "mps"):
        node["fused"] = True
    arguments = {name: plain(value) for name, value in node.items() if name != "_target_"}
    parameters = groups(model) if groups is not None else [p for p in model.parameters() if p.requires_grad]
    try:
        optimizer: torch.optim.Optimizer = target(parameters, **arguments)
    except (ValueError, TypeError, RuntimeError) as error:
        raise _refused(node, "optimizer", error) from error
    for group in optimizer.param_groups:
        if "lr" not in group:
            raise ConfigError(
                f"optimizer ({node['_target_']}): its groups have no learning rate. Pass lr in the defaults that its "
                "__init__ gives to torch.optim.Optimizer, so that schedules can set it."
            )
        if not math.isfinite(group["lr"]):
            raise ConfigError(f"optimizer.lr={group['lr']}: expected a finite number.")
        group["lr"] *= group.pop("lr_factor", 1.0)
        group.setdefault("initial_lr", group["lr"])
    return optimizer
