"""How well the masks of each class are found."""

from typing import ClassVar

from runner.evaluation.section.detections import FoundBoxes
from runner.metric.statistic.masks import Masks


class FoundMasks(FoundBoxes):
    """As `FoundBoxes`, where what overlaps are masks."""

    statistic: ClassVar[type[Masks]] = Masks
