"""Printed letters, measured."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.table.keel import KeelTable


@dataclass(kw_only=True)
class Letter(KeelTable):
    """20,000 letters in 20 fonts, distorted; 16 whole numbers that measure their pixels, 26 classes.

    Source: Frey and Slate 1991, "Letter Recognition Using Holland-Style Adaptive Classifiers".
    """

    table: ClassVar[str] = "letter"
    classes: ClassVar[int | None] = 26
    feature_names: ClassVar[tuple[str, ...]] = (
        "x-box",
        "y-box",
        "width",
        "high",
        "onpix",
        "x-bar",
        "y-bar",
        "x2bar",
        "y2bar",
        "xybar",
        "x2ybr",
        "xy2br",
        "x-ege",
        "xegvy",
        "y-ege",
        "yegvx",
    )
