"""Three cultivars of wine."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.table.bundled import BundledTable


@dataclass(kw_only=True)
class Wine(BundledTable):
    """178 wines, 13 chemical measurements, 3 cultivars (59, 71, 48).

    Source: Aeberhard and Forina 1992, "Wine", UCI.
    """

    file: ClassVar[str] = "wine_data.csv"
    class_names: ClassVar[tuple[str, ...]] = ("class_0", "class_1", "class_2")
    feature_names: ClassVar[tuple[str, ...]] = (
        "alcohol",
        "malic_acid",
        "ash",
        "alcalinity_of_ash",
        "magnesium",
        "total_phenols",
        "flavanoids",
        "nonflavanoid_phenols",
        "proanthocyanins",
        "color_intensity",
        "hue",
        "od280/od315_of_diluted_wines",
        "proline",
    )
