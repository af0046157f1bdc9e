"""Malignant and benign tumours."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.table.bundled import BundledTable

PARTS = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)


@dataclass(kw_only=True)
class BreastCancer(BundledTable):
    """569 tumours, 30 measurements of cell nuclei, 212 malignant (class 0) and 357 benign.

    Source: Wolberg, Mangasarian, Street and Street 1993, "Breast Cancer Wisconsin (Diagnostic)", UCI.
    """

    file: ClassVar[str] = "breast_cancer.csv"
    class_names: ClassVar[tuple[str, ...]] = ("malignant", "benign")
    feature_names: ClassVar[tuple[str, ...]] = tuple(
        name.format(part) for name in ("mean {}", "{} error", "worst {}") for part in PARTS
    )
