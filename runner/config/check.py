"""Everything about a configuration that can be known to be wrong before any data are read."""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from annotated_types import Ge
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from runner.config.build import build_optimizer, check_preprocessing, model_node
from runner.config.compose import recipe_of, unresolved, without_hydra
from runner.config.groups import BY_NAME, GROUPS
from runner.config.hydra_node import check_hydra_node
from runner.config.interface import check_interface
from runner.config.options import Options
from runner.config.recipe import Config, Node, Recipe, is_node
from runner.config.run_config import freeze
from runner.config.signature import SUPPLIED, Argument, describe, fits, signature_of, takes_objects
from runner.config.targets import named, resolve
from runner.engine.limits import LARGEST
from runner.engine.metric import Direction
from runner.engine.spec import IN_WORDS, SPECIAL, Field, Kind, Spec
from runner.errors import ConfigError, did_you_mean, nearest

if TYPE_CHECKING:
    from torch import nn

    from runner.model.base import Declared

_NAME = re.compile(r"""[^/\\:*?"'<>|$\x00-\x1f]{1,100}""")

# What the keys beside the groups take.
TOP_LEVEL: dict[str, Any] = {
    "seed": Annotated[int, Ge(0)],
    "name": str | None,
    "monitor": str,
    "mode": Literal["auto", "min", "max"],
    "trusted_targets": list[str],
}


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


def check_run(config: DictConfig, fresh: bool = True) -> Recipe:
    """Check a composed configuration.

    Defaults that an option file leaves to its class are added to `config`, so that it says all that a run does.

    Args:
        config: as composed.
        fresh: whether a run is to be started, so that what its weights are made from must be there.

    Raises:
        ConfigError: with the offending key or value and what is expected.
    """
    if "hydra" in config:
        check_hydra_node(config)
    recipe = Recipe(resolved(config))
    try:
        check_recipe(recipe, fresh)
    except _NoArgument as error:
        origin = None if error.key in _typed(config) else recipe_of(config)
        if origin is None:
            raise
        group = error.key.partition(".")[0]
        raise ConfigError(
            f"{error} It comes from {origin}, which is made for another {group}; leave one of the two out."
        ) from error
    with open_dict(config):
        _add_missing(config, recipe.values)
    recipe.text = freeze(config)
    return recipe


def _add_missing(config: DictConfig, plain: Config) -> None:
    """Put keys that only `plain` has, defaults of the classes, into `config` too."""
    for key, value in plain.items():
        if key not in config:
            config[key] = value
        elif isinstance(value, dict):
            _add_missing(config[key], value)


def check_untrained(config: DictConfig) -> Recipe:
    """Check a configuration with which no network is trained, such as that of a look at its data; see `check_run`.

    Where nothing was typed of a network, and the one that there is by default does not take the data, the first among
    the options that does stands in.

    Raises:
        ConfigError: as of `check_run`.
    """
    try:
        return check_run(config)
    except NetworkMisfit as error:
        if any(key.partition(".")[0] == "model" for key in _typed(config)):
            raise
        options = Options()
        wrong: ConfigError = error
        for name, _ in sorted(_networks(), key=lambda network: network[1].published):
            with open_dict(config):
                config.model = yaml.safe_load(options.file("model", name).read_text())
            try:
                return check_run(config)
            except NetworkMisfit:
                continue
            except ConfigError as other:
                wrong = wrong if wrong is not error else other
        raise wrong from None


class NetworkMisfit(ConfigError):
    """A network that does not take the data."""


