"""A network with its adapters added to its weights, as a checkpoint."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from runner.config.groups import BY_NAME
from runner.errors import counted

if TYPE_CHECKING:
    from runner.config.recipe import Recipe
    from runner.engine.fit import Fit


def write_merged(fit: Fit, recipe: Recipe) -> None:
    """Write ``checkpoints/merged.pt``, where a recipe asks for it: the best weights, or where none are best the last.

    It is the checkpoint of an ordinary network, whose configuration has no adapter. Takes the memory of a second one.
    """
    from runner.adapter.base import Adapter, merge
    from runner.engine import checkpoint

    for node in recipe.of(BY_NAME["adapter"]):
        adapter: Adapter = node.make()
        if not adapter.merge:
            return
        model = copy.deepcopy(fit.model)
        if fit.best.weights is not None:
            model.load_state_dict(fit.best.weights)
        merge(model)
        about = fit.about | {"config": {**fit.about["config"], "adapter": {}}}
        path = fit.recorder.folder.checkpoints / "merged.pt"
        position = fit.best.position if fit.best.weights is not None else fit.state.position()
        checkpoint.save(path, {"model": model.state_dict(), "scores": fit.best.scores, "position": position, **about})
        parameters = sum(p.numel() for p in model.parameters())
        fit.progress.message(f"{path}: the network with its adapters added, {counted(parameters, 'weight')}")
