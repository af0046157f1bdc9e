"""Several GPUs of one process: torch's DataParallel, for those who can't start several."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from runner.engine.ranks.base import Ranks, Strategy
from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.engine.fit import Fit


class DP(Ranks):
    """Every pass copies the network to all GPUs, runs a thread for each, and gathers the outputs on the first.

    The threads share one interpreter, the first GPU has more to hold than the others, and batch norm remembers what the
    first one saw. ``ddp`` has none of this and is faster on one machine too; torch recommends it.

    Raises:
        ConfigError: there are not several GPUs.
    """

    name: ClassVar[Strategy] = "dp"

    def __init__(self) -> None:
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count < 2:
            raise ConfigError(
                f"trainer.strategy=dp: shares batches among the GPUs of this process, and there "
                f"{'is one' if count else 'are none'}. Take trainer.strategy=single; on several CPUs "
                "torchrun --nproc-per-node=N -m runner ... with trainer.strategy=ddp."
            )

    def called(self, fit: Fit) -> nn.Module:
        """See `Ranks.called`."""
        return fit.network if isinstance(fit.network, nn.DataParallel) else nn.DataParallel(fit.network)
