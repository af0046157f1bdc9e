"""Any of the imbalanced tables of KEEL."""

from dataclasses import dataclass
from typing import ClassVar

from runner.data.keel import Keel
from runner.data.table.keel_names import IMBALANCED


@dataclass(kw_only=True)
class KeelImbalanced(Keel):
    """A table with few positive examples, up to 1 in 130; two classes.

    Source: Fernández, García, del Jesus and Herrera 2008, "A study of the behaviour of linguistic fuzzy rule based
    classification systems in the framework of imbalanced data-sets".
    """

    names: ClassVar[tuple[str, ...]] = IMBALANCED
    collection: ClassVar[str] = "imbalanced"
    classes: ClassVar[int | None] = 2