class _NoArgument(ConfigError):
    """A value for which the class of its node has no argument; `key` says where it stands."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key = key


def _typed(config: DictConfig) -> set[str]:
    """Keys that the command gave a value."""
    typed = config.hydra.overrides.task if "hydra" in config else ()
    return {str(line).lstrip("+").partition("=")[0] for line in typed}


def check_recipe(recipe: Recipe, fresh: bool = True) -> None:
    """Check a recipe; see `check_run`."""
    _check_top_level(recipe.values)
    recipe.refuse_untrusted()
    probe, light = None, True
    for node in recipe.nodes():
        assert node.group is not None
        if light and not node.group.light:
            light = False
            if not any(True for group in GROUPS if group.technique or group.name == "metric" for _ in recipe.of(group)):
                # All scores are known, and torch is not imported yet.
                probe = recipe.data.probe()
                _check_scores(recipe, probe.task)
        check_arguments(node)
        if fresh and node.group.name == "tracking":
            node.make()  # which sees whether its package is there
    _check_meaning(recipe, probe, fresh)


def hint_of(recipe: Recipe, key: str) -> Any:
    """The annotation of what `key` sets; None where there is none, or no such key.

    Args:
        recipe: need not be checked.
        key: such as ``optimizer.lr``.

    Raises:
        ConfigError: the class that it belongs to is not trusted, or not there.
    """
    owner, _, name = key.rpartition(".")
    if not owner:
        return TOP_LEVEL.get(name)
    node: Any = recipe.values
    for part in owner.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    argument = signature_of(recipe[owner].target).arguments.get(name) if is_node(node) else None
    return argument.hint if argument else None


def _check_top_level(config: Config) -> None:
    for key, hint in TOP_LEVEL.items():
        if not fits(config.get(key), hint):
            raise _misfit(key, config.get(key), hint)
    if config["name"] is not None and not _NAME.fullmatch(config["name"]):
        raise ConfigError(
            f"name={config['name']}: becomes part of a folder's name. Expected at most 100 characters, none of them "
            "one of / \\ : * ? \" ' < > | $ or a control character."
        )


def check_arguments(node: Node) -> None:
    """Compare a node's keys and values with the signature of its class, and add the defaults that it leaves out.

    Raises:
        ConfigError: an unknown or missing argument, a value of the wrong type or out of bounds.
    """
    _check_methods(node)
    optimizer = node.key == "optimizer"
    signature = signature_of(node.target, SUPPLIED | ({"params", "wrapper"} if optimizer else set()))
    for name, value in node.arguments.items():
        key = f"{node.key}.{name}"
        _check_magnitude(key, value, signature.arguments.get(name))
        if optimizer and name == "wrapper":
            continue  # a group of its own
        if optimizer and name == "params":
            if not is_node(value):
                raise ConfigError(f"{key}={_shown(value)}: expected optimizer/params=default and values of its keys.")
            check_arguments(node.inner(name))
            continue
        argument = signature.arguments.get(name)
        if argument is None:
            if signature.open and isinstance(name, str):  # YAML reads 1 and yes as something else
                continue
            raise _NoArgument(
                key,
                f"{node.values['_target_']} has no argument {name!r}."
                f"{did_you_mean(str(name), signature.arguments)} Arguments: {', '.join(signature.arguments)}.",
            )
        if is_node(value) and takes_objects(argument.hint):
            check_arguments(node.inner(name))
        elif is_node(value) or not fits(value, argument.hint):
            raise _misfit(key, value, argument.hint)
    for name, argument in signature.arguments.items():
        if argument.required and name not in node.values and not optimizer:
            raise ConfigError(
                f"{node.key}.{name}: {node.values['_target_']} needs a value and none was given. "
                f"Add {node.key}.{name}=..."
            )
        if argument.has_plain_default:  # which an option file may leave to the class
            node.values.setdefault(name, argument.default)


def _check_magnitude(key: str, value: Any, argument: Argument | None) -> None:
    """Refuse numbers beyond those that networks compute with; infinite ones where the default is not infinite."""
    if isinstance(value, list):
        for entry in value:
            _check_magnitude(key, entry, argument)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    if isinstance(value, int) and abs(value) > sys.maxsize:
        raise ConfigError(f"{key}={value}: too large. Expected a whole number of at most {sys.maxsize:.2g}.")
    if math.isinf(value) and not (argument and value == argument.default):
        raise ConfigError(f"{key}={value}: expected a finite number.")
    if math.isfinite(value) and isinstance(value, float) and abs(value) > LARGEST:
        raise ConfigError(f"{key}={value}: too large. Expected a number that 32 bits can hold, at most {LARGEST:.2g}.")


def _check_methods(node: Node) -> None:
    if node.group is not None and inspect.isclass(node.target):
        check_interface(node.target, named(node.group.base), node.key)


def _misfit(key: str, value: Any, hint: Any) -> ConfigError:
    expected = describe(hint)
    near = nearest(value, expected.split(" | ")) if isinstance(value, str) and " | " in expected else None
    return ConfigError(f"{key}={_shown(value)}: expected {expected}.{f' Did you mean {near!r}?' if near else ''}")


def _shown(value: Any) -> str:
    """A value as it is typed; a text that looks like a number in quotes, as it was given."""
    if isinstance(value, str) and value.replace(".", "", 1).replace("-", "", 1).isdecimal():
        return repr(value)
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _check_meaning(recipe: Recipe, probe: Spec | None, fresh: bool) -> None:
    """What needs objects: bounds that only a constructor knows, and choices that don't fit each other."""
    from torch import nn

    from runner.engine.device import choose_device
    from runner.engine.optimizer import Averaging
    from runner.engine.precision import Precision

    device = choose_device(recipe.trainer.device)
    Precision(recipe.trainer.precision, device)
    recipe["scheduler"].make()
    if recipe.values.get("warmup"):
        recipe["warmup"].make()
    init = recipe["init"].make()
    if fresh:
        init.check()
    optimizer = recipe["optimizer"]
    values = dict(optimizer.values)
    if "params" in values:  # its patterns are for the real network
        optimizer.inner("params").make()
        del values["params"]
    averages = isinstance(build_optimizer(optimizer.changed(values), nn.Linear(1, 1), device.type), Averaging)
    moving = next((technique.name for technique in recipe.techniques if technique.moves_weights), None)
    if averages and moving:
        raise ConfigError(
            f"{moving} can't be combined with a schedule-free optimizer: it changes weights after the update, of which "
            "the optimizer's own average would not know. Leave one of them out."
        )
    for adapter in recipe.of(BY_NAME["adapter"]):
        for technique in recipe.techniques:
            if reason := adapter.target.conflicts.get(technique.name):
                raise ConfigError(
                    f"adapter={adapter.short} can't be combined with {technique.name}: {reason}. Leave one of them out."
                )
    model_node(recipe)
    _check_contiguous(recipe)
    probe = probe or recipe.data.probe()
    if fresh:
        recipe["loss"].target.check(recipe["loss"].values)
    check_data(recipe, probe)
    if fresh:
        check_preprocessing(recipe, init, lambda: _without_weights(recipe, probe))
        _check_teachers(recipe, probe)


