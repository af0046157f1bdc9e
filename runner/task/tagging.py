"""A class for each token of a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.engine.spec import IGNORED
from runner.task.tokens import Tokens

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.spec import Spec


class Tagging(Tokens):
    """Which class each token belongs to: the most probable one. Every step may look at the whole text.

    Targets behind the end of a text are `IGNORED` and count for nothing.
    """

    targets = ("tags",)
    sections = ("confusion",)

    @classmethod
    def num_outputs(cls, spec: Spec) -> int:
        """One for each class."""
        assert spec.num_classes is not None
        return spec.num_classes

    @property
    def answer_names(self) -> tuple[str, ...]:
        """The classes."""
        return self.class_names

    def kept(self, outputs: Tensor) -> Tensor:
        """The predicted classes ``(N, steps)``."""
        return self.predict(outputs)

    def answers(self, outputs: Tensor, kept: Tensor | None) -> Tensor:
        """What the network gives for each class, summed over the tokens predicted to be of it ``(N, C)``."""
        from torch.nn import functional as F

        assert kept is not None
        return (outputs * F.one_hot(kept, outputs.shape[-1])).sum(1)

    def main_answer(self, outputs: Tensor) -> Tensor:
        """The class that is predicted most often."""
        from torch.nn import functional as F

        return F.one_hot(self.predict(outputs), outputs.shape[-1]).sum(1).argmax(-1)

    def rows(self, outputs: Tensor) -> list[dict[str, Any]]:
        """The name of the class of each token."""
        names = self.class_names
        return [{"prediction": [names[c] for c in row]} for row in self.predict(outputs).tolist()]

    def rows_of(self, outputs: Tensor, batch: Batch) -> list[dict[str, Any]]:
        """The tokens that a text has, as the vocabulary spells them, and the name of the class of each."""
        assert self.spec.inputs is not None
        names = self.spec.inputs.names
        lengths = batch.more["lengths"].tolist()
        return [
            {
                "tokens": [names[token] if names else str(token) for token in tokens[:length]],
                "prediction": row["prediction"][:length],
            }
            for tokens, length, row in zip(batch.inputs.tolist(), lengths, self.rows(outputs), strict=True)
        ]

    def true_rows(self, targets: Tensor) -> list[dict[str, Any]]:
        """The names of the true classes."""
        return [{"true": [self.class_names[c] for c in row if c != IGNORED]} for row in targets.tolist()]
