"""Networks to learn from: where they are, and whether they fit the data of the network that learns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from runner.config.build import build_loss, build_model, build_task, network
from runner.config.recipe import Config, Recipe, is_node
from runner.config.targets import check_trusted
from runner.config.trained_network import recipe_in
from runner.engine import checkpoint
from runner.engine.spec import Spec
from runner.engine.teacher import Teacher
from runner.errors import ConfigError, RunFailed

if TYPE_CHECKING:
    from torch import nn

    from runner.engine.data import Data
    from runner.engine.spec import Field
    from runner.engine.task import Task

_EXPECTED = "Expected a run folder, a checkpoint file, or a config file (.yaml) with model and init."

# What sets weights of others, and how it is told to take all of them.
_WHOLE: dict[str, Config] = {
    "runner.init.pretrained.Pretrained": {"redraw": []},
    "runner.init.checkpoint.Checkpoint": {"strict": True},
}


def check_teacher(path: str, key: str, recipe: Recipe, spec: Spec) -> None:
    """Look, before any data are loaded, whether a teacher is there and fits them.

    Args:
        path: what was given: see `load_teacher`.
        key: config key that it was given for, for messages.
        recipe: of the network that learns.
        spec: what is known of its data.

    Raises:
        ConfigError: there is no teacher, or it can't be one for these data.
        RunFailed: its file is damaged.
    """
    if recipe.data.contiguous:
        raise ConfigError(
            f"{key}={path}: can't be combined with data.stateful=true: the state that the teacher has behind a batch "
            "is in no checkpoint, so that a resumed run would differ."
        )
    file = checkpoint.meant_by(path, key)
    if file.suffix in (".yaml", ".yml"):
        _untrained(file, key, recipe)["init"].make().check()
        return
    for member in _members(checkpoint.load(file), path, key):
        own = member["config"]["data"].get("scaling")
        wanted = recipe["data"].values.get("scaling")
        theirs = Spec.from_plain(member["spec"])
        _refuse(misfit(theirs, spec), path, key)
        if None not in (own, wanted) and own != wanted:
            _refuse(f"its inputs were scaled with data.scaling={own}, and these are with {wanted}", path, key)


def load_teacher(path: str, key: str, recipe: Recipe, data: Data) -> Teacher:
    """The network or networks that `path` names.

    Args:
        path: a run folder, whose best weights are taken; the folder of a variant or an ensemble; a checkpoint file; or
            a config file (YAML) with a network, under ``model``, and weights that others trained, under ``init``.
        key: config key that it was given for, for messages.
        recipe: of the network that learns.
        data: that it learns from.

    Raises:
        ConfigError: it tells other classes apart, or is for inputs that are prepared in another way.
        RunFailed: its file is damaged.
    """
    from runner.task import task_named

    assert data.spec.task is not None
    task = task_named(data.spec.task)(data.spec)
    file = checkpoint.meant_by(path, key)
    if file.suffix in (".yaml", ".yml"):
        return Teacher(path, [_published(file, key, recipe, data)], [task], [1.0], task)
    saved = checkpoint.load(file)
    state = data.transform.state_dict() if data.transform else None
    members = _members(saved, path, key)
    made = []
    for member in members:
        _refuse(misfit(Spec.from_plain(member["spec"]), data.spec), path, key)
        _refuse(prepared_otherwise(member["transform"], state), path, key)
        made.append(_trained(member, file, recipe))
    networks, tasks = zip(*made, strict=True)
    return Teacher(path, networks, tasks, saved.get("weights") or [1 / len(members)] * len(members), task)


def _refuse(reason: str | None, path: str, key: str) -> None:
    if reason:
        raise ConfigError(
            f"{key}={path}: {reason}. A teacher sees what the network sees, and is asked for the same answers."
        )


def _members(saved: dict[str, Any], path: str, key: str) -> list[dict[str, Any]]:
    """The networks in a checkpoint: one, or those of an ensemble."""
    if saved.get("vote"):
        raise ConfigError(
            f"{key}={path}: the networks of this ensemble vote, so that there are no probabilities to learn from. Make "
            "one that averages: python -m runner ensemble, without --vote."
        )
    members: list[dict[str, Any]] = saved.get("members", [saved])
    return members


def _trained(saved: dict[str, Any], file: Path, recipe: Recipe) -> tuple[nn.Module, Task]:
    """A network as its checkpoint has it, and its task."""
    from runner.model.changes import changes_in
    from runner.model.exported import open_exported

    own = recipe_in(saved, recipe.trusted)
    spec = Spec.from_plain(saved["spec"])
    task = build_task(own, spec, build_loss(own, spec))
    if "exported" in saved:
        return open_exported(saved["exported"], file.absolute().parent.parent, own.trusted), task
    model = build_model(own, task.spec, changes_in(saved, file))
    if difference := checkpoint.difference(model.state_dict(), saved["model"]):
        raise RunFailed(f"{file}: belongs to another network than its config describes: {difference}.")
    model.load_state_dict(saved["model"])
    return model, task


def _untrained(file: Path, key: str, recipe: Recipe) -> Recipe:
    """The network and the weights that a config file names, for the data of `recipe`.

    Every weight must be among those that are there, also those of the last layer.
    """
    try:
        content = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{key}={file}: is no YAML file ({' '.join(str(error).split())}). {_EXPECTED}") from error
    content = content if isinstance(content, dict) else {}
    model, init = content.get("model") or {}, content.get("init") or {}
    if not is_node(model) or not is_node(init) or init["_target_"] not in _WHOLE:
        raise ConfigError(
            f"{key}={file}: a teacher that no run trained is a network, under model, and its weights, under init: "
            "pretrained or checkpoint. `python -m runner data=... model=... init=pretrained init.weights=FILE --cfg "
            "job` prints such a file."
        )
    for name, node in (("model", model), ("init", init)):
        check_trusted(node, f"{key}: {name}", recipe.trusted)
    init = {**init, **_WHOLE[init["_target_"]]}
    values = {"model": model, "init": init, "trusted_targets": list(recipe.trusted)}
    return Recipe({**values, "data": recipe["data"].values})


def _published(file: Path, key: str, recipe: Recipe, data: Data) -> nn.Module:
    """A network with weights that others trained, which tell the very classes of the data."""
    from runner.config.build import check_preprocessing
    from runner.task import task_named

    own = _untrained(file, key, recipe)
    assert data.spec.task is not None
    model = network(own, data.spec.with_outputs(task_named(data.spec.task).num_outputs(data.spec)))
    init = own["init"].make()
    try:
        check_preprocessing(own, init, lambda: model)
        if data.transform:
            init.numbers, init.tokens = data.transform.vocabulary_numbers, data.transform.tokens
        init(model)
    except ConfigError as error:
        raise ConfigError(f"{key}={file}: {error}") from error
    return model


def misfit(theirs: Spec, spec: Spec) -> str | None:
    """Why a network for some data is no teacher on others, in words; None where nothing speaks against it.

    Args:
        theirs: of the teacher's data.
        spec: of the others; what is not known of them is not compared.
    """
    if spec.task is not None and theirs.task != spec.task:
        return f"is for {theirs.task}, and these data are for {spec.task}"
    if (one := theirs.targets) and (other := spec.targets):
        if None not in (one.size, other.size) and one.size != other.size:
            return f"tells {one.size:,} {_things(one)} apart, and these data have {other.size:,}"
        if _shapes_differ(one, other):
            return f"answers with {one.kind} of shape {one.shape}, and these data have {other.shape}"
        if one.names and other.names and one.names != other.names:
            return f"tells other {_things(one)}: {_names(one, other)}"
    if (one := theirs.inputs) and (other := spec.inputs):
        if one.kind != other.kind:
            return f"takes inputs of kind {one.kind!r}, and these are {other.kind!r}"
        if _shapes_differ(one, other):
            return f"takes inputs of shape {one.shape}, and these have {other.shape}"
        if None not in (one.size, other.size) and one.size != other.size:
            return f"has a vocabulary of {one.size:,} entries, and these data have {other.size:,}"
        if one.names and other.names and one.names != other.names:
            return f"takes other {'tokens' if one.kind == 'tokens' else 'features'}: {_names(one, other)}"
    if spec.inputs is not None and spec.inputs.shape is not None and theirs.more.keys() != spec.more.keys():
        beside = [", ".join(one.more) or "nothing" for one in (theirs, spec)]
        return f"takes {beside[0]} beside its inputs, and these data have {beside[1]}"
    return None


def _things(targets: Field) -> str:
    return (
        "values" if targets.kind == "values" else "entries of a vocabulary" if targets.kind == "tokens" else "classes"
    )


def _shapes_differ(one: Field, other: Field) -> bool:
    """Whether two shapes, as far as both are known, are different."""
    if one.shape is None or other.shape is None:
        return False
    pairs = list(zip(one.shape, other.shape, strict=False))
    return len(one.shape) != len(other.shape) or any(None not in pair and pair[0] != pair[1] for pair in pairs)


def _names(one: Field, other: Field) -> str:
    if sorted(one.names) == sorted(other.names):
        return "the same in another order"
    number = next(i for i, names in enumerate(zip(one.names, other.names, strict=False)) if names[0] != names[1])
    return f"number {number} is {one.names[number]!r} there and {other.names[number]!r} here"


def prepared_otherwise(theirs: Any, own: Any) -> str | None:
    """How two states of what prepares inputs differ, in words; None where they are the same, but for rounding."""
    for at, one, other in _differences(theirs, own, ""):
        there, here = (f"{value:.6g}" if isinstance(value, float) else repr(value)[:40] for value in (one, other))
        return (
            f"its inputs were prepared in another way: {at[1:] or 'their preparation'} is {there} there and {here} "
            "here. Statistics are those of the training part: give both the same data.fraction, data.split_seed, "
            "data.fold and data.scaling"
        )
    return None


def _differences(one: Any, other: Any, at: str) -> Iterator[tuple[str, Any, Any]]:
    """The entries in which two states of plain containers and tensors differ, with their places."""
    if hasattr(one, "tolist") and hasattr(other, "tolist"):
        one, other = one.tolist(), other.tolist()
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from _differences(one[key], other[key], f"{at}.{key}")
    elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from _differences(*pair, f"{at}.{number}")
    elif isinstance(one, float) and isinstance(other, float):
        if not (math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9) or (one != one and other != other)):
            yield at, one, other
    elif one != other:
        yield at, one, other
