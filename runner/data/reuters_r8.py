"""News of an agency, by their subject, of 8 subjects."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.text.orange import OrangeTexts


@dataclass(kw_only=True)
class ReutersR8(OrangeTexts):
    """7,674 short news of 1987 with one of 8 subjects each: 5,485, and the published test part of 2,189.

    Those of Reuters-21578 in the "ModApté" split that have one subject.

    Source: Lewis 1997, "Reuters-21578 Text Categorization Test Collection"; in the preparation of Cardoso-Cachopo 2007.
    """

    collection: ClassVar[str] = "reuters-r8"
    class_names: ClassVar[tuple[str, ...]] = (
        "acq",
        "crude",
        "earn",
        "grain",
        "interest",
        "money-fx",
        "ship",
        "trade",
    )
