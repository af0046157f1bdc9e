"""Three species of iris."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.table.bundled import BundledTable


@dataclass(kw_only=True)
class Iris(BundledTable):
    """150 flowers, 4 lengths in cm, 3 species of 50 each.

    Source: Fisher 1936, "The Use of Multiple Measurements in Taxonomic Problems".
    """

    file: ClassVar[str] = "iris.csv"
    class_names: ClassVar[tuple[str, ...]] = ("setosa", "versicolor", "virginica")
    feature_names: ClassVar[tuple[str, ...]] = ("sepal length", "sepal width", "petal length", "petal width")
