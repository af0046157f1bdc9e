"""Progression of diabetes from ten measurements."""

from dataclasses import dataclass

from runner.data.base import DataOption, TargetScaling
from runner.data.source import bundled
from runner.data.source.fingerprint import combine, sha256
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.engine.transform import Transform

FEATURES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")


@dataclass(kw_only=True)
class Diabetes(DataOption):
    """442 patients: age, sex, body mass index, blood pressure and six serum values; progression after a year (25-346).

    The raw values, not the ones scaled with statistics of all rows that scikit-learn returns by default.

    Attributes:
        target_scaling: ``standard`` brings targets to mean 0, standard deviation 1 in the training part.

    Source: Efron, Hastie, Johnstone and Tibshirani 2004, "Least Angle Regression".
    """

    target_scaling: TargetScaling = "standard"

    def probe(self) -> Spec:
        """Known beforehand."""
        return Spec("regression", Field("table"), Field("values"))

    def transform(self) -> Transform:
        """See `DataOption.transform`."""
        from runner.data.table.transform import TableTransform

        return TableTransform(scaling=self.scaling)

    def load(self) -> Data:
        """Read the bundled file; see `DataOption.load`."""
        from runner.data.parts.assemble import divide, table

        data, target = bundled.read("diabetes_data_raw.csv.gz"), bundled.read("diabetes_target.csv.gz")
        rows, targets = bundled.numbers(data, delimiter=None), bundled.numbers(target, delimiter=None)[:, 0]
        return table(
            self,
            rows,
            targets,
            divide(self, len(targets), None),
            feature_names=FEATURES,
            target_scaling=self.target_scaling,
            fingerprint=combine([sha256(data), sha256(target)]),
        )
