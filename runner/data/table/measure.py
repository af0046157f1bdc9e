"""A column of a table as it was in the training part, and the numbers that are made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runner.data.parts.scaling import fit_table

if TYPE_CHECKING:
    from runner.data.base import TableScaling
    from runner.data.table.encoding import Encoding
    from runner.data.table.meaning import Kind

Numbers = NDArray[np.float64]

NO_VALUE = "(missing)"  # the category of a gap
QUANTILES = 1000  # at most, as in scikit-learn
EDGE = 1e-7  # probabilities are kept so far from 0 and 1, whose normal scores are infinite; scikit-learn's


@dataclass
class Measure:
    """A number of a row: ``(f(x) - shift) / spread``, and `fill` for x where there is none.

    Attributes:
        fill: what stands for a gap.
        shift: subtracted.
        spread: divided by, not 0.
        part: of a date, or the class or target that an encoding is about.
        power: f is Yeo and Johnson's transform with this parameter; None: it is not.
        quantiles: of the training part, ascending; f is the normal score ``Phi^-1(F(x))``. Empty: it is not.
    """

    fill: float
    shift: float
    spread: float
    part: str = ""
    power: float | None = None
    quantiles: list[float] = field(default_factory=list)

    def __call__(self, values: Numbers) -> NDArray[np.float32]:
        """Numbers ``(N,)``, NaN for gaps, as features."""
        filled = np.where(np.isnan(values), self.fill, values)
        if self.power is not None:
            filled = yeo_johnson(filled, self.power)
        elif self.quantiles:
            filled = normal_scores(filled, np.asarray(self.quantiles))
        with np.errstate(over="ignore"):  # beyond float32: infinite, which whoever meets it tells of
            return ((filled - self.shift) / self.spread).astype(np.float32)

    def undo(self, feature: float) -> float:
        """The number that a feature stands for; beyond the training part's first or last quantile, that quantile."""
        from scipy.special import ndtr

        value = feature * self.spread + self.shift
        if self.power is not None:
            return inverse_yeo_johnson(value, self.power)
        if self.quantiles:
            return float(np.interp(ndtr(value), np.linspace(0, 1, len(self.quantiles)), self.quantiles))
        return value


def fit_measure(values: Numbers, scaling: TableScaling, fill: float = 0.0, part: str = "") -> Measure:
    """What brings the numbers of the training part ``(N,)``, without gaps, to scale.

    Args:
        values: the numbers.
        scaling: see `runner.data.parts.scaling.fit_table`; ``quantile``: to normal scores, with `QUANTILES` of them;
            ``power``: Yeo-Johnson with the most probable parameter, then as ``standard``. A constant becomes 0.
        fill: what stands for a gap.
        part: of a date.

    Source: `QuantileTransformer` and `PowerTransformer` of scikit-learn; Yeo and Johnson 2000, "A New Family of Power
        Transformations to Improve Normality or Symmetry".
    """
    power, quantiles = None, list[float]()
    if scaling in ("quantile", "power"):
        if values.min() == values.max():
            pass
        elif scaling == "quantile":
            shares = np.linspace(0, 1, min(QUANTILES, len(values)))
            return Measure(fill, 0.0, 1.0, part, quantiles=np.percentile(values, shares * 100).tolist())
        else:
            from scipy.stats import yeojohnson_normmax

            power = float(yeojohnson_normmax(values))
            values = yeo_johnson(values, power)
        scaling = "standard"
    scale = fit_table(values[:, None], scaling)
    return Measure(fill, float(scale.shift[0]), float(scale.spread[0]), part, power, quantiles)


def yeo_johnson(values: Numbers, power: float) -> Numbers:
    """``((x + 1)^power - 1) / power`` from 0 on, ``-((1 - x)^(2 - power) - 1) / (2 - power)`` below it."""
    from scipy.stats import yeojohnson

    changed: Numbers = yeojohnson(values, power)
    return changed


def inverse_yeo_johnson(value: float, power: float) -> float:
    """The number that `yeo_johnson` gives `value` for; the limits at 0 and 2 are a logarithm."""
    if value >= 0:
        return float(np.expm1(value) if power == 0 else (value * power + 1) ** (1 / power) - 1)
    return float(-np.expm1(-value) if power == 2 else 1 - (1 - (2 - power) * value) ** (1 / (2 - power)))


def normal_scores(values: Numbers, quantiles: Numbers) -> Numbers:
    """``Phi^-1(F(x))`` with F through `quantiles`: the middle of equal ones, the outermost for what lies beyond."""
    from scipy.special import ndtri

    shares = np.linspace(0, 1, len(quantiles))
    up = np.interp(values, quantiles, shares)
    down = np.interp(-values, -quantiles[::-1], -shares[::-1])
    rank = 0.5 * (up - down)
    rank[values + EDGE > quantiles[-1]] = 1.0
    rank[values - EDGE < quantiles[0]] = 0.0
    scores: Numbers = np.clip(ndtri(rank), ndtri(EDGE - np.spacing(1)), ndtri(1 - (EDGE - np.spacing(1))))
    return scores


@dataclass
class Column:
    """A column as it was in the training part.

    Attributes:
        name: its name.
        kind: what it holds.
        measures: one of a column of numbers, several of dates; of words as many as their encoding has.
        words: the known ones, sorted; the last may be `NO_VALUE`.
        gap: the word that a gap is taken for.
        indicator: whether a feature tells gaps.
        encoding: of words.
        tables: for each measure of words the number of each word, the last for one that is not known.
    """

    name: str
    kind: Kind
    measures: list[Measure] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    gap: str = NO_VALUE
    indicator: bool = False
    encoding: Encoding = "onehot"
    tables: list[list[float]] = field(default_factory=list)

    @property
    def features(self) -> list[str]:
        """``age``; ``colour=red`` for each word; ``when_days`` and others; ``age_missing``."""
        names = [f"{self.name}_{m.part}" if m.part else self.name for m in self.measures]
        names += [f"{self.name}={word}" for word in self.words] if self.encoding == "onehot" else []
        return names + ([f"{self.name}_missing"] if self.indicator else [])

    def raw(self, features: list[float]) -> dict[str, str | float | None]:
        """What one example's features stand for; see `TableTransform.undo`."""
        if self.indicator and features[-1] == 1:
            return dict.fromkeys([self.name] if self.kind == "words" else self.features[:-1])
        if self.kind == "words" and self.encoding == "onehot":
            return {self.name: dict(zip(features, self.words, strict=False)).get(1.0)}
        values = [m.undo(value) for m, value in zip(self.measures, features, strict=False)]
        if self.kind == "words" and self.encoding == "ordinal":
            code = round(values[0])
            return {self.name: self.words[code] if 0 <= code < len(self.words) else None}
        return {name: float(f"{value:.6g}") for name, value in zip(self.features, values, strict=False)}
