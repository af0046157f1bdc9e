"""Showers of gamma rays and of hadrons, in a telescope."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.table.keel import KeelTable


@dataclass(kw_only=True)
class Magic(KeelTable):
    """19,020 simulated showers in a Cherenkov telescope, 10 measurements, gamma (g, 12,332) or hadron (h).

    Source: Bock et al. 2004, "Methods for multidimensional event classification: a case study using images from a
    Cherenkov gamma-ray telescope".
    """

    table: ClassVar[str] = "magic"
    classes: ClassVar[int | None] = 2
    feature_names: ClassVar[tuple[str, ...]] = (
        "fLength",
        "fWidth",
        "fSize",
        "fConc",
        "fConc1",
        "fAsym",
        "fM3Long",
        "fM3Trans",
        "fAlpha",
        "fDist",
    )