def _check_teachers(recipe: Recipe, spec: Spec) -> None:
    """Whether the networks that are learnt from are there, and fit the data."""
    for node in recipe.nodes():
        if isinstance(path := node.values.get("teacher"), str):
            from runner.config.teacher import check_teacher

            check_teacher(path, f"{node.key}.teacher", recipe, spec)


def _check_contiguous(recipe: Recipe) -> None:
    """Whether the network can go on from batch to batch, where the data do.

    Raises:
        ConfigError: it can't, or a technique gives it a batch twice or mixes examples.
    """
    from runner.engine.carried import Carrying
    from runner.engine.technique import Slot, listeners

    if not recipe.data.contiguous:
        return
    network = recipe["model"].target
    if inspect.isclass(network) and not issubclass(network, Carrying):  # what a function makes is looked at later
        raise carries_nothing(recipe)
    for technique in recipe.techniques:
        repeats = listeners([technique], "on_batch") and listeners([technique], "output_penalty")
        if repeats or listeners([technique], "around_gradients") or technique.slot == Slot.MIX:
            raise ConfigError(
                f"data.stateful=true can't be combined with {technique.name}, which gives the network a batch twice or "
                "mixes examples: the state would not go on where it was. Leave one of them out."
            )


def carries_nothing(recipe: Recipe) -> ConfigError:
    """What is said of a network that can't go on from batch to batch."""
    return ConfigError(
        f"data.stateful=true: model={recipe['model'].short} has no state that goes on from batch to batch. Take "
        "model=rnn, gru or lstm, or data.stateful=false."
    )


def _without_weights(recipe: Recipe, spec: Spec) -> nn.Module | None:
    """The network as for large images or texts, without memory for its weights; None where it can't be made so."""
    import torch

    if spec.inputs is None or spec.inputs.kind not in ("image", "tokens"):
        return None
    known = Spec.classification((3, 224, 224), 1000)
    if spec.inputs.kind == "tokens":
        known = replace(known, inputs=replace(spec.inputs, size=len(SPECIAL)))
    try:
        with torch.device("meta"):
            network: nn.Module = model_node(recipe).make(spec=known)
    except (ConfigError, RuntimeError):  # some count on the device; what is wrong is told once the data are known
        return None
    return network


def check_data(recipe: Recipe, spec: Spec) -> None:
    """Whether network, loss, techniques and scores fit the data; nothing is said of what is not known of them yet.

    Raises:
        ConfigError: one of them does not.
    """
    check_inputs(recipe, spec.inputs, spec.task)
    _check_model(recipe, spec)
    _check_lengths(recipe, spec)
    _check_categories(recipe, spec)
    _check_fed_back(recipe, spec)
    _check_task(recipe, spec.task)
    _check_scores(recipe, spec.task)


