"""News of an agency, by their subject, of 52 subjects."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.text.orange import OrangeTexts

CLASSES = (
    "acq alum bop carcass cocoa coffee copper cotton cpi cpu crude dlr earn fuel gas gnp gold grain heat "
    "housing income instal-debt interest ipi iron-steel jet jobs lead lei livestock lumber meal-feed money-fx "
    "money-supply nat-gas nickel orange pet-chem platinum potato reserves retail rubber ship strategic-metal "
    "sugar tea tin trade veg-oil wpi zinc"
)


@dataclass(kw_only=True)
class ReutersR52(OrangeTexts):
    """9,100 short news of 1987 with one of 52 subjects each, some rare: 6,532, and the published test part of 2,568.

    Those of Reuters-21578 in the "ModApté" split that have one subject.

    Source: Lewis 1997, "Reuters-21578 Text Categorization Test Collection"; in the preparation of Cardoso-Cachopo 2007.
    """

    collection: ClassVar[str] = "reuters-r52"
    class_names: ClassVar[tuple[str, ...]] = tuple(CLASSES.split())
