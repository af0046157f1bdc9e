"""Networks that other runs have trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from runner.config.build import build_loss, build_model, build_task
from runner.config.recipe import Recipe
from runner.config.run_config import from_environment
from runner.engine.spec import Spec
from runner.errors import ConfigError, RunFailed

if TYPE_CHECKING:
    from torch import nn


def recipe_in(saved: dict[str, Any], trusted: Iterable[str]) -> Recipe:
    """The recipe that a checkpoint holds, with modules that the user trusts; its own list of them is not asked.

    Raises:
        ConfigError: it names a class of another module.
    """
    recipe = Recipe({**from_environment(saved["config"]), "trusted_targets": list(trusted)})
    recipe.refuse_untrusted()
    return recipe


def trained_network(path: str, key: str, spec: Spec, trusted: Iterable[str] = ()) -> nn.Module:
    """The network of a checkpoint, built as the checkpoint's own config says, for data like `spec`.

    Args:
        path: a run folder, whose best weights are taken, or a checkpoint file.
        key: config key that it was given for, for messages.
        spec: facts about the data that it will see.
        trusted: modules that the user trusts; the checkpoint's own list is not asked.

    Raises:
        ConfigError: there is no checkpoint at `path`, or that of an ensemble.
        RunFailed: it is damaged, or its network is for other data.
    """
    from runner.engine import checkpoint
    from runner.model.changes import changed, changes_in

    file = checkpoint.meant_by(path, key)
    saved = checkpoint.load(file)
    if "members" in saved:
        raise ConfigError(f"{key}={path}: is an ensemble, and one network is wanted here. Name one of its members.")
    recipe = recipe_in(saved, trusted)
    if "exported" in saved:
        raise ConfigError(f"{key}={path}: is an exported file, and a network is wanted here. Name what it was made of.")
    built = build_model(recipe, build_task(recipe, spec, build_loss(recipe, spec)).spec)
    model = changed(built, changes_in(saved, file))
    difference = checkpoint.difference(model.state_dict(), saved["model"])
    if difference:
        raise RunFailed(f"{file}: its network does not fit these data: {difference}.")
    model.load_state_dict(saved["model"])
    return model.eval()
