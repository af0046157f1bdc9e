"""Progression of diabetes from ten measurements."""

from dataclasses import dataclass

import numpy as np

from runner.data.base import TableOption, TargetScaling
from runner.data.source import bundled
from runner.data.source.fingerprint import combine, sha256
from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.engine.transform import Transform
from runner.errors import ConfigError, did_you_mean

FEATURES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")


@dataclass(kw_only=True)
class Diabetes(TableOption):
    """442 patients: age, sex, body mass index, blood pressure and six serum values; progression after a year (25-346).

    The raw values, not the ones scaled with statistics of all rows that scikit-learn returns by default.

    Attributes:
        targets: measurements that are told beside the progression, and are no features then.
        target_scaling: ``standard`` brings targets to mean 0, standard deviation 1 in the training part.

    Raises:
        ConfigError: one of `targets` is no measurement or stands there twice, or none is left to tell them from.

    Source: Efron, Hastie, Johnstone and Tibshirani 2004, "Least Angle Regression".
    """

    targets: tuple[str, ...] = ()
    target_scaling: TargetScaling = "standard"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.targets:
            if name not in FEATURES or self.targets.count(name) > 1:
                raise ConfigError(
                    f"data.targets={list(self.targets)}: expected measurements, each once: {', '.join(FEATURES)}."
                    f"{did_you_mean(name, FEATURES)}"
                )
        if len(self.targets) == len(FEATURES):
            raise ConfigError("data.targets: holds all measurements, and none is left to tell them from.")

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
        rows, targets = bundled.numbers(data, delimiter=None), bundled.numbers(target, delimiter=None)
        told = [FEATURES.index(name) for name in self.targets]
        features = [i for i in range(len(FEATURES)) if i not in told]
        return table(
            self,
            rows[:, features],
            np.concatenate((targets, rows[:, told]), axis=1),
            divide(self, len(targets), None),
            feature_names=[FEATURES[i] for i in features],
            target_names=("progression", *self.targets) if told else (),
            target_scaling=self.target_scaling,
            fingerprint=combine([sha256(data), sha256(target)]),
        )
