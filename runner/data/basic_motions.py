"""What somebody with a watch on is doing."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.series.archive import ArchiveSeries


@dataclass(kw_only=True)
class BasicMotions(ArchiveSeries):
    """40 recordings to learn from and 40 for the test: acceleration and rotation in three axes, ten a second.

    Source: Bagnall et al. 2018, "The UEA Multivariate Time Series Classification Archive".
    """

    problem: ClassVar[str] = "BasicMotions"
    channels: ClassVar[tuple[str, ...]] = ("ax", "ay", "az", "wx", "wy", "wz")
    length: ClassVar[int | None] = 100
    classes: ClassVar[tuple[str, ...]] = ("standing", "running", "walking", "badminton")
    class_names: ClassVar[tuple[str, ...]] = classes
