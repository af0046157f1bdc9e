"""Posts to newsgroups."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.text.orange import OrangeTexts


@dataclass(kw_only=True)
class Newsgroups(OrangeTexts):
    """18,821 posts to 20 newsgroups, divided by date: 11,293 and, as the published test part, the later 7,528.

    Source: Lang 1995, "NewsWeeder: Learning to Filter Netnews"; in the preparation of Cardoso-Cachopo 2007.
    """

    collection: ClassVar[str] = "20newsgroups"
    class_names: ClassVar[tuple[str, ...]] = (
        "alt.atheism",
        "comp.graphics",
        "comp.os.ms-windows.misc",
        "comp.sys.ibm.pc.hardware",
        "comp.sys.mac.hardware",
        "comp.windows.x",
        "misc.forsale",
        "rec.autos",
        "rec.motorcycles",
        "rec.sport.baseball",
        "rec.sport.hockey",
        "sci.crypt",
        "sci.electronics",
        "sci.med",
        "sci.space",
        "soc.religion.christian",
        "talk.politics.guns",
        "talk.politics.mideast",
        "talk.politics.misc",
        "talk.religion.misc",
    )
