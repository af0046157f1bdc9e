"""From a recipe to the objects of a run."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from runner.config.groups import BY_NAME
from runner.config.recipe import Node, Recipe, plain
from runner.config.refusal import refusal
from runner.engine.spec import Spec
from runner.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from runner.engine.data import Data
    from runner.engine.loss import Loss
    from runner.engine.metric import Metric
    from runner.engine.schedule import Schedule, Warmup
    from runner.engine.task import Task
    from runner.engine.teacher import Teacher
    from runner.init.base import Init
    from runner.model.changes import Change
    from runner.model.weights.published import Weights


@dataclass
class Objects:
    """What a recipe stands for once the data are known, built in this order.

    The loss comes before the network: it says how wide the last layer is.
    """

    loss: Loss
    task: Task
    metrics: list[Metric]
    model: nn.Module
    schedule: Schedule
    warmup: Warmup | None
    notes: tuple[str, ...]
    load_teacher: Callable[[str, str], Teacher]
    changes: Sequence[Change] = ()


def build(recipe: Recipe, data: Data, seed: int, saved: dict[str, Any] | None = None) -> Objects:
    """Build a run's objects, once the data are loaded.

    Args:
        recipe: checked.
        data: the loaded data.
        seed: seeds the weights.
        saved: the checkpoint that the run goes on from, whose weights are about to replace those here; None: they are
            initialized.
    """
    import torch

    from runner.model.base import Network
    from runner.model.changes import changed, changes_in

    load_teacher = partial(_teacher, recipe=recipe, data=data)
    loss = build_loss(recipe, data.spec, load_teacher)
    task = build_task(recipe, data.spec, loss)
    torch.manual_seed(seed)
    model = network(recipe, task.spec)
    if any(isinstance(p, torch.nn.UninitializedParameter) for p in model.parameters()):
        with torch.no_grad():  # lazy layers take their size from what they see first
            some = data.train.sample(2, seed)
            model.eval()(some.inputs, **some.more)
    torch.manual_seed(seed)
    init: Init = recipe["init"].make()
    changes = init.changes() if saved is None else changes_in(saved, "its checkpoint")
    changed(model, changes)
    if saved is None:
        check_preprocessing(recipe, init, lambda: model)
        if data.transform:
            init.numbers, init.tokens = data.transform.vocabulary_numbers, data.transform.tokens
        init(model)
        if init.examples:
            init.adapt(model, data.train.sample(init.examples, seed))
    adapt(recipe, model)
    return Objects(
        loss=loss,
        task=task,
        metrics=build_metrics(recipe, task),
        model=model,
        schedule=recipe["scheduler"].make(),
        warmup=recipe["warmup"].make() if recipe.values.get("warmup") else None,
        notes=(
            *init.notes,
            *(model.notes if isinstance(model, Network) else ()),
            *_told_of_longer(model, data),
            *([f"loss.teacher: {loss.teacher.described}."] if loss.teacher else []),
        ),
        load_teacher=load_teacher,
        changes=changes,
    )


def build_model(recipe: Recipe, spec: Spec, changes: Sequence[Change] = ()) -> nn.Module:
    """The network of a checkpoint, with its adapters, whose weights are about to be replaced by saved ones.

    Args:
        recipe: of the checkpoint.
        spec: facts about the data.
        changes: that the checkpoint holds. Adapters were put into what had become of the network when it was trained;
            what can't be trained any more was made of both.
    """
    from runner.model.changes import changed

    model = changed(network(recipe, spec), (change for change in changes if change.trainable))
    adapt(recipe, model)
    return changed(model, (change for change in changes if not change.trainable))


def network(recipe: Recipe, spec: Spec) -> nn.Module:
    """The network that a recipe chooses; where forecasts are fed back, around it what does that."""
    from runner.model.layers.recursive import Recursive, one_step

    if "future" not in spec.more:
        model: nn.Module = model_node(recipe).make(spec=spec)
        return model
    return Recursive(model_node(recipe).make(spec=one_step(spec)), spec)


def adapt(recipe: Recipe, model: nn.Module) -> None:
    """Put the adapters of a recipe, if there are any, into a network."""
    for node in recipe.of(BY_NAME["adapter"]):
        node.make()(model)


def check_preprocessing(recipe: Recipe, init: Init, network: Callable[[], nn.Module | None]) -> None:
    """Whether images are scaled, and texts divided into tokens, as those that the weights were trained with.

    Args:
        recipe: checked.
        init: what sets the weights.
        network: see `runner.init.base.Init.published`.

    Raises:
        ConfigError: they are not.
    """
    weights = init.published(network)
    if weights is None:
        return
    if weights.scaling and weights.scaling != recipe.data.scaling:
        raise ConfigError(
            f"data.scaling={recipe.data.scaling}: the weights were trained with other numbers for the same colours. "
            f"Give data.scaling={weights.scaling}."
        )
    if weights.vocabulary:
        _check_vocabulary(recipe, weights)


def _check_vocabulary(recipe: Recipe, weights: Weights) -> None:
    from runner.data.text.vocabulary.loaded import same

    values = recipe["data"].values
    given, enclosed = values.get("tokenizer_file"), values.get("enclosed", False)
    fits = given is not None and same(given, weights.vocabulary, values["lowercase"])
    if fits and enclosed == weights.enclosed:
        return
    wanted = f"data.tokenizer_file={weights.vocabulary} data.enclosed={str(weights.enclosed).lower()}"
    if fits:
        stood = "stood between a start and an end" if weights.enclosed else "had no start and end around them"
        raise ConfigError(
            f"data.enclosed={str(enclosed).lower()}: the texts that the weights were trained with {stood}. Give "
            f"{wanted}."
        )
    had = "null" if given is None else given
    raise ConfigError(
        f"data.tokenizer_file={had}: the weights were trained with another vocabulary, whose numbers stand for other "
        f"words. Give {wanted}."
    )


def _told_of_longer(model: nn.Module, data: Data) -> Iterator[str]:
    """Notes of texts that are longer than a network reads."""
    from runner.engine.split import SequenceSplit
    from runner.model.base import declared

    places = declared(model).places
    for name, split in data.parts.items():
        longer = int((split.offsets.diff() > places).sum()) if places and isinstance(split, SequenceSplit) else 0
        if longer:
            yield f"{name}: of {longer:,} of {len(split):,} texts the network reads the first {places:,} tokens only"


def build_loss(recipe: Recipe, spec: Spec, load_teacher: Callable[[str, str], Teacher] | None = None) -> Loss:
    """The loss for some data.

    Args:
        recipe: checked.
        spec: facts about the data.
        load_teacher: gives the network to learn from of a path, given for such a key; None where nothing is trained.
    """
    from runner.model.base import declared

    loss: Loss = recipe["loss"].make(
        spec=spec,
        network_loss=declared(recipe["model"].target).loss,
        load_teacher=load_teacher,
    )
    return loss


def build_task(recipe: Recipe, spec: Spec, loss: Loss) -> Task:
    """The task of some data, with the width of the last layer that the loss wants in its spec."""
    from runner.task import task_named

    assert spec.task is not None
    kind = task_named(spec.task)
    spec = spec.with_outputs(kind.num_outputs(spec))
    spec = spec.with_outputs(loss.num_outputs(spec))
    if loss.levels and spec.targets is not None:
        spec = replace(spec, targets=replace(spec.targets, levels=loss.levels))
        spec = spec.with_outputs(spec.num_outputs * len(loss.levels))
    if recipe.values.get("task"):
        made: Task = recipe["task"].make(spec=spec, link=loss.link)
        return made
    return kind(spec, loss.link)


def build_metrics(recipe: Recipe, task: Task) -> list[Metric]:
    """The metrics that the task has, and those that were asked for."""
    from runner.metric import metrics_for

    asked = {name: recipe[f"metric.{name}"].make() for name in recipe.values.get("metric") or {}}
    return [asked.pop(name, None) or metric() for name, metric in metrics_for(task.name).items()] + [*asked.values()]


def model_node(recipe: Recipe) -> Node:
    """The option of the network with what techniques set in it (dropout).

    Raises:
        ConfigError: the network has no such argument, or it was given there as well.
    """
    node = recipe["model"]
    values = dict(node.values)
    for technique in recipe.techniques:
        for argument, attribute in technique.model_arguments.items():
            if argument not in values:
                raise ConfigError(
                    f"regularization={technique.name}: sets model.{argument}, which this model does not have."
                )
            if values[argument]:
                raise ConfigError(
                    f"model.{argument}={values[argument]} and regularization={technique.name} both set the same thing. "
                    "Give one of them."
                )
            values[argument] = getattr(technique, attribute)
    return node.changed(values)


def _teacher(path: str, key: str, recipe: Recipe, data: Data) -> Teacher:
    from runner.config.teacher import load_teacher  # which builds networks with what is here

    return load_teacher(path, key, recipe, data)


def _check_steps(values: dict[str, Any], device_type: str) -> None:
    """Refuse arguments of torch's optimizers that are for training loops of other kinds.

    Raises:
        ConfigError: says what for.
    """
    if values.get("differentiable") is True:
        raise ConfigError(
            "optimizer.differentiable=true: is for gradients through the updates themselves (meta-learning), which are "
            "not taken here. Leave it out."
        )
    if values.get("capturable") is True and device_type == "cpu":
        raise ConfigError(
            "optimizer.capturable=true: is for CUDA graphs, and this run is on the CPU. Leave it out, or take "
            "trainer.device=cuda."
        )


def build_optimizer(node: Node, model: nn.Module, device_type: str) -> torch.optim.Optimizer:
    """The optimizer over the parameters of `model`, which is on its device already.

    ``fused: null`` (and no other implementation asked for) takes torch's fused kernels where the optimizer and the
    device have them: one kernel for the whole step. Not with dampening, where it can't start momenta one by one.
    """
    import torch

    from runner.engine.torch_overhead import leave_compiler_out
    from runner.optimizer.base import start_momentum

    leave_compiler_out()
    values = {name: value for name, value in node.arguments.items() if name not in ("wrapper", "params")}
    groups = node.inner("params").make() if "params" in node.values else None
    takes = inspect.signature(node.target).parameters
    other = any(values.get(name) for name in ("foreach", "capturable", "differentiable", "dampening"))
    if "fused" in takes and values.get("fused") is None and not other and device_type in ("cpu", "cuda", "mps"):
        values["fused"] = True
    arguments: dict[str, Any] = {name: plain(value) for name, value in values.items()}
    parameters = groups(model) if groups is not None else [p for p in model.parameters() if p.requires_grad]
    _check_steps(values, device_type)
    try:
        optimizer: torch.optim.Optimizer = node.target(parameters, **arguments)
    except (ValueError, TypeError, RuntimeError) as error:
        anew = partial(node.target, [torch.zeros(2, 2, requires_grad=True)])
        raise refusal(anew, arguments, node.values, "optimizer", error) from error
    start_momentum(optimizer)
    for group in optimizer.param_groups:
        if "lr" not in group:
            raise ConfigError(
                f"optimizer ({node.values['_target_']}): its groups have no learning rate. Pass lr in the defaults "
                "that its __init__ gives to torch.optim.Optimizer, so that schedules can set it."
            )
        if not math.isfinite(group["lr"]):
            raise ConfigError(f"optimizer.lr={group['lr']}: expected a finite number.")
        group["lr"] *= group.pop("lr_factor", 1.0)
        group.setdefault("initial_lr", group["lr"])
    return optimizer