def check_inputs(recipe: Recipe, inputs: Field | None, task: str | None = None) -> None:
    """Whether network and techniques take what the examples are.

    Args:
        recipe: checked.
        inputs: of the data; None where they are not known.
        task: of the data, for which other networks are named.

    Raises:
        ConfigError: one of them does not.
    """
    from runner.model.base import declared

    if inputs is None:
        return
    for node in recipe.nodes():
        assert node.group is not None
        takes, given = declared(node.target).takes if node.key == "model" else None, {inputs.kind}
        if node.group.technique or node.group.prepares:
            takes = node.target.takes
        if node.group.technique and inputs.made_of:
            given.add(inputs.made_of)
        if takes is not None and given.isdisjoint(takes):
            group, _, name = node.key.partition(".")
            *wanted, these = (IN_WORDS.get(kind, kind) for kind in (*takes, inputs.kind))
            raise (NetworkMisfit if node.key == "model" else ConfigError)(
                f"{group}={name or node.short} takes {' or '.join(wanted)}, and these data are {these}. "
                + (f"Leave {name} out." if name else f"Take {_models_for(inputs.kind, task)}or other data.")
            )
        if node.group.technique and node.target.whole_words and inputs.kind == "tokens" and inputs.between != " ":
            group, _, name = node.key.partition(".")
            raise ConfigError(
                f"{group}={name}: looks up words, and these tokens are pieces of words or characters. Take "
                "data.tokenizer=words, or leave it out."
            )


def _check_lengths(recipe: Recipe, spec: Spec) -> None:
    """Whether network and techniques know what to do with series of unequal length."""
    from runner.engine.technique import Slot
    from runner.model.base import declared

    if spec.inputs is None or spec.inputs.kind != "series" or "lengths" not in spec.more:
        return
    if not declared(recipe["model"].target).lengths:
        able = [
            f"model={name}" for name, network in _networks() if network.lengths and "series" in (network.takes or ())
        ]
        raise NetworkMisfit(
            f"model={recipe['model'].short}: takes series of one length, and those of these data are of unequal "
            f"length. Take {' or '.join(able)}."
        )
    for technique in recipe.techniques:
        if technique.slot == Slot.MIX:
            raise ConfigError(
                f"regularization={technique.name}: mixes examples, and these series are of unequal length: one would "
                "be mixed with the padding of another. Leave it out."
            )


def _check_categories(recipe: Recipe, spec: Spec) -> None:
    """Whether network and techniques know what to do with words that are embedded."""
    from runner.engine.technique import Slot
    from runner.model.base import declared

    if "categories" not in spec.more:
        return
    if not declared(recipe["model"].target).categories:
        able = [f"model={name}" for name, network in _networks() if network.categories]
        raise NetworkMisfit(
            f"model={recipe['model'].short}: takes no categories beside numbers, which data.encoding=embedding gives. "
            f"Take {' or '.join(able)}, or data.encoding=onehot, ordinal or target."
        )
    for technique in recipe.techniques:
        if technique.slot == Slot.MIX:
            raise ConfigError(
                f"regularization={technique.name}: mixes examples, and numbers of categories can't be mixed. Take "
                "data.encoding=onehot, ordinal or target."
            )


def _check_fed_back(recipe: Recipe, spec: Spec) -> None:
    """Whether what the network tells can be fed back, where forecasts are."""
    if "future" in spec.more and recipe["loss"].values.get("levels"):
        raise ConfigError(
            f"loss={recipe['loss'].short}: tells quantiles, and data.strategy=recursive feeds one number of each value "
            "back: a quantile of what follows from a quantile is none of what follows. Take data.strategy=direct, or "
            "another loss."
        )


def _models_for(kind: Kind, task: str | None = None) -> str:
    """The networks among the options that take such inputs (and are for such a task), as they are typed.

    Of many the first few; those that were published for large images come last.
    """
    found = {
        f"model={name}": network.published
        for name, network in _networks()
        if kind in (network.takes or ()) and (task is None or task in (network.tasks or (task,)))
    }
    return "".join(f"{name}, " for name in sorted(found, key=found.__getitem__)[:6])


def _networks() -> Iterator[tuple[str, Declared]]:
    """The networks among the options by name, and what they declare."""
    from runner.model.base import declared

    options = Options()
    for name in options.names("model"):
        target = yaml.safe_load(options.file("model", name).read_text()).get("_target_", "")
        yield name, declared(resolve(target, f"model={name}"))


def _check_model(recipe: Recipe, spec: Spec) -> None:
    from runner.model.base import declared
    from runner.task import all_tasks

    tasks, given = declared(recipe["model"].target).tasks, spec.task
    if given in all_tasks() and tasks is not None and given not in tasks:
        better = _models_for(spec.inputs.kind, given) if spec.inputs else ""
        raise NetworkMisfit(
            f"model={recipe['model'].short} takes data for {' or '.join(tasks)}, and these are for {given}. "
            f"Take {better}or other data."
        )


