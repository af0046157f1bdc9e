"""The functions of `runner.data.table.measure`, made of what ONNX has too: float64 ``(N, M)``, a column per measure."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from runner.data.table.measure import EDGE

# Phi^-1(y) as rational functions, from the middle and from the ends: Cephes 2.8 (Moshier 2000), ndtri.c. The third one,
# for y < exp(-32), is not needed: shares are kept further than that from 0 and 1.
_MIDDLE = (
    (-59.9633501014107895267, 98.0010754185999661536, -56.6762857469070293439, 13.9312609387279679503,
     -1.23916583867381258016),
    (1.0, 1.95448858338141759834, 4.67627912898881538453, 86.3602421390890590575, -225.462687854119370527,
     200.260212380060660359, -82.0372256168333339912, 15.9056225126211695515, -1.18331621121330003142),
)  # fmt: skip
_ENDS = (
    (4.05544892305962419923, 31.5251094599893866154, 57.1628192246421288162, 44.0805073893200834700,
     14.6849561928858024014, 2.18663306850790267539, -0.140256079171354495875, -0.0350424626827848203418,
     -8.57456785154685413611e-4),
    (1.0, 15.7799883256466749731, 45.3907635128879210584, 41.3172038254672030440, 15.0425385692907503408,
     2.50464946208309415979, -0.142182922854787788574, -0.0380806407691578277194, -9.33259480895457427372e-4),
)  # fmt: skip
_TAIL = math.exp(-2)  # beyond which the second one is used
_MOST = EDGE - np.spacing(1)


def yeo_johnson(values: Tensor, powers: Tensor) -> Tensor:
    """See `runner.data.table.measure.yeo_johnson`; powers ``(M,)``."""
    negative = values < 0
    size = _log1p(values.abs())
    power = torch.where(negative, 2 - powers, powers)
    logarithm = power.abs() < np.spacing(1.0)
    changed = torch.where(logarithm, size, _expm1(power * size) / torch.where(logarithm, 1.0, power))
    return torch.where(negative, -changed, changed)


def _log1p(x: Tensor) -> Tensor:
    """Exact for small x too: ``log(u) x / (u - 1)`` with u = 1 + x as it was rounded (Kahan)."""
    u = 1 + x
    return torch.where(u == 1, x, u.log() * x / torch.where(u == 1, 1.0, u - 1))


def _expm1(x: Tensor) -> Tensor:
    """Exact for small x too: ``(u - 1) x / log(u)`` with u = exp(x) as it was rounded (Kahan)."""
    u = x.exp()
    plain = (u == 1) | (x.abs() > 1)  # where nothing is lost, and where u may be 0 or infinite
    return torch.where(u == 1, x, torch.where(plain, u - 1, (u - 1) * x / torch.where(plain, 1.0, u.log())))


def normal_scores(values: Tensor, quantiles: Tensor) -> Tensor:
    """See `runner.data.table.measure.normal_scores`; quantiles ``(M, Q)``."""
    number = quantiles.shape[1]
    shares = torch.from_numpy(np.linspace(0, 1, number))
    starts = torch.arange(len(quantiles)) * number
    flat = quantiles.reshape(-1)

    def counted(holds: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """How many quantiles, from the first, are to each value as `holds` says; found in halving steps."""
        count, step = torch.zeros_like(values, dtype=torch.int64), 1 << (number.bit_length() - 1)
        while step:
            more = count + step
            fits = (more <= number) & holds(flat[starts + (more.clamp(max=number) - 1)], values)
            count, step = torch.where(fits, more, count), step // 2
        return count

    def line(at: Tensor, towards: Tensor) -> Tensor:
        """The share of each value on the line from one quantile to another, as `numpy.interp` computes it."""
        slope = (shares[towards] - shares[at]) / (flat[starts + towards] - flat[starts + at])
        return slope * (values - flat[starts + at]) + shares[at]

    last = max(1, number - 1)
    at_most, less = counted(torch.le), counted(torch.lt)
    low, high = (at_most - 1).clamp(0, last - 1), less.clamp(1, last)
    if number == 1:
        up = down = torch.zeros_like(values)
    else:
        up = torch.where(at_most == number, 1.0, line(low, low + 1))
        down = torch.where(less == 0, 0.0, line(high, high - 1))
    rank = 0.5 * (up + down)
    rank = torch.where(values + EDGE > quantiles[:, -1], 1.0, rank)
    rank = torch.where(values - EDGE < quantiles[:, 0], 0.0, rank)
    # Not `clamp`, whose bounds are rounded to float32 in ONNX exports.
    low_end, high_end = torch.tensor([_MOST, 1 - _MOST], dtype=torch.float64)
    return _ndtri(torch.minimum(torch.maximum(rank, low_end), high_end))


def _ndtri(share: Tensor) -> Tensor:
    """The number below which a standard normal one lies with a probability of `share`."""
    middle = share - 0.5
    square = middle * middle
    inner = (middle + middle * (square * _ratio(square, _MIDDLE))) * math.sqrt(2 * math.pi)
    root = (-2 * torch.where(middle > 0, 1 - share, share).log()).sqrt()
    end = root - root.log() / root - _ratio(1 / root, _ENDS) / root
    outer = torch.where(middle > 0, end, -end)
    return torch.where(middle.abs() < 0.5 - _TAIL, inner, outer)


def _ratio(x: Tensor, polynomials: tuple[Sequence[float], Sequence[float]]) -> Tensor:
    values = []
    for coefficients in polynomials:
        value = torch.full_like(x, coefficients[0])
        for coefficient in coefficients[1:]:
            value = value * x + coefficient
        values.append(value)
    return values[0] / values[1]
