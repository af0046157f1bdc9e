"""A class for each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.task.classification import Classification

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch


class Segmentation(Classification):
    """Which class each pixel belongs to: the most probable one. Pixels whose target is `IGNORED` count for nothing.

    As in classification, with a class per pixel: networks give ``(N, C, H, W)``.
    """

    targets = ("mask",)
    sections = ("confusion",)

    def output_shape(self, batch: Batch) -> tuple[int | None, ...]:
        """``(N, C, H, W)``, with a pixel for each of the mask."""
        return (batch.examples, self.spec.num_outputs, *batch.targets.shape[1:])

    def predict(self, outputs: Tensor) -> Tensor:
        """The most probable class of each pixel ``(N, H, W)`` of outputs ``(N, C, H, W)``."""
        return outputs.argmax(1)

    def kept(self, outputs: Tensor) -> Tensor:
        """The predicted masks ``(N, H, W)``."""
        return self.predict(outputs)

    def answers(self, outputs: Tensor, kept: Tensor | None) -> Tensor:
        """What the network gives for each class, summed over the pixels predicted to be of it ``(N, C)``.

        Source: Vinogradova et al. 2020, "Towards Interpretable Semantic Segmentation via Gradient-weighted Class
        Activation Mapping", equation 2.
        """
        from torch.nn import functional as F

        assert kept is not None
        return (outputs * F.one_hot(kept, outputs.shape[1]).movedim(-1, 1)).sum((2, 3))

    def main_answer(self, outputs: Tensor) -> Tensor:
        """The class with the largest region but one, as the largest is mostly background."""
        from torch.nn import functional as F

        areas = F.one_hot(self.predict(outputs), outputs.shape[1]).sum((1, 2))
        (_, second), (largest, next_one) = (part.unbind(1) for part in areas.topk(2, 1))
        return next_one.where(second > 0, largest)

    def rows(self, outputs: Tensor) -> list[dict[str, Any]]:
        """The mask as rows of class numbers, and the share of the pixels that each class has, under its name."""
        masks = self.predict(outputs)
        names = self.class_names
        shares = [(masks == c).double().mean((1, 2)).tolist() for c in range(len(names))]
        return [
            {
                "prediction": mask.tolist(),
                **{f"share_{name}": share[n] for name, share in zip(names, shares, strict=True)},
            }
            for n, mask in enumerate(masks)
        ]

    def true_rows(self, targets: Tensor) -> list[dict[str, Any]]:
        """The share of the pixels that each class has, under ``true_`` and its name."""
        names = self.class_names
        shares = [(targets == c).double().mean((1, 2)).tolist() for c in range(len(names))]
        return [
            {f"true_{name}": share for name, share in zip(names, row, strict=True)} for row in zip(*shares, strict=True)
        ]

    def mistakes(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """A mask is never simply right or wrong."""
        return None
