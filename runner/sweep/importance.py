"""How much each key matters, from what the trials say."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

MOST = 500
"""Points that are looked at: shares change little beyond, and the time they take grows with the square."""


def importances(
    space: Mapping[str, Mapping[str, Any]], points: Sequence[tuple[Mapping[str, str], float]], seed: int = 0
) -> dict[str, float]:
    """The share of the objective's variance that each key explains by itself (fANOVA), largest first.

    Args:
        space: key to ``kind`` and ``log``, as in ``sweep.yaml``.
        points: completed points with their values; of more than `MOST`, so many evenly spread over the list.
        seed: of the random forest behind it.

    Returns:
        Keys that every point has and that take more than one value, with shares that sum to 1.

    Source: Hutter et al. 2014, "An Efficient Approach for Assessing Hyperparameter Importance".
    """
    import optuna
    from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if len(points) > MOST:
        points = [points[i * len(points) // MOST] for i in range(MOST)]
    columns = {key: [p.get(key) for p, _ in points] for key in space}
    keys = [key for key, texts in columns.items() if None not in texts and len(set(texts)) > 1]
    values = [value for _, value in points]
    if len(points) < 4 or not keys or len(set(values)) < 2:
        return {}  # where all values are equal there is no variance to share
    study = optuna.create_study()
    kinds: dict[str, BaseDistribution] = {}
    numbers: dict[str, list[float]] = {}
    for key in keys:
        texts = [text for text in columns[key] if text is not None]
        if space[key]["kind"] == "choice":
            ranks = _ranks(texts, values)
            numbers[key], kinds[key] = [ranks[text] for text in texts], IntDistribution(0, len(ranks) - 1)
        else:
            numbers[key] = [float(text) for text in texts]
            kinds[key] = FloatDistribution(min(numbers[key]), max(numbers[key]), log=bool(space[key]["log"]))
    for index, value in enumerate(values):
        params = {key: numbers[key][index] for key in keys}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=kinds, value=value))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: dict[str, float] = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed))
    return found


def _ranks(texts: Sequence[str], values: Sequence[float]) -> dict[str, int]:
    """Choices in the order of their mean value: one column that a tree splits as well as one for each of them.

    With one for each, as of a CategoricalDistribution, fANOVA visits two to the power of their number for every tree.
    The order is Breiman et al.'s (1984, "Classification and Regression Trees", theorem 4.5): for squared error the
    best split of choices into two sets is a cut of it.
    """
    of: dict[str, list[float]] = defaultdict(list)
    for text, value in zip(texts, values, strict=True):
        of[text].append(value)
    return {text: rank for rank, text in enumerate(sorted(of, key=lambda text: (fmean(of[text]), text)))}
