"""Digits written with a pen."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.table.keel import KeelTable


@dataclass(kw_only=True)
class Penbased(KeelTable):
    """10,992 digits written on a tablet by 44 people; 8 points of the pen's way as x and y, 0 to 100.

    Source: Alimoglu and Alpaydin 1996, "Methods of Combining Multiple Classifiers Based on Different Representations
    for Pen-based Handwriting Recognition".
    """

    table: ClassVar[str] = "penbased"
    classes: ClassVar[int | None] = 10
    feature_names: ClassVar[tuple[str, ...]] = tuple(f"{axis}{point}" for point in range(1, 9) for axis in "xy")
