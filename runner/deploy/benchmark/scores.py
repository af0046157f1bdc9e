"""How good a network is: as its folder says where that is of these very weights, else by asking it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import ConfigError
from runner.record.folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.config.recipe import Recipe
    from runner.run.trained import TrainedNetwork


def kept(path: Path, split: str, recipe: Recipe) -> dict[str, float] | None:
    """Scores of a checkpoint that stand in the ``result.json`` of its folder; None where they may be of other weights.

    Args:
        path: of the checkpoint.
        split: ``val``, ``test`` or another part.
        recipe: that of the checkpoint.
    """
    trained_by = recipe.trainer.test_weights == "best" and all(t.restore_best_weights for t in recipe.techniques)
    if path.name != "best.pt" or path.parent.name != "checkpoints" or split not in ("val", "test") or not trained_by:
        return None
    place = RunFolder(path.parent.parent)
    with suppress(ConfigError, OSError):
        result = place.read_json(place.result)
        scores, ended = result.get(split), result.get("status") in ("completed", "failed")
        if ended and isinstance(scores, dict) and path.stat().st_mtime <= place.result.stat().st_mtime:
            return {str(name): float(value) for name, value in scores.items() if isinstance(value, (int, float))}
    return None


def evaluated(network: TrainedNetwork, split: str, overrides: Sequence[str]) -> dict[str, float]:
    """Scores of a network on a part of its data.

    Args:
        network: perhaps an ensemble.
        split: the name of the part.
        overrides: where the data are now: ``data.path=FILE``.

    Raises:
        ConfigError: the data have changed, are not where they were, or have no such part.
    """
    from runner.config.build import build_metrics
    from runner.engine.evaluate import evaluate
    from runner.engine.meter import Meter
    from runner.engine.precision import Precision
    from runner.run.assembly import evaluation_batches, load_data
    from runner.run.ensemble import Ensemble, load_each, scores_of_ensemble
    from runner.run.unchanged import Unchanged

    if isinstance(network, Ensemble) and not network.takes_prepared:
        return scores_of_ensemble(network, load_each(network, list(overrides)), split)[0]
    recipe = network.recipe_at(overrides)
    data = load_data(recipe)
    Unchanged().check(data, network.fingerprint, network.sizes, network.spec)
    return evaluate(
        network.model,
        evaluation_batches(recipe, data.parts[split], network.device, False),
        Meter(network.task, build_metrics(recipe, network.task)),
        network.loss,
        Precision(recipe.trainer.precision, network.device),
    )
