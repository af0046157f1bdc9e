"""All weights zero."""

from __future__ import annotations

import logging

from torch import Tensor, nn

from runner.init.base import Init

log = logging.getLogger(__name__)


class Zeros(Init):
    """Every weight and bias zero: shows why weights must differ at the start. Says so in the log."""

    def __call__(self, model: nn.Module) -> None:
        """Set `model`'s dense and convolutional layers to zero."""
        log.warning(
            "init=zeros does not break the symmetry: all units of a layer compute the same, get the same gradient and "
            "stay equal. Take it to see just that, and init=he or init=xavier to train."
        )
        super().__call__(model)

    def fill(self, weight: Tensor, gain: float) -> None:
        """Set one weight to zero."""
        weight.zero_()
