"""Who says two vowels."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.series.archive import ArchiveSeries


@dataclass(kw_only=True)
class JapaneseVowels(ArchiveSeries):
    """270 utterances to learn from and 370 for the test, of nine men: 7 to 29 steps of 12 cepstral coefficients.

    Source: Kudo et al. 1999, "Multidimensional Curve Classification Using Passing-Through Regions".
    """

    problem: ClassVar[str] = "JapaneseVowels"
    channels: ClassVar[tuple[str, ...]] = tuple(f"lpc_{place}" for place in range(1, 13))
    length: ClassVar[int | None] = None
    classes: ClassVar[tuple[str, ...]] = tuple("123456789")
    class_names: ClassVar[tuple[str, ...]] = tuple(f"speaker {place}" for place in range(1, 10))
