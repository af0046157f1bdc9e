"""One class of several for each example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from runner.engine.task import Task

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.spec import Kind, Spec


class Classification(Task):
    """Which class an example belongs to: the most probable one.

    A network with a single output tells two classes apart: it is the logit of the second.
    """

    loss = "runner.loss.cross_entropy.CrossEntropy"
    targets: ClassVar[tuple[Kind, ...]] = ("class",)
    sections: ClassVar[tuple[str, ...]] = ("confusion", "curves", "calibration")
    votes: ClassVar[bool] = True

    @classmethod
    def num_outputs(cls, spec: Spec) -> int:
        """One for each class."""
        assert spec.num_classes is not None
        return spec.num_classes

    def predict(self, outputs: Tensor) -> Tensor:
        """The most probable class ``(N,)`` of outputs ``(N, C)`` or ``(N, 1)``."""
        return (outputs.squeeze(1) > 0).long() if outputs.shape[1] == 1 else outputs.argmax(1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Class probabilities ``(N, C)``; of sigmoids of more than two classes the C answers, scaled to the sum 1."""
        import torch
        from torch.nn import functional as F

        if self.link == "softmax":
            return outputs.softmax(1)
        if self.link == "log":
            return outputs.exp()
        if self.link == "identity":
            return outputs
        if outputs.shape[1] == 1:
            return torch.cat((-outputs, outputs), 1).sigmoid()
        return F.logsigmoid(outputs).softmax(1)  # σ(z) / Σ σ(z), also where every σ(z) rounds to 0

    def combine(self, outputs: Tensor, weights: Tensor | None = None) -> Tensor:
        """Outputs ``(N, C, ...)`` that stand for the mean of the members' probabilities."""
        from torch.nn import functional as F

        outputs = outputs if outputs.element_size() >= 4 else outputs.float()
        if self.link == "softmax":
            return log_mean(outputs.log_softmax(2), weights)  # a constant on all logits changes nothing
        if self.link == "sigmoid":
            return log_mean(F.logsigmoid(outputs), weights) - log_mean(F.logsigmoid(-outputs), weights)
        if self.link == "log":
            return super().combine(outputs.exp(), weights).clamp(min=1e-12).log()
        return super().combine(outputs, weights)

    def vote(self, outputs: Tensor, weights: Tensor) -> Tensor:
        """Outputs ``(N, C, ...)`` that stand for the shares of the votes; of equal shares the first class is told."""
        import torch

        told = torch.stack([self.predict(one) for one in outputs])
        least = torch.finfo(torch.float32).tiny
        classes = range(max(2, outputs.shape[2]))
        shares = torch.stack([torch.tensordot(weights.to(outputs), (told == c).to(outputs), 1) for c in classes], 1)
        if self.link == "sigmoid":
            shares = shares[:, 1:] if outputs.shape[2] == 1 else shares
            return shares.clamp(min=least).log() - (1 - shares).clamp(min=least).log()
        return shares if self.link == "identity" else shares.clamp(min=least).log()

    @property
    def answer_names(self) -> tuple[str, ...]:
        """The classes."""
        return self.class_names

    def answers(self, outputs: Tensor, kept: Tensor | None) -> Tensor:
        """What the network gives for each class ``(N, C)``: before the softmax or sigmoid, if there is one."""
        import torch

        return torch.cat((-outputs, outputs), 1) if outputs.shape[1] == 1 else outputs

    def main_answer(self, outputs: Tensor) -> Tensor:
        """The predicted class."""
        return self.predict(outputs)

    def rows(self, outputs: Tensor) -> list[dict[str, Any]]:
        """The name of the predicted class, and the probability of each class under its name."""
        names = self.class_names
        classes, shares = self.predict(outputs).tolist(), self.probabilities(outputs).tolist()
        return [
            {"prediction": names[c], **{f"probability_{n}": p for n, p in zip(names, ps, strict=True)}}
            for c, ps in zip(classes, shares, strict=True)
        ]

    def true_rows(self, targets: Tensor) -> list[dict[str, Any]]:
        """The name of the true class."""
        return [{"true": self.class_names[c]} for c in targets.tolist()]

    def mistakes(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """The probability of the predicted class ``(N,)`` where it is not the true one."""
        predicted = self.predict(outputs)
        sure = self.probabilities(outputs).gather(1, predicted[:, None])[:, 0]
        return sure.where(predicted != targets, 0.0)


def log_mean(logs: Tensor, weights: Tensor | None) -> Tensor:
    """The logarithm of the mean over the first dimension of what `logs` are logarithms of.

    Args:
        logs: ``(members, ...)``.
        weights: ``(members,)``, at least 0, sum 1; None: equal ones, and a constant is left out.
    """
    if weights is None:
        return logs.logsumexp(0)
    return (logs + weights.to(logs).log().view(-1, *(1,) * (logs.ndim - 1))).logsumexp(0)
