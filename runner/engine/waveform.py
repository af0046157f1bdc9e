"""Sound as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def as_floats(waveforms: Tensor) -> Tensor:
    """Waveforms as they are kept, numbers of 16 bits, in [-1, 1); floats stay as they are."""
    return waveforms if waveforms.is_floating_point() else waveforms.float() / 32768
