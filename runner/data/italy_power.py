"""Whether a day's demand for power is that of the cold half of the year."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.series.archive import ArchiveSeries


@dataclass(kw_only=True)
class ItalyPower(ArchiveSeries):
    """67 days to learn from and 1,029 for the test, 24 hours each, every day standardized by itself.

    Source: Keogh et al. 2006, "Intelligent Icons: Integrating Lite-Weight Data Mining and Visualization into GUI
    Operating Systems".
    """

    problem: ClassVar[str] = "ItalyPowerDemand"
    channels: ClassVar[tuple[str, ...]] = ("demand",)
    length: ClassVar[int | None] = 24
    classes: ClassVar[tuple[str, ...]] = ("1", "2")
    class_names: ClassVar[tuple[str, ...]] = ("October to March", "April to September")
