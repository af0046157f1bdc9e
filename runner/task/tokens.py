"""The next token at every step of a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from runner.engine.task import Task
from runner.task.classification import log_mean

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.spec import Kind, Spec


class Tokens(Task):
    """A language model: which token comes next, after every token of a text. Step t may look at tokens up to t only.

    Where texts of unequal length are given together, outputs behind the end of one repeat its last: the last of all is
    what the network says of the token behind the text, however long it is.
    """

    loss = "runner.loss.cross_entropy.CrossEntropy"
    targets: ClassVar[tuple[Kind, ...]] = ("tokens",)
    sections: ClassVar[tuple[str, ...]] = ("tokens",)

    @classmethod
    def num_outputs(cls, spec: Spec) -> int:
        """One for each entry of the vocabulary."""
        assert spec.targets is not None and spec.targets.size is not None
        return spec.targets.size

    def output_shape(self, batch: Batch) -> tuple[int | None, ...]:
        """``(N, steps, vocabulary)``."""
        return (*batch.targets.shape, self.spec.num_outputs)

    def predict(self, outputs: Tensor) -> Tensor:
        """The most probable token at every step ``(N, steps)``."""
        return outputs.argmax(-1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Probability of every entry of the vocabulary at every step ``(N, steps, vocabulary)``."""
        return outputs.softmax(-1)

    def combine(self, outputs: Tensor, weights: Tensor | None = None) -> Tensor:
        """Outputs that stand for the mean of the members' probabilities."""
        outputs = outputs if outputs.element_size() >= 4 else outputs.float()
        return log_mean(outputs.log_softmax(-1), weights)

    @property
    def answer_names(self) -> tuple[str, ...]:
        """The entries of the vocabulary."""
        targets = self.spec.targets
        assert targets is not None
        return targets.names or tuple(str(token) for token in range(targets.size or 0))

    def answers(self, outputs: Tensor, kept: Tensor | None) -> Tensor:
        """The logits of the token behind each text ``(N, vocabulary)``."""
        return outputs[:, -1]

    def main_answer(self, outputs: Tensor) -> Tensor:
        """The most probable one."""
        return outputs[:, -1].argmax(-1)

    def rows(self, outputs: Tensor) -> list[dict[str, Any]]:
        """The most probable token behind each text, and its probability."""
        assert self.spec.targets is not None
        names = self.spec.targets.names
        values, tokens = self.probabilities(outputs[:, -1].float()).max(-1)
        return [
            {"prediction": names[token] if names else str(token), "probability": value}
            for token, value in zip(tokens.tolist(), values.tolist(), strict=True)
        ]

    def true_rows(self, targets: Tensor) -> list[dict[str, Any]]:
        """The text of the true tokens."""
        assert self.spec.targets is not None
        return [{"true": self.spec.targets.text(row)} for row in targets.tolist()]
