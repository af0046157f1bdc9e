"""Any number of labels for each example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Gt, Lt

from runner.engine.task import Link, Task
from runner.task.classification import log_mean

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.spec import Spec


class MultiLabel(Task):
    """Which labels hold for an example: any number of them, each asked for by itself.

    Args:
        spec: facts about the data.
        link: see `Task`.
        threshold: least probability of a label that is told, in (0, 1).
    """

    loss = "runner.loss.binary_cross_entropy.BinaryCrossEntropy"
    targets = ("labels",)
    sections = ("confusion", "curves", "calibration")
    link = "sigmoid"

    def __init__(self, spec: Spec, link: Link | None = None, threshold: Annotated[float, Gt(0), Lt(1)] = 0.5) -> None:
        super().__init__(spec, link)
        self.threshold = threshold

    @classmethod
    def num_outputs(cls, spec: Spec) -> int:
        """One for each label."""
        assert spec.num_classes is not None
        return spec.num_classes

    def predict(self, outputs: Tensor) -> Tensor:
        """1 where a label holds, 0 where it does not ``(N, C)`` int64."""
        return (self.probabilities(outputs) >= self.threshold).long()

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Probability of each label ``(N, C)``."""
        return outputs.sigmoid()

    def combine(self, outputs: Tensor, weights: Tensor | None = None) -> Tensor:
        """Outputs ``(N, C)`` that stand for the mean of the members' probabilities."""
        from torch.nn import functional as F

        outputs = outputs if outputs.element_size() >= 4 else outputs.float()
        return log_mean(F.logsigmoid(outputs), weights) - log_mean(F.logsigmoid(-outputs), weights)

    @property
    def answer_names(self) -> tuple[str, ...]:
        """The labels."""
        return self.class_names

    def answers(self, outputs: Tensor, kept: Tensor | None) -> Tensor:
        """The logit of each label ``(N, C)``."""
        return outputs

    def main_answer(self, outputs: Tensor) -> Tensor:
        """The most probable label."""
        return outputs.argmax(1)

    def rows(self, outputs: Tensor) -> list[dict[str, Any]]:
        """The names of the labels that hold, divided by semicolons, and the probability of each under its name."""
        names = self.class_names
        told, shares = self.predict(outputs).tolist(), self.probabilities(outputs).tolist()
        return [
            {
                "prediction": ";".join(name for name, holds in zip(names, row, strict=True) if holds),
                **{f"probability_{name}": p for name, p in zip(names, ps, strict=True)},
            }
            for row, ps in zip(told, shares, strict=True)
        ]

    def true_rows(self, targets: Tensor) -> list[dict[str, Any]]:
        """The names of the labels that hold, divided by semicolons."""
        names = self.class_names
        return [
            {"true": ";".join(name for name, holds in zip(names, row, strict=True) if holds)}
            for row in targets.tolist()
        ]

    def mistakes(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """The probability of the surest label ``(N,)`` that is told and does not hold, or is not told and does."""
        p = self.probabilities(outputs)
        holds = targets > 0
        return (1 - p).where(holds, p).where(self.predict(outputs) != holds, 0.0).amax(1)
