"""Distillation: a network learns from the softened answers of another one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor, nn

from runner.engine import checkpoint
from runner.engine.batch import Batch
from runner.engine.spec import Spec
from runner.errors import ConfigError
from runner.loss.cross_entropy import CrossEntropy


def softened_divergence(outputs: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """``T² KL(softmax(teacher / T) ‖ softmax(outputs / T))``, the mean over the batch.

    The factor keeps gradients of about the same size whatever the temperature.

    Args:
        outputs: logits ``(N, C)``.
        teacher: the teacher's logits ``(N, C)``.
        temperature: T, above 0.

    Source: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", section 2.
    """
    student, target = (z.float() if z.element_size() < 4 else z for z in (outputs, teacher))
    logs, soft = (student / temperature).log_softmax(1), (target / temperature).log_softmax(1)
    return temperature**2 * nn.functional.kl_div(logs, soft, reduction="batchmean", log_target=True)


class Distillation(CrossEntropy):
    """``(1 - α) cross-entropy + α softened_divergence``, α the teacher's share.

    The teacher sees what the network sees, augmentation included, in evaluation mode. Evaluation and test report the
    cross-entropy alone, so that scores compare with those of other runs.

    Args:
        spec: facts about the data.
        teacher: a run folder, whose best weights are taken, or a checkpoint file.
        load_network: gives the trained network of such a path, given for such a key; None where nothing is trained.
        temperature: T, above 0: higher shows more of what the teacher thinks of the wrong classes.
        alpha: share of the teacher, in [0, 1].

    Raises:
        ConfigError: the teacher tells other classes apart (when training starts).

    Source: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", section 2.
    """

    not_saved: ClassVar[tuple[str, ...]] = ("teacher",)

    def __init__(
        self,
        spec: Spec,
        teacher: str,
        load_network: Callable[[str, str], nn.Module] | None = None,
        temperature: Annotated[float, Gt(0)] = 4.0,
        alpha: Annotated[float, Ge(0), Le(1)] = 0.9,
    ) -> None:
        super().__init__(spec)
        self.path, self.load_network, self.temperature, self.alpha = teacher, load_network, temperature, alpha
        self.teacher: nn.Module | None = None

    @classmethod
    def check(cls, settings: Mapping[str, Any]) -> None:
        """Look whether the teacher is there."""
        checkpoint.meant_by(str(settings["teacher"]), "loss.teacher")

    def evaluate(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The cross-entropy alone."""
        return super().__call__(outputs, batch)

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean loss of logits ``(N, C)`` for class indices ``(N,)`` or probabilities ``(N, C)``.

        The teacher is loaded when it is first asked: an evaluation needs none.
        """
        if self.teacher is None:
            assert self.load_network is not None
            self.teacher = self.load_network(self.path, "loss.teacher").to(outputs.device).eval().requires_grad_(False)
        with torch.no_grad():
            answers = self.teacher(batch.inputs, **batch.more)
        if answers.shape != outputs.shape:
            raise ConfigError(
                f"loss.teacher={self.path}: gives {answers.shape[1]} outputs, this run's network {outputs.shape[1]}. "
                "Expected a teacher for the same classes, trained with a loss over all of them."
            )
        hard = self.evaluate(outputs, batch)
        return (1 - self.alpha) * hard + self.alpha * softened_divergence(outputs, answers, self.temperature)
