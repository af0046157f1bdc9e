"""Everything about a configuration that can be known to be wrong before any data are read."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from annotated_types import Ge
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from runner.config.build import TECHNIQUES, Config, build_optimizer, build_techniques, instantiate, model_node
from runner.config.compose import recipe_of, unresolved, without_hydra
from runner.config.contract import check_contract
from runner.config.signature import SUPPLIED, describe, fits, signature_of, takes_objects
from runner.config.targets import check_hydra, check_trusted, resolve
from runner.engine.spec import IN_WORDS, Field, Spec
from runner.engine.technique import Technique
from runner.errors import ConfigError, did_you_mean, nearest

_NAME = re.compile(r"""[^/\\:*?"'<>|$\x00-\x1f]{1,100}""")

# In this order: the first three need no torch, whose import takes most of the time of a check.
LIGHT = ("trainer", "data", "scheduler")
NEEDED = (*LIGHT, "model", "init", "loss", "optimizer")
OPTIONAL = ("task", "warmup", "batch_growth")
LISTED = ("metric", *TECHNIQUES)


def resolved(config: DictConfig) -> Config:
    """The configuration in plain containers, every interpolation resolved, Hydra's own node left out.

    Raises:
        ConfigError: an interpolation leads nowhere.
    """
    try:
        plain: Any = OmegaConf.to_container(without_hydra(config), resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(unresolved(error)) from error
    return dict(plain)


def check(config: DictConfig, fresh: bool = True) -> Config:
    """Check a composed configuration and return it resolved.

    Args:
        config: as composed.
        fresh: whether a run is to be started, so that what its weights are made from must be there.

    Raises:
        ConfigError: with the offending key or value and what is expected.
    """
    if "hydra" in config:
        check_hydra(config.hydra)
    plain = resolved(config)
    try:
        check_resolved(plain, fresh)
    except _NoArgument as error:
        recipe = None if error.key in _typed(config) else recipe_of(config)
        if recipe is None:
            raise
        group = error.key.partition(".")[0]
        raise ConfigError(
            f"{error} It comes from {recipe}, which is made for another {group}; leave one of the two out."
        ) from error
    return plain


class _NoArgument(ConfigError):
    """A value for which the class of its node has no argument; `key` says where it stands."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key = key


def _typed(config: DictConfig) -> set[str]:
    """Keys that the command gave a value."""
    typed = config.hydra.overrides.task if "hydra" in config else ()
    return {str(line).lstrip("+").partition("=")[0] for line in typed}


def check_resolved(config: Config, fresh: bool = True) -> None:
    """`check` for a configuration in plain containers."""
    _check_top_level(config)
    trusted = config["trusted_targets"]
    for key, node in nodes(config):
        check_trusted(node, key, trusted)
    probe = None
    for key, node in nodes(config):
        check_arguments(node, key, trusted)
        if key == LIGHT[-1] and not any(config.get(group) for group in ("batch_growth", *TECHNIQUES)):
            # All scores are known, and torch is not imported yet.
            probe = instantiate(config["data"], "data", trusted).probe()
            _check_scores(config, probe.task, ())
    _check_meaning(config, probe, fresh)


def nodes(config: Config) -> Iterable[tuple[str, Config]]:
    """The nodes that are called, with their keys."""
    for group in NEEDED:
        yield group, _called(config.get(group), group)
    for group in OPTIONAL:
        if config.get(group):
            yield group, _called(config[group], group)
    for group in LISTED:
        if not isinstance(config.get(group) or {}, dict):
            raise ConfigError(f"{group}={_shown(config[group])}: expected options by name, such as {group}=[NAME].")
        for name, node in (config.get(group) or {}).items():
            yield f"{group}.{name}", _called(node, f"{group}.{name}")


def _called(node: Any, key: str) -> Config:
    if not isinstance(node, dict) or "_target_" not in node:
        raise ConfigError(
            f"{key}: nothing says which class to build. Expected a _target_ and its arguments, as in the options that "
            f"`python -m runner list {key.partition('.')[0]}` shows."
        )
    return node


def _check_top_level(config: Config) -> None:
    rules: dict[str, Any] = {
        "seed": Annotated[int, Ge(0)],
        "name": str | None,
        "monitor": str,
        "mode": Literal["auto", "min", "max"],
        "trusted_targets": list[str],
    }
    for key, hint in rules.items():
        if not fits(config.get(key), hint):
            raise _misfit(key, config.get(key), hint)
    if config["name"] is not None and not _NAME.fullmatch(config["name"]):
        raise ConfigError(
            f"name={config['name']}: becomes part of a folder's name. Expected at most 100 characters, none of them "
            "one of / \\ : * ? \" ' < > | $ or a control character."
        )


def check_arguments(node: Config, key: str, trusted: Iterable[str]) -> None:
    """Compare a node's keys and values with the signature of its target.

    Raises:
        ConfigError: an unknown or missing argument, a value of the wrong type or out of bounds.
    """
    target = resolve(node["_target_"], f"{key}._target_", trusted)
    _check_kind(target, key)
    supplied = {"params", "wrapper"} if key == "optimizer" else set()
    signature = signature_of(target, SUPPLIED | supplied)
    for name, value in node.items():
        if name == "_target_":
            continue
        nested = isinstance(value, dict) and "_target_" in value
        if name in supplied:
            if name == "wrapper" and not value:
                continue
            check_arguments(_called(value, f"{key}.{name}"), f"{key}.{name}", trusted)
            continue
        argument = signature.arguments.get(name)
        if argument is None:
            if signature.open:
                continue
            raise _NoArgument(
                f"{key}.{name}",
                f"{node['_target_']} has no argument {name!r}."
                f"{did_you_mean(name, signature.arguments)} Arguments: {', '.join(signature.arguments)}.",
            )
        if nested and takes_objects(argument.hint):
            check_arguments(value, f"{key}.{name}", trusted)
        elif nested or not fits(value, argument.hint):
            raise _misfit(f"{key}.{name}", value, argument.hint)
    for name, argument in signature.arguments.items():
        if argument.required and name not in node and key != "optimizer":
            raise ConfigError(
                f"{key}.{name}: {node['_target_']} needs a value and none was given. Add {key}.{name}=..."
            )


# What the class of a group must descend from.
_KINDS = {
    "trainer": ("runner.engine.settings", "Trainer"),
    "data": ("runner.data.base", "DataOption"),
    "scheduler": ("runner.engine.schedule", "Schedule"),
    "warmup": ("runner.engine.schedule", "Warmup"),
    "model": ("torch.nn", "Module"),
    "init": ("runner.init.base", "Init"),
    "loss": ("runner.engine.loss", "Loss"),
    "optimizer": ("torch.optim", "Optimizer"),
    "task": ("runner.engine.task", "Task"),
    "metric": ("runner.engine.metric", "Metric"),
    **dict.fromkeys(("batch_growth", "optimizer.wrapper", *TECHNIQUES), ("runner.engine.technique", "Technique")),
}


def _check_kind(target: Any, key: str) -> None:
    group, _, rest = key.partition(".")
    kind = key if key in _KINDS else group if group in LISTED and "." not in rest else None
    if kind is None:
        return
    module, name = _KINDS[kind]
    base = getattr(importlib.import_module(module), name)
    if not (issubclass(target, base) if inspect.isclass(target) else group == "model"):
        raise ConfigError(
            f"{key}._target_={target.__module__}.{target.__qualname__}: can't be used there. Expected a subclass of "
            f"{module}.{name}; `python -m runner list {kind.replace('.', '/')}` shows what there is."
        )
    if inspect.isclass(target):
        check_contract(target, base, key)


def _misfit(key: str, value: Any, hint: Any) -> ConfigError:
    expected = describe(hint)
    near = nearest(value, expected.split(" | ")) if isinstance(value, str) and " | " in expected else None
    return ConfigError(f"{key}={_shown(value)}: expected {expected}.{f' Did you mean {near!r}?' if near else ''}")


def _shown(value: Any) -> str:
    """A value as it is typed; a text that looks like a number in quotes, as it was given."""
    if isinstance(value, str) and value.replace(".", "", 1).replace("-", "", 1).isdecimal():
        return repr(value)
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _check_meaning(config: Config, probe: Spec | None, fresh: bool) -> None:
    """What needs objects: bounds that only a constructor knows, and choices that don't fit each other."""
    from torch import nn

    from runner.engine.device import choose_device
    from runner.engine.precision import Precision

    trusted = config["trusted_targets"]
    trainer = instantiate(config["trainer"], "trainer", trusted)
    Precision(trainer.precision, choose_device(trainer.device))
    instantiate(config["scheduler"], "scheduler", trusted)
    if config.get("warmup"):
        instantiate(config["warmup"], "warmup", trusted)
    init = instantiate(config["init"], "init", trusted)
    if fresh:
        init.check()
    optimizer = dict(config["optimizer"])
    if "params" in optimizer:  # its patterns are for the real network
        instantiate(optimizer.pop("params"), "optimizer.params", trusted)
    averages = hasattr(build_optimizer({**config, "optimizer": optimizer}, nn.Linear(1, 1), "cpu"), "evaluating")
    techniques = build_techniques(config, trusted)
    moving = next((technique.name for technique in techniques if technique.moves_weights), None)
    if averages and moving:
        raise ConfigError(
            f"{moving} can't be combined with a schedule-free optimizer: it changes weights after the update, of which "
            "the optimizer's own average would not know. Leave one of them out."
        )
    model_node(config, techniques)
    probe = probe or instantiate(config["data"], "data", trusted).probe()
    check_inputs(config, probe.inputs)
    loss = resolve(config["loss"]["_target_"], "loss._target_", trusted)
    if fresh and hasattr(loss, "check"):
        loss.check(config["loss"])
    check_task(config, probe.task, loss, techniques)


def check_inputs(config: Config, inputs: Field | None) -> None:
    """Whether network and techniques take what the examples are; nothing is said of what is not known yet.

    Raises:
        ConfigError: one of them does not.
    """
    if inputs is None:
        return
    for key, node in nodes(config):
        takes = getattr(resolve(node["_target_"], f"{key}._target_", config["trusted_targets"]), "takes", None)
        if isinstance(takes, tuple) and inputs.kind not in takes:
            group, _, name = key.partition(".")
            *wanted, given = (IN_WORDS.get(kind, kind) for kind in (*takes, inputs.kind))
            raise ConfigError(
                f"{group}={name or _short(node['_target_'])} takes {' or '.join(wanted)}, and these data are {given}. "
                + (f"Leave {name} out." if name else "Take model=mlp, or other data.")
            )


def check_task(config: Config, task: str | None, loss: Any, techniques: Sequence[Technique]) -> None:
    """Whether loss, techniques and monitored scores fit the task; nothing is said of what is not known yet.

    Raises:
        ConfigError: one of them does not.
    """
    tasks = getattr(loss, "tasks", None)
    if task is not None and tasks is not None and task not in tasks:
        raise ConfigError(
            f"loss={_short(config['loss']['_target_'])}: is for {' and '.join(sorted(tasks))}, and "
            f"these data are for {task}. loss=auto chooses one that fits."
        )
    _check_chosen_task(config, task)
    for technique in techniques:
        classes = task in (None, "classification")
        if technique.soft_targets and not (classes and getattr(loss, "soft_targets", True)):
            what = "this loss takes class indices only" if classes else f"these data are for {task}"
            raise ConfigError(f"regularization={technique.name}: turns classes into probabilities, and {what}.")
    _check_scores(config, task, techniques)


def _check_chosen_task(config: Config, task: str | None) -> None:
    """Whether the task and the metrics that were asked for are for these data.

    Raises:
        ConfigError: one of them is not.
    """
    from runner.metric import metrics_for

    trusted = config["trusted_targets"]
    if config.get("task") and task is not None:
        chosen = config["task"]["_target_"]
        cls: Any = resolve(chosen, "task._target_", trusted)
        if task not in (chosen, cls.__module__.rpartition(".")[2]):
            raise ConfigError(f"task={_short(chosen)}: these data are for {task}. Leave task out: the data choose it.")
    for name, node in (config.get("metric") or {}).items():
        metric: Any = resolve(node["_target_"], f"metric.{name}._target_", trusted)
        if getattr(metric, "name", None) != name:
            raise ConfigError(
                f"metric.{name}: its class {node['_target_']} is named {getattr(metric, 'name', None)!r}, and scores "
                "are reported under that name. Give both one name."
            )
        if task is not None and task not in metric.tasks:
            fitting = ", ".join(sorted(metrics_for(task, asked=True)))
            raise ConfigError(
                f"metric={name}: is for {' and '.join(sorted(metric.tasks))}, and these data are for {task}. "
                f"Metrics for it: {fitting}."
            )


def _check_scores(config: Config, task: str | None, techniques: Sequence[Technique]) -> None:
    from runner.engine.monitor import canonical
    from runner.metric import all_metrics, metrics_for

    known = [*(all_metrics() if task is None else metrics_for(task)), *(config.get("metric") or {})]
    scores = [f"{split}/{name}" for split in ("val", "train") for name in ("loss", *known)]
    scores += [name for technique in techniques for name in technique.reports]
    for key, name in _monitored(config):
        if canonical(name) not in scores:
            raise ConfigError(
                f"{key}={name}: no such score.{did_you_mean(canonical(name), scores)} Scores: {', '.join(scores)}."
            )


def _short(target: str) -> str:
    """What is typed for a class of ours, and the class's own name for others."""
    return target.split(".")[-2 if target.startswith("runner.") else -1]


def _monitored(config: Config) -> Iterable[tuple[str, str]]:
    yield "monitor", config["monitor"]
    for key, node in nodes(config):
        if isinstance(node.get("monitor"), str):
            yield f"{key}.monitor", node["monitor"]
