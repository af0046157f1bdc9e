"""Distillation: a network learns from the softened answers of another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Le
from torch import Tensor
from torch.nn import functional as F

from runner.engine.batch import Batch
from runner.engine.loss import Loss
from runner.engine.spec import IGNORED, Spec
from runner.engine.teacher import Teacher
from runner.errors import ConfigError
from runner.loss.cross_entropy import CrossEntropy
from runner.loss.mse import MSE


def softened_divergence(outputs: Tensor, teacher: Tensor, temperature: float, counted: Tensor | None = None) -> Tensor:
    """``T² KL(softmax(teacher / T) ‖ softmax(outputs / T))``, the mean over the batch.

    The factor keeps gradients of about the same size whatever the temperature.

    Args:
        outputs: logits ``(N, C)``.
        teacher: the teacher's logits ``(N, C)``.
        temperature: T, above 0.
        counted: bool ``(N,)``, those that the mean is over; None: all.

    Source: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", section 2.
    """
    student, target = (z.float() if z.element_size() < 4 else z for z in (outputs, teacher))
    logs, soft = (student / temperature).log_softmax(1), (target / temperature).log_softmax(1)
    if counted is None:
        return temperature**2 * F.kl_div(logs, soft, reduction="batchmean", log_target=True)
    each = F.kl_div(logs, soft, reduction="none", log_target=True).sum(1)
    return temperature**2 * each.where(counted, 0.0).sum() / counted.sum().clamp(min=1)


class Distillation(Loss):
    """``(1 - α) cross-entropy + α softened_divergence``, α the teacher's share.

    Of masks and of tokens the divergence is the mean over the pixels and tokens that count. Where values are told
    instead of classes it is ``(1 - α) mse(targets) + α mse(teacher)``, and the temperature does nothing.

    The teacher sees what the network sees, augmentation included, in evaluation mode. Evaluation and test report the
    loss of the true answers alone, so that scores compare with those of other runs.

    Args:
        spec: facts about the data.
        teacher: a run folder, whose best weights are taken, or that of a variant or an ensemble; a checkpoint file; or
            a config file (YAML) that names a network (``model``) and weights that others trained (``init``).
        load_teacher: gives the teacher of such a path, given for such a key; None where nothing is trained.
        temperature: T, above 0: higher shows more of what the teacher thinks of the wrong classes.
        alpha: share of the teacher, in [0, 1].

    Raises:
        ConfigError: the teacher tells other classes apart, or takes other inputs.

    Source: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", section 2.
    """

    tasks = CrossEntropy.tasks | MSE.tasks
    soft_targets = True
    not_saved: ClassVar[tuple[str, ...]] = ("teacher",)

    def __init__(
        self,
        spec: Spec,
        teacher: str,
        load_teacher: Callable[[str, str], Teacher] | None = None,
        temperature: Annotated[float, Gt(0)] = 4.0,
        alpha: Annotated[float, Ge(0), Le(1)] = 0.9,
    ) -> None:
        kind = spec.targets.kind if spec.targets is not None else "class"
        self.temperature, self.alpha = temperature, alpha
        self.of_values, self.at_every_step = kind == "values", kind in ("tokens", "tags")
        self.some_ignored = kind in ("tokens", "tags", "mask")
        self.true: Loss = MSE() if self.of_values else CrossEntropy(spec)
        self.weighs = self.true.weighs
        self.teacher = load_teacher(teacher, "loss.teacher") if load_teacher else None

    def units(self, batch: Batch) -> int | Tensor:
        """See `Loss.units`."""
        return self.true.units(batch)

    def evaluate(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The loss of the true answers alone."""
        return self.true(outputs, batch)

    def by_example(self, outputs: Tensor, batch: Batch) -> Tensor:
        """See `Loss.by_example`."""
        return self.true.by_example(outputs, batch)

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean loss of what the loss of the true answers takes: logits ``(N, C)`` for classes ``(N,)``, and the like.

        Raises:
            ConfigError: the teacher gives as many numbers as the network, but in another shape.
        """
        assert self.teacher is not None
        answers = self.teacher(batch)
        if answers.shape != outputs.shape:
            raise ConfigError(
                f"loss.teacher={self.teacher.path}: gives outputs of shape {tuple(answers.shape)}, and this run's "
                f"network {tuple(outputs.shape)}. Expected a teacher for the same answers, trained with a loss over "
                "all of them."
            )
        return (1 - self.alpha) * self.true(outputs, batch) + self.alpha * self._softened(outputs, answers, batch)

    def _softened(self, outputs: Tensor, answers: Tensor, batch: Batch) -> Tensor:
        if self.of_values:
            return F.mse_loss(outputs, answers)
        if not self.some_ignored:
            return softened_divergence(outputs, answers, self.temperature)
        if not self.at_every_step:  # classes of pixels stand second
            outputs, answers = outputs.movedim(1, -1), answers.movedim(1, -1)
        counted = batch.targets.flatten() != IGNORED
        return softened_divergence(outputs.flatten(0, -2), answers.flatten(0, -2), self.temperature, counted)
