"""Models of scikit-learn for each task, and their answers in the form of a network's outputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array
    from torch import Tensor

    from runner.engine.spec import Spec
    from runner.engine.task import Task

# What is fitted for each task.
TASKS = {
    "classification": "classification",
    "multilabel": "multilabel",
    "regression": "regression",
    "nodes": "classification",
    "node_regression": "regression",
    "forecasting": "forecasting",
}
Make = Callable[[int], Any]


def models(task: str, texts: bool = False) -> dict[str, Make]:
    """The models that a task is tried with, by name; each is made from a seed.

    ``constant`` looks at no input: the shares of the classes, or the mean.

    Args:
        task: its name.
        texts: whether inputs are counts of tokens.
    """
    if texts:
        from runner.baseline.texts import models as of_texts

        each = of_texts(TASKS[task])
        return {name: _for_each_label(make) for name, make in each.items()} if TASKS[task] == "multilabel" else each
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.multioutput import MultiOutputRegressor

    if TASKS[task] == "regression":
        return {
            "constant": lambda seed: DummyRegressor(),
            "linear": lambda seed: Ridge(),
            "boosting": lambda seed: MultiOutputRegressor(HistGradientBoostingRegressor(random_state=seed)),
        }
    each = {
        "constant": lambda seed: DummyClassifier(strategy="prior"),
        "linear": lambda seed: LogisticRegression(max_iter=1000),
        "boosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
    }
    if TASKS[task] == "classification":
        return each
    return {name: _for_each_label(make) for name, make in each.items()}


def _for_each_label(make: Make) -> Make:
    from sklearn.multioutput import MultiOutputClassifier

    return lambda seed: MultiOutputClassifier(make(seed))


def forecasts(spec: Spec, seasons: Sequence[int]) -> dict[str, Make]:
    """What a forecast is held against; a season that is longer than a history can't be repeated and is left out.

    Args:
        spec: of the data.
        seasons: steps after which series come back to about the same.
    """
    from sklearn.linear_model import Ridge

    from runner.baseline.forecasts import ExponentialSmoothing, Naive

    length = spec.input_shape[0]
    # statsmodels finds where a season begins from no fewer steps than these
    twice = [season for season in seasons if length >= max(2 * season, 10 + 2 * (season // 2))]
    return {
        "naive": lambda seed: Naive(spec),
        **{f"seasonal_naive_{season}": _repeating(spec, season) for season in seasons if season <= length},
        "exponential_smoothing": lambda seed: ExponentialSmoothing(spec, max(twice, default=None)),
        "linear": lambda seed: Ridge(),
    }


def _repeating(spec: Spec, season: int) -> Make:
    from runner.baseline.forecasts import SeasonalNaive

    return lambda seed: SeasonalNaive(spec, season)


class Fitted:
    """A model fitted on the training part.

    Args:
        model: of scikit-learn, not fitted.
        inputs: ``(N, F)``.
        targets: as the task has them.
        task: of the run.

    Raises:
        ValueError: it can't be fitted to these, such as those of one class.
    """

    def __init__(self, model: Any, inputs: NDArray[np.float32] | csr_array, targets: NDArray[Any], task: Task) -> None:
        self.task, self.kind = task, TASKS[task.name]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fit that has not quite ended is a baseline all the same
            self.model = model.fit(
                inputs, targets.reshape(len(targets), -1) if self.kind != "classification" else targets
            )

    def outputs(self, inputs: NDArray[np.float32] | csr_array) -> Tensor:
        """What a network of this task would give for the same answers ``(N, outputs)``."""
        if self.kind in ("regression", "forecasting"):
            told = torch.from_numpy(self.model.predict(inputs)).float().reshape(inputs.shape[0], -1)
            return told.repeat_interleave(self.task.spec.num_outputs // told.shape[1], 1)
        return as_outputs(torch.from_numpy(self._probabilities(inputs)), self.task)

    def _probabilities(self, inputs: NDArray[np.float32] | csr_array) -> NDArray[np.float64]:
        number = self.task.spec.num_classes or 0
        if self.kind == "multilabel":
            shares = zip(self.model.estimators_, self.model.predict_proba(inputs), strict=True)
            return np.stack([p[:, -1] if e.classes_[-1] == 1 else np.zeros(len(p)) for e, p in shares], axis=1)
        probabilities = np.zeros((inputs.shape[0], number))
        probabilities[:, self.model.classes_] = self.model.predict_proba(inputs)
        return probabilities


def as_outputs(probabilities: Tensor, task: Task) -> Tensor:
    """Probabilities ``(N, C)`` as the outputs that a task reads them from, to what float32 tells."""
    least = 1e-7
    p = probabilities.clamp(least, 1 - least)
    if task.link == "identity":
        return probabilities.float()
    if task.link == "sigmoid":
        p = p[:, 1:] if task.spec.num_outputs == 1 and p.shape[1] == 2 else p
        return p.logit().float()
    return p.log().float()
