"""What the bundled classification tables have in common."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from runner.data.base import TableOption
from runner.data.source import bundled
from runner.data.source.fingerprint import sha256
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.engine.transform import Transform


@dataclass(kw_only=True)
class BundledTable(TableOption):
    """A table in scikit-learn's form: a line of counts, then a row per example with its class last.

    Subclasses set the class attributes.

    Attributes:
        file: name of the file.
        class_names: one per class.
        feature_names: one per column.
    """

    file: ClassVar[str]
    class_names: ClassVar[tuple[str, ...]]
    feature_names: ClassVar[tuple[str, ...]]

    def probe(self) -> Spec:
        """Known beforehand."""
        return Spec("classification", Field("table"), Field("class", (), len(self.class_names)))

    def transform(self) -> Transform:
        """See `DataOption.transform`."""
        from runner.data.table.transform import TableTransform

        return TableTransform(scaling=self.scaling)

    def load(self) -> Data:
        """Read the bundled file; see `DataOption.load`."""
        from runner.data.parts.assemble import divide, table

        content = bundled.read(self.file)
        values = bundled.numbers(content, skip=1)
        labels = values[:, -1].astype(np.int64)
        return table(
            self,
            values[:, :-1],
            labels,
            divide(self, len(labels), labels),
            feature_names=self.feature_names,
            class_names=self.class_names,
            fingerprint=sha256(content),
        )
