"""Boxes around things, what each is, and which pixels are its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.task.detection import Detection

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch
    from runner.task.boxes.told import Told


class InstanceSegmentation(Detection):
    """Which pixels belong to which thing: boxes as in detection, each with a mask.

    Targets are ``(N, M, 5 + H * W)``: as those of detection, with the pixels of each thing behind its box. Networks
    give ``(N, rows, 10 + C + m * m)``: rows of a two-stage detector (`runner.task.boxes.stages`), each with the logits
    of the pixels of an ``m x m`` mask that has the sides of its box, row by row.
    """

    loss = "runner.loss.mask_rcnn.MaskRCNN"
    targets = ("instances",)
    sections = ("instances",)

    @property
    def _width(self) -> int:
        from runner.task.boxes.stages import MORE

        return self.spec.num_outputs + MORE

    def output_shape(self, batch: Batch) -> tuple[int | None, ...]:
        """``(N, rows, 10 + C + m * m)``."""
        return (batch.examples, None, None)

    def check(self, outputs: Any, batch: Batch) -> None:
        """See `Task.check`; the width must be that of a mask's square more than that of a row."""
        from runner.errors import ConfigError

        super(Detection, self).check(outputs, batch)
        pixels = outputs.shape[2] - self._width
        if pixels < 1 or round(pixels**0.5) ** 2 != pixels:
            raise ConfigError(
                f"gives rows of {outputs.shape[2]} numbers for {self.name}. Expected {self._width} of a box, its class "
                "and its stage, and those of a square mask, such as 14 x 14."
            )

    def predict(self, outputs: Tensor) -> Tensor:
        """Class, left, top, right, bottom and score of each box, and the probabilities of its mask's pixels.

        ``(N, max_boxes, 6 + m * m)``; filled up with rows of class -1.
        """
        import torch

        from runner.task.boxes.suppression import suppress

        found = self._told(outputs)
        boxes = torch.cat([found.boxes, outputs[..., self._width :].to(found.boxes.dtype)], -1)
        rows = suppress(boxes, found.scores, self.score_threshold, self.iou_threshold, self.max_boxes)
        return torch.cat([rows[..., :6], rows[..., 6:].sigmoid()], -1)

    def _told(self, outputs: Tensor) -> Told:
        return super()._told(outputs[..., : self._width])

    def kept(self, outputs: Tensor) -> None:
        """None: what is told of another image are other boxes."""

    def rows(self, outputs: Tensor) -> list[dict[str, Any]]:
        """The boxes of an image, highest score first, each with its mask in COCO's run lengths, and their number."""
        from runner.task.boxes.instances import pasted, run_lengths

        told = super().rows(outputs)
        height, width = self.spec.input_shape[1:]
        for row, boxes in zip(told, self.predict(outputs), strict=True):
            own = boxes[boxes[:, 0] >= 0]
            side = round((own.shape[1] - 6) ** 0.5)
            masks = pasted(own[:, 1:5], own[:, 6:].unflatten(1, (side, side)), height, width) >= 0.5
            for box, mask in zip(row["prediction"], masks, strict=True):
                box["mask"] = run_lengths(mask)
        return told

    def true_rows(self, targets: Tensor) -> list[dict[str, Any]]:
        """The true boxes of an image, likewise."""
        from runner.task.boxes.instances import run_lengths

        true = super().true_rows(targets)
        sides = self.spec.input_shape[1:]
        for row, boxes in zip(true, targets, strict=True):
            own = boxes[boxes[:, 0] >= 0]
            for box, mask in zip(row["true"], own[:, 5:].unflatten(1, sides), strict=True):
                box["mask"] = run_lengths(mask)
        return true
