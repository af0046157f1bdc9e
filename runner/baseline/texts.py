"""Texts as counts of their tokens, and the models of scikit-learn for these."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from runner.cleaning.likeness.vectors import AT_ONCE

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from runner.engine.split import Split


def counts(part: Split, vocabulary: int) -> csr_array:
    """How often each entry of the vocabulary stands in each text ``(N, vocabulary)``, padding left out.

    The tokens are those that the network is given: cut where its texts are cut, unknown where its words are unknown.

    Args:
        part: texts, with their `lengths` beside.
        vocabulary: number of entries.
    """
    from scipy.sparse import coo_array

    rows, columns = [], []
    for some in torch.arange(len(part)).split(AT_ONCE):
        batch = part.read(some)
        inside = torch.arange(batch.inputs.shape[1]) < batch.more["lengths"][:, None]
        rows.append(some[inside.nonzero()[:, 0]])
        columns.append(batch.inputs[inside])
    places = torch.cat(rows).int().numpy(), torch.cat(columns).int().numpy()  # all that liblinear takes
    return coo_array((np.ones(len(places[0]), np.float32), places), (len(part), vocabulary)).tocsr()


def models(kind: str) -> dict[str, Callable[[int], Any]]:
    """The models that texts are tried with, by name.

    Args:
        kind: ``classification`` or ``regression``.

    Source: Wang and Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification".
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    def weighted(model: Any) -> Any:
        return make_pipeline(TfidfTransformer(sublinear_tf=True), model)

    if kind == "regression":
        return {"constant": lambda seed: DummyRegressor(), "linear": lambda seed: weighted(Ridge())}
    return {
        "constant": lambda seed: DummyClassifier(strategy="prior"),
        "naive_bayes": lambda seed: MultinomialNB(),
        "linear": lambda seed: weighted(LogisticRegression(max_iter=1000)),
        "svm": lambda seed: weighted(CalibratedClassifierCV(LinearSVC(), ensemble=False)),
    }
