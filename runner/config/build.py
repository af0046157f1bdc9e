"""From a checked configuration to the objects of a run."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from runner.config.refusal import refusal
from runner.config.signature import signature_of
from runner.config.targets import resolve
from runner.engine.spec import DataSpec
from runner.engine.split import first_inputs
from runner.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from runner.engine.loss import Loss
    from runner.engine.metric import Metric
    from runner.engine.schedule import Schedule, Warmup
    from runner.engine.settings import Trainer
    from runner.engine.split import Splits
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
        raise refusal(target, arguments, node, key, error) from error


@dataclass
class Objects:
    """Everything that a configuration stands for, built in this order.

    The loss comes before the network: it says how wide the last layer is.
    """

    splits: Splits
    spec: DataSpec
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


def build(config: Config, splits: Splits, seed: int, fresh: bool = True) -> Objects:
    """Build a run's objects from its configuration, once the data are loaded.

    Args:
        config: resolved and checked, in plain containers.
        splits: the loaded data.
        seed: seeds the weights.
        fresh: whether the weights are to be initialized; not where they are about to be replaced by saved ones.
    """
    import torch

    from runner.metric import metrics_for

    trusted = config.get("trusted_targets", ())
    techniques = build_techniques(config, trusted)
    load_network = partial(_trained_network, spec=splits.spec, trusted=trusted)
    loss = instantiate(config["loss"], "loss", trusted, spec=splits.spec, load_network=load_network)
    spec = splits.spec.with_outputs(loss.num_outputs(splits.spec))
    torch.manual_seed(seed)
    model = instantiate(model_node(config, techniques), "model", trusted, spec=spec)
    if any(isinstance(p, torch.nn.UninitializedParameter) for p in model.parameters()):
        with torch.no_grad():  # lazy layers take their size from what they see first
            model.eval()(first_inputs(splits.train, 2))
    torch.manual_seed(seed)
    init: Init = instantiate(config["init"], "init", trusted)
    if fresh:
        init(model)
        if init.examples:
            init.adapt(model, first_inputs(splits.train, init.examples))
    warmup = config.get("warmup") or None
    return Objects(
        splits=splits,
        spec=spec,
        loss=loss,
        metrics=[metric() for metric in metrics_for(spec.task).values()],
        model=model,
        schedule=instantiate(config["scheduler"], "scheduler", trusted),
        warmup=instantiate(warmup, "warmup", trusted) if warmup else None,
        techniques=techniques,
        notes=init.notes,
        trainer=instantiate(config["trainer"], "trainer", trusted),
    )


def _trained_network(path: str, key: str, spec: DataSpec, trusted: Iterable[str]) -> nn.Module:
    from runner.config.trained_network import trained_network  # which builds networks with what is here

    return trained_network(path, key, spec, trusted)


def build_optimizer(config: Config, model: nn.Module, device_type: str) -> torch.optim.Optimizer:
    """The optimizer over the parameters of `model`, which is on its device already.

    ``fused: null`` (and no other implementation asked for) takes torch's fused kernels where the optimizer and the
    device have them: one kernel for the whole step.
    """
    import torch

    from runner.engine.lean import leave_compiler_out

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
        anew = partial(target, [torch.zeros(2, 2, requires_grad=True)])
        raise refusal(anew, arguments, node, "optimizer", error) from error
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
