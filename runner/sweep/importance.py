"""How much each key matters, from what the trials say."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def importances(
    space: Mapping[str, Mapping[str, Any]], points: Sequence[tuple[Mapping[str, str], float]], seed: int = 0
) -> dict[str, float]:
    """The share of the objective's variance that each key explains by itself (fANOVA), largest first.

    Args:
        space: key to ``kind`` and ``log``, as in ``sweep.yaml``.
        points: completed points with their values.
        seed: of the random forest behind it.

    Returns:
        Keys that every point has and that take more than one value, with shares that sum to 1.

    Source: Hutter et al. 2014, "An Efficient Approach for Assessing Hyperparameter Importance".
    """
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    columns = {key: [p.get(key) for p, _ in points] for key in space}
    keys = [key for key, texts in columns.items() if None not in texts and len(set(texts)) > 1]
    if len(points) < 4 or not keys or len({value for _, value in points}) < 2:
        return {}  # where all values are equal there is no variance to share
    study = optuna.create_study()
    kinds = {key: _distribution(space[key], [t for t in columns[key] if t is not None]) for key in keys}
    for point, value in points:
        params = {key: float(point[key]) if space[key]["kind"] != "choice" else point[key] for key in keys}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=kinds, value=value))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: dict[str, float] = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed))
    return found


def _distribution(dimension: Mapping[str, Any], texts: Sequence[str]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if dimension["kind"] == "choice":
        return CategoricalDistribution(sorted(set(texts)))
    numbers = [float(t) for t in texts]
    return FloatDistribution(min(numbers), max(numbers), log=bool(dimension["log"]))
