"""Boxes around things, and what each is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le

from runner.engine.task import Link, Task

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.engine.spec import Kind, Spec
    from runner.task.boxes.told import Told


class Detection(Task):
    """Where things are and what each is: boxes with a class and a score.

    Targets are ``(N, M, 5)``: class, left, top, right and bottom in pixels, filled up with boxes of class -1; one of
    class -2 - c is around a crowd of things of class c, of which nothing is asked. Networks give a grid ``(N, rows,
    columns, 4 + C)``: of each cell a box in pixels and a logit for each class; or ``(N, places, 8 + C)``, with the
    place's anchor behind them, or ``(N, places, 9 + C)`` with a logit of its centre-ness as well; or ``(N, rows, 10 +
    C)`` of a two-stage detector (`runner.task.boxes.stages`).

    Args:
        spec: facts about the data.
        link: see `Task`.
        score_threshold: least score of a box that is told, in [0, 1].
        iou_threshold: largest intersection over union of two boxes of one class, in [0, 1]; of those that overlap more
            the one with the highest score is told.
        max_boxes: boxes that are told of an image, at most; at least 1.
    """

    loss = "runner.loss.fcos.FCOS"
    targets: ClassVar[tuple[Kind, ...]] = ("boxes",)
    sections = ("detections",)
    link = "sigmoid"
    no_average = "several networks tell of other boxes in the same cells, and the mean of two boxes is none of them"

    def __init__(
        self,
        spec: Spec,
        link: Link | None = None,
        score_threshold: Annotated[float, Ge(0), Le(1)] = 0.05,
        iou_threshold: Annotated[float, Ge(0), Le(1)] = 0.5,
        max_boxes: Annotated[int, Ge(1)] = 25,
    ) -> None:
        super().__init__(spec, link)
        self.score_threshold, self.iou_threshold, self.max_boxes = score_threshold, iou_threshold, max_boxes

    @classmethod
    def num_outputs(cls, spec: Spec) -> int:
        """The sides of a box, and one for each class."""
        assert spec.num_classes is not None
        return 4 + spec.num_classes

    def output_shape(self, batch: Batch) -> tuple[int | None, ...]:
        """``(N, rows, columns, 4 + C)``."""
        return (batch.examples, None, None, self.spec.num_outputs)

    def check(self, outputs: Any, batch: Batch) -> None:
        """See `Task.check`; places with anchors are taken as well as a grid."""
        shape: Any = getattr(outputs, "shape", ())
        width = self.spec.num_outputs
        if len(shape) != 3 or shape[0] != batch.examples or shape[2] not in (width + 4, width + 5, width + 6):
            super().check(outputs, batch)

    def predict(self, outputs: Tensor) -> Tensor:
        """Class, left, top, right, bottom and score of each box ``(N, max_boxes, 6)``; filled up with rows of -1."""
        import torch

        from runner.task.boxes.suppression import suppress

        found = self._told(outputs)
        height, width = self.spec.input_shape[1:]
        x, y = found.boxes[..., 0::2].clamp(0, width), found.boxes[..., 1::2].clamp(0, height)
        boxes = torch.stack([x, y], -1).flatten(-2)
        return suppress(boxes, found.scores, self.score_threshold, self.iou_threshold, self.max_boxes)

    def _told(self, outputs: Tensor) -> Told:
        from runner.task.boxes.told import told

        return told(outputs, self.spec.num_classes or 0)

    @property
    def answer_names(self) -> tuple[str, ...]:
        """The classes."""
        return self.class_names

    def kept(self, outputs: Tensor) -> Tensor | None:
        """For each class the cell in which its logit is highest ``(N, C)``; None where places are other proposals."""
        from runner.task.boxes.stages import two_stage

        return None if two_stage(outputs, len(self.class_names)) else self._told(outputs).logits.argmax(1)

    def answers(self, outputs: Tensor, kept: Tensor | None) -> Tensor:
        """The logit of each class in its cell ``(N, C)``; of proposals the highest."""
        logits = self._told(outputs).logits
        return logits.amax(1) if kept is None else logits.gather(1, kept[:, None])[:, 0]

    def main_answer(self, outputs: Tensor) -> Tensor:
        """The class of the box with the highest score."""
        return self._told(outputs).logits.amax(1).argmax(1)

    def rows(self, outputs: Tensor) -> list[dict[str, Any]]:
        """The boxes of an image, highest score first, and their number."""
        names = self.class_names
        keys = ("left", "top", "right", "bottom", "score")
        found = [
            [{"class": names[int(box[0])], **dict(zip(keys, box[1:], strict=True))} for box in boxes if box[0] >= 0]
            for boxes in self.predict(outputs)[..., :6].tolist()
        ]
        return [{"boxes": len(boxes), "prediction": boxes} for boxes in found]

    def true_rows(self, targets: Tensor) -> list[dict[str, Any]]:
        """The true boxes of an image, likewise."""
        names, keys = self.class_names, ("left", "top", "right", "bottom")
        return [
            {
                "true": [
                    {"class": names[int(box[0])], **dict(zip(keys, box[1:], strict=True))}
                    for box in boxes
                    if box[0] >= 0
                ]
            }
            for boxes in targets[..., :5].tolist()
        ]
