"""Handwritten digits without end."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge

from runner.data.digits import Digits
from runner.engine.data import Data

if TYPE_CHECKING:
    from torch import Tensor

_DRAWS = 2  # of the generator, for an example


@dataclass(kw_only=True)
class DigitsStream(Digits):
    """The training digits drawn with replacement and moved by up to a pixel, as a stream that never repeats itself.

    Validation and test are those of ``digits``.

    Attributes:
        epoch_size: examples that make an epoch, at least 1.
    """

    epoch_size: Annotated[int, Ge(1)] = 1024

    def load(self) -> Data:
        """See `DataOption.load`."""
        from dataclasses import replace

        import torch

        from runner.engine.split import StreamSplit

        data = super().load()
        source = data.train.read(torch.arange(len(data.train)))

        def examples(epoch: int, start: int) -> Iterator[tuple["Tensor", "Tensor"]]:
            # A counter that jumps: example i of an epoch is the same one wherever the stream is entered.
            generator = np.random.PCG64([self.split_seed, 3, epoch]).advance(start * _DRAWS)
            while True:
                row, shift = generator.random_raw(_DRAWS).tolist()
                down, right = divmod(shift % 9, 3)
                inputs = source.inputs[row % source.examples].roll((down - 1, right - 1), (-2, -1))
                yield inputs, source.targets[row % source.examples]

        return replace(data, parts={**data.parts, "train": StreamSplit(examples, self.epoch_size)})