def _check_task(recipe: Recipe, task: str | None) -> None:
    loss = recipe["loss"].target
    if task is not None and loss.tasks is not None and task not in loss.tasks:
        raise ConfigError(
            f"loss={recipe['loss'].short}: is for {' and '.join(sorted(loss.tasks))}, and "
            f"these data are for {task}. loss=auto chooses one that fits."
        )
    _check_chosen_task(recipe, task)
    check_preparation(recipe, task)
    _check_not_for(recipe, task)
    for technique in recipe.techniques:
        classes = task in (None, "classification", "nodes")
        if technique.soft_targets and not (classes and loss.soft_targets):
            what = "this loss takes class indices only" if classes else f"these data are for {task}"
            raise ConfigError(f"regularization={technique.name}: turns classes into probabilities, and {what}.")


def check_preparation(recipe: Recipe, task: str | None) -> None:
    """Whether what prepares the data is for their task.

    Raises:
        ConfigError: an option is not.
    """
    for node in recipe.nodes():
        if node.group and node.group.prepares and task is not None and task not in (node.target.tasks or (task,)):
            raise ConfigError(
                f"{node.key.partition('.')[0]}={node.short}: is for {' and '.join(node.target.tasks)}, and these data "
                f"are for {task}. Leave it out."
            )


def _check_not_for(recipe: Recipe, task: str | None) -> None:
    for node in recipe.nodes():
        if node.group and node.group.technique and task in node.target.not_for:
            group, _, name = node.key.partition(".")
            raise ConfigError(f"{group}={name}: is not for {task}: {node.target.not_for[task]}. Leave it out.")


def _check_chosen_task(recipe: Recipe, task: str | None) -> None:
    """Whether the task and the metrics that were asked for are for these data.

    Raises:
        ConfigError: one of them is not.
    """
    from runner.metric import metrics_for

    if recipe.values.get("task") and task is not None:
        node = recipe["task"]
        if task not in (node.values["_target_"], node.target.__module__.rpartition(".")[2]):
            raise ConfigError(f"task={node.short}: these data are for {task}. Leave task out: the data choose it.")
    for node in recipe.of(BY_NAME["metric"]):
        name, metric = node.key.partition(".")[2], node.target
        if metric.name != name:
            raise ConfigError(
                f"{node.key}: its class {node.values['_target_']} is named {metric.name!r}, and scores are reported "
                "under that name. Give both one name."
            )
        if task is not None and task not in metric.tasks:
            raise ConfigError(
                f"metric={name}: is for {' and '.join(sorted(metric.tasks))}, and these data are for {task}. "
                f"Metrics for it: {', '.join(sorted(metrics_for(task, asked=True)))}."
            )


def scores_of(recipe: Recipe, task: str | None) -> dict[str, Direction]:
    """Every score by which runs of a recipe can be judged, and the direction in which it improves.

    Args:
        recipe: checked.
        task: what is predicted; None where that is not known yet.
    """
    from runner.metric import all_metrics, metrics_for

    metrics = dict(all_metrics() if task is None else metrics_for(task))
    metrics |= {node.key.partition(".")[2]: node.target for node in recipe.of(BY_NAME["metric"])}
    scores: dict[str, Direction] = {}
    for split in ("val", "train"):
        scores[f"{split}/loss"] = "min"
        told = {name: metric for name, metric in metrics.items() if split == "val" or not metric.decoded}
        scores |= {f"{split}/{name}": metric.direction for name, metric in told.items()}
    for technique in recipe.techniques:
        scores |= technique.reports
    return scores


def check_score(key: str, name: str, scores: Iterable[str]) -> str:
    """The canonical name of a score.

    Args:
        key: the config key that names it, for the message.
        name: as given, such as ``val_loss``.
        scores: what there is.

    Raises:
        ConfigError: there is no such score.
    """
    from runner.engine.monitor import canonical

    if (found := canonical(name)) not in scores:
        raise ConfigError(f"{key}={name}: no such score.{did_you_mean(found, scores)} Scores: {', '.join(scores)}.")
    return found


def _check_scores(recipe: Recipe, task: str | None) -> None:
    scores = scores_of(recipe, task)
    check_score("monitor", recipe.values["monitor"], scores)
    for node in recipe.nodes():
        if isinstance(node.values.get("monitor"), str):
            check_score(f"{node.key}.monitor", node.values["monitor"], scores)
