"""How much worse the network is where one column is shuffled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.inspection import permutation_importance

from runner.config.build import build_metrics
from runner.engine.meter import Meter, Result
from runner.errors import ConfigError
from runner.explain.base import Explanation, Method, Tell
from runner.explain.subject.columns import InputColumn, columns_of
from runner.record.files import as_csv

if TYPE_CHECKING:
    from runner.engine.batch import Batch
    from runner.explain.subject.explained import Case

REPEATS = 10
ROWS = 10_000  # examples of the test split, at most; more are drawn from


class PermutationImportance(Method):
    """The score less the mean score with one column shuffled among the examples of the test split, 10 times.

    The score is the accuracy or R²; of tasks without one of them their first metric. Of an error, whose smaller values
    are better, it is the rise: what matters is above zero everywhere. Of a table all features made of a column are
    shuffled together, of series each variable with all its steps. Columns that tell the same share their importance,
    or hide it: a network that can do with either is not much worse without one.

    Source: Breiman 2001, "Random Forests", section 10; scikit-learn's permutation_importance.
    """

    kinds = ("table", "series")
    asks = kinds
    needs = "network"
    categories = True
    instead = "a single pixel or token means nothing by itself, and shuffled it makes examples that can't be"

    def explain(self, cases: Sequence[Case], tell: Tell) -> Explanation:
        """See `Method.explain`."""
        from runner.explain.drawing.bars import importances

        columns = self.columns()
        batch = self.examples()
        estimator = Shuffled(self, batch, columns, tell)
        rows = np.tile(np.arange(batch.examples)[:, None], (1, len(columns)))
        found = permutation_importance(estimator, rows, None, scoring=Shuffled.score, n_repeats=REPEATS, random_state=0)
        order = np.argsort(-found.importances_mean, kind="stable").tolist()
        table = [
            {
                "column": columns[i].name,
                "importance": float(found.importances_mean[i]),
                "standard_deviation": float(found.importances_std[i]),
            }
            for i in order
        ]
        facts: dict[str, Any] = {
            "score": estimator.name,
            "value": estimator.sign * estimator.score(rows),
            "examples": batch.examples,
            "repeats": REPEATS,
            "columns": table,
        }
        picture = importances(table, estimator.name)
        best = ", ".join(f"{row['column']} {row['importance']:.3g}" for row in table[:3])
        said = [f"{estimator.name} {facts['value']:.4g}; most is lost without {best}"]
        return Explanation(
            facts, {".csv": as_csv([table[0], *(row.values() for row in table)]).encode(), ".png": picture}, said
        )

    def columns(self) -> list[InputColumn]:
        """The columns of a table, or the variables of a series."""
        if self.explained.kind == "table":
            return columns_of(self.explained)
        inputs = self.explained.spec.inputs
        assert inputs is not None
        count = self.explained.spec.input_shape[-1]
        names = inputs.names if len(inputs.names) == count else [f"variable {i + 1}" for i in range(count)]
        return [InputColumn(name, (i,)) for i, name in enumerate(names)]

    def examples(self) -> Batch:
        """The test split, or of a long one so many drawn."""
        data = self.data()
        if data.test is None:
            raise ConfigError("--method permutation_importance: these data have no test part to be worse on.")
        return data.test.sample(ROWS, 0)


class Shuffled:
    """The network as an estimator of scikit-learn, given for each column the numbers of the rows that it is taken from.

    Args:
        method: gives the network.
        batch: the examples as they are.
        columns: which features go together.
        tell: hears of the progress.
    """

    def __init__(self, method: PermutationImportance, batch: Batch, columns: list[InputColumn], tell: Tell) -> None:
        self.explained, self.batch, self.columns, self.tell = method.explained, batch, columns, tell
        self.whole = method.explained.whole(batch)
        metrics = build_metrics(self.explained.network.recipe, self.explained.task)
        usual = [metric for metric in metrics if metric.name in ("accuracy", "r2")]
        self.metric = next(iter(usual or metrics), None)
        self.name = "loss" if self.metric is None else self.metric.name
        self.sign = 1 if self.metric is not None and self.metric.direction == "max" else -1
        self.what, self.asked = method.name, 0

    def fit(self, rows: Any, targets: Any) -> None:
        """Nothing: it is trained. Scikit-learn asks for the name."""

    def shuffled(self, rows: Any) -> Batch:
        """Each column's features from the rows given for it ``(N, columns)``."""
        whole = self.whole.clone()
        for number, column in enumerate(self.columns):
            features = list(column.features)
            whole[..., features] = self.whole[torch.as_tensor(rows[:, number])][..., features]
        inputs, categories = self.explained.divided(whole)
        return replace(self.batch, inputs=inputs, more={**self.batch.more, **categories})

    def score(self, rows: Any, targets: Any = None) -> float:
        """The metric, its sign changed where smaller is better."""
        self.tell(self.what, self.asked, 1 + REPEATS * len(self.columns))
        self.asked += 1
        meter = Meter(self.explained.task, [] if self.metric is None else [self.metric])
        loss = self.explained.network.loss
        for part in self.shuffled(rows).parts(self.explained.network.batch_size):
            outputs, part = self.explained.outputs(part), part.to(self.explained.device)
            meter.add([Result(loss.evaluate(outputs, part), outputs, part, loss.units(part))])
        return self.sign * meter.read()[self.name]
