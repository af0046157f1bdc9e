"""Examples whose label is probably wrong."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Ge

from runner.cleaning.base import Cleaning, Found
from runner.cleaning.likeness.vectors import COMPARABLE, vectors
from runner.errors import RunFailed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from runner.engine.data import Data


TOO_MANY = 0.2  # share of labels that can't all be wrong


def confident_classes(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The class that each example confidently is, ``argmax_j p_ij`` over ``p_ij >= t_j``; -1 where there is none.

    ``t_j``, the mean of ``p_ij`` over the examples labelled j, is what the model is used to say of that class.

    Args:
        probabilities: of examples that the model had not seen ``(N, C)``.
        labels: as given ``(N,)``.

    Source: Northcutt et al. 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels", eqs. 1 and 2.
    """
    number = probabilities.shape[1]
    of = [probabilities[labels == j, j] for j in range(number)]
    thresholds = np.array([given.mean() if len(given) else np.inf for given in of])
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    return np.where(confident.max(axis=1) >= 0, confident.argmax(axis=1), -1)


def out_of_sample(
    inputs: NDArray[np.float32], labels: NDArray[np.int64], classes: int, model: Any, folds: int, seed: int
) -> NDArray[np.float64]:
    """Probabilities ``(N, C)`` for each example by a model that was fitted without its fold.

    Args:
        inputs: ``(N, F)``.
        labels: ``(N,)``, at least two classes.
        classes: C.
        model: of scikit-learn, with ``predict_proba``.
        folds: as many parts, by class.
        seed: of the division.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    there, own = np.unique(labels, return_inverse=True)
    division = StratifiedKFold(folds, shuffle=True, random_state=seed % 2**32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class with fewer examples than folds; a fit that has not quite ended
        found = cross_val_predict(model, inputs, own, cv=division, method="predict_proba")
    probabilities = np.zeros((len(labels), classes))
    probabilities[:, there] = found
    return probabilities


class Mislabelled(Cleaning):
    """Leaves out of train what confidently belongs to another class than its label says.

    What an example confidently is is told by confident learning, from the probabilities of a plain model that had not
    seen it. Val and test stay: `inspect-data` shows what is suspicious there, for somebody to look at.

    Args:
        classifier: ``logistic_regression`` on standardized inputs, or ``gradient_boosting``
            (`HistGradientBoostingClassifier`), which is slower and sees more than straight boundaries.
        folds: of the cross-validation, at least 2.

    Source: Northcutt et al. 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels", section 3.
    """

    takes = COMPARABLE
    tasks = ("classification",)

    def __init__(
        self,
        classifier: Literal["logistic_regression", "gradient_boosting"] = "logistic_regression",
        folds: Annotated[int, Ge(2)] = 5,
    ) -> None:
        self.classifier, self.folds = classifier, folds

    def find(self, data: Data, seed: int) -> Found:
        """See `Cleaning.find`."""
        assert data.spec.num_classes is not None
        train = data.train
        told = self.suspicious(vectors(train), train.classes().numpy(), data.spec.num_classes, seed)
        rows = torch.from_numpy(np.flatnonzero(told >= 0))
        note = "label probably wrong"
        if len(rows) > TOO_MANY * len(train):
            note += f", and so many can't be: {self.classifier} hardly tells these classes apart"
        return Found({"train": rows}, note)

    def suspicious(
        self, inputs: NDArray[np.float32], labels: NDArray[np.int64], classes: int, seed: int
    ) -> NDArray[np.int64]:
        """The class that an example probably is of, where its label says another; -1 elsewhere ``(N,)``.

        Args:
            inputs: ``(N, F)``.
            labels: as given ``(N,)``.
            classes: how many there are.
            seed: of the division into folds.

        Raises:
            RunFailed: no class has an example in every fold.
        """
        counts = np.bincount(labels)
        if (counts > 1).sum() < 2:  # a fold would be left with one class, by which nothing can be told
            return np.full(len(labels), -1)
        if counts.max() < self.folds:
            raise RunFailed(
                f"cleaning: Mislabelled needs {self.folds} examples of a class for as many folds, and no class has "
                f"more than {counts.max()}. Set cleaning.mislabelled.folds, or leave it out."
            )
        probabilities = out_of_sample(inputs, labels, classes, self._model(seed), self.folds, seed)
        told = confident_classes(probabilities, labels)
        return np.where(told == labels, -1, told)

    def _model(self, seed: int) -> Any:
        if self.classifier == "gradient_boosting":
            from sklearn.ensemble import HistGradientBoostingClassifier

            return HistGradientBoostingClassifier(random_state=seed % 2**32)
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
