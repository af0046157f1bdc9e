"""The base of every task: what is predicted, and what a prediction looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from runner.engine.targets import misfit
from runner.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.spec import Kind, Spec

# What a network's outputs are to a loss: logits of a softmax or of sigmoids, probabilities or their logarithms, or the
# answers themselves.
Link = Literal["softmax", "sigmoid", "log", "identity"]


class Task:
    """What is predicted.

    Subclasses live one per file in ``runner/task`` and are found there by the name of the file; one of your own is
    named ``module.Class`` by the `Spec` of its data.

    Attributes:
        loss: the loss that ``loss=auto`` takes: ``module.Class``.
        targets: the kinds of targets that it can be asked for.
        link: what the network's outputs are, as the loss reads them.
        sections: what an evaluation has of it besides scores, learning curves and the worst examples: names of files in
            ``runner/evaluation/section``, each with its own demands on predictions and targets.
        no_average: why the outputs of several networks have no average, in words; empty where they have one.
        votes: whether each network tells a class that it can vote for.

    Args:
        spec: facts about the data.
        link: what the network's outputs are; None is what the task's own loss takes them for.
    """

    loss: ClassVar[str]
    targets: ClassVar[tuple[Kind, ...]]
    link: Link = "softmax"
    sections: ClassVar[tuple[str, ...]] = ()
    no_average: ClassVar[str] = ""
    votes: ClassVar[bool] = False

    def __init__(self, spec: Spec, link: Link | None = None) -> None:
        self.spec = spec
        self.link = link or type(self).link

    @property
    def name(self) -> str:
        """The name of its file."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of classes or labels in predictions: their numbers where they have none."""
        return self.spec.class_names or tuple(str(c) for c in range(self.spec.num_classes or 0))

    @classmethod
    def num_outputs(cls, spec: Spec) -> int:
        """Width of the network's last layer."""
        raise NotImplementedError

    def output_shape(self, batch: Batch) -> tuple[int | None, ...]:
        """The shape that the network's outputs must have for `batch`; None where any length will do."""
        return (batch.examples, self.spec.num_outputs)

    def predict(self, outputs: Tensor) -> Tensor:
        """Predictions in the form of the targets: classes ``(N,)``, values ``(N, targets)``, masks, tokens, boxes.

        Args:
            outputs: what the network gave, at least float32.
        """
        raise NotImplementedError

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Probabilities, such as ``(N, C)`` of classes; only of tasks that have some."""
        raise NotImplementedError

    def combine(self, outputs: Tensor, weights: Tensor | None = None) -> Tensor:
        """Outputs of an ensemble from those of its members ``(members, N, ...)``: the mean, unless overridden.

        Args:
            outputs: what each member gave.
            weights: of the members ``(members,)``, at least 0, sum 1; None: equal ones.
        """
        import torch

        outputs = outputs if outputs.element_size() >= 4 else outputs.float()
        return outputs.mean(0) if weights is None else torch.tensordot(weights.to(outputs), outputs, 1)

    def vote(self, outputs: Tensor, weights: Tensor) -> Tensor:
        """Outputs that stand for the shares of the votes of an ensemble's members; of tasks with `votes` only.

        Args:
            outputs: what each member gave ``(members, N, ...)``.
            weights: of the members ``(members,)``, at least 0, sum 1.
        """
        raise NotImplementedError

    def in_units_of(self, other: Task, values: Tensor) -> Tensor:
        """Outputs or targets that are scaled as this task's targets are, scaled as those of `other`."""
        return values

    @property
    def answer_names(self) -> tuple[str, ...]:
        """What it can be asked of an example why it is so: names of `answers`; empty where it names none."""
        return ()

    def kept(self, outputs: Tensor) -> Tensor | None:
        """What `answers` hold on to while inputs vary ``(N, ...)``: the predicted mask, the cell of a box, tokens."""
        return None

    def answers(self, outputs: Tensor, kept: Tensor | None) -> Tensor:
        """The numbers to be explained ``(N, A)``, one for each of `answer_names`; differentiable.

        Args:
            outputs: what the network gave for inputs that may have been changed.
            kept: what `kept` gave for the inputs as they are.
        """
        raise NotImplementedError

    def main_answer(self, outputs: Tensor) -> Tensor:
        """Which of the answers is explained where none is named ``(N,)``."""
        raise NotImplementedError

    def rows(self, outputs: Tensor) -> list[dict[str, Any]]:
        """Predictions as a file has them, one dict per example: plain values under the names of columns.

        Args:
            outputs: what the network gave, on the CPU.
        """
        raise NotImplementedError

    def rows_of(self, outputs: Tensor, batch: Batch) -> list[dict[str, Any]]:
        """`rows` of outputs for a batch, on the CPU: those that depend on what was given, such as its lengths."""
        return self.rows(outputs)

    def true_rows(self, targets: Tensor) -> list[dict[str, Any]]:
        """The true answers as `rows` has predictions, one dict per example, under ``true`` in place of ``prediction``.

        Args:
            targets: on the CPU.
        """
        return [{} for _ in targets]

    def mistakes(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """How sure the network is of what is wrong: the probability of a wrong answer ``(N,)``, 0 where it is right.

        Args:
            outputs: what the network gave, at least float32.
            targets: the true answers.

        Returns:
            None where an answer is not simply right or wrong.
        """
        return None

    def check_targets(self, batch: Batch) -> None:
        """Look at the targets of the first examples: their kind, shape and type, and whether they are within bounds.

        Raises:
            ConfigError: the task can't be asked for such, or they are not what the data say of them.
        """
        field = self.spec.targets
        if field is None or field.kind not in self.targets:
            given = "nothing of their targets" if field is None else f"that their targets are of kind {field.kind!r}"
            expected = " or ".join(repr(kind) for kind in self.targets)
            raise ConfigError(f"say {given}, and are for {self.name}. Expected the kind {expected}, or another task.")
        if problem := misfit(field, batch.targets):
            raise ConfigError(f"say that their targets are of kind {field.kind!r}, and these {problem}.")

    def check(self, outputs: Any, batch: Batch) -> None:
        """Look at what the network gave for the first examples.

        Raises:
            ConfigError: it is no tensor, or one of another shape.
        """
        expected = self.output_shape(batch)
        shape = getattr(outputs, "shape", None)
        if shape is None or len(shape) != len(expected):
            fits = False
        else:
            fits = all(want is None or have == want for have, want in zip(shape, expected, strict=True))
        if not fits:
            given = f"a {type(outputs).__name__}" if shape is None else f"a tensor of shape {tuple(shape)}"
            wanted = ", ".join("any" if length is None else str(length) for length in expected)
            raise ConfigError(
                f"gives {given} for {batch.examples} examples. Expected a tensor of shape ({wanted}) for "
                f"{self.name}; spec.num_outputs is the width that the last layer must have."
            )
