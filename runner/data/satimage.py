"""Soils seen by a satellite."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.table.keel import KeelTable


@dataclass(kw_only=True)
class Satimage(KeelTable):
    """6,435 neighbourhoods of 3 x 3 pixels in 4 spectral bands, 6 kinds of soil (7, 1,508; ... 4, 626).

    Source: Srinivasan 1993, "Statlog (Landsat Satellite)", UCI.
    """

    table: ClassVar[str] = "satimage"
    classes: ClassVar[int | None] = 6
    feature_names: ClassVar[tuple[str, ...]] = tuple(
        f"pixel{pixel}_band{band}" for pixel in range(1, 10) for band in range(1, 5)
    )
