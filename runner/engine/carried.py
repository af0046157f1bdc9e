"""States that go on from one batch to the next, where a stream is read in pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Carrying(nn.Module):
    """The base of networks that keep their state behind a batch, to go on from it in the next one.

    Given the argument `begins` ``(N,)`` bool (see `runner.engine.split.lanes.LaneSplit`), an example begins with a
    state of zeros where it says so, else with what `carried` has of the example of its number in the batch before.
    Gradients stop there (truncated back-propagation through time: Williams and Peng 1990). Without that argument
    nothing is carried, nor forgotten.

    Attributes:
        carried: the states by the name of their layer, each ``(layers, N, features)``, of an lstm two of them. Kept in
            checkpoints of a run, as a run that was cut in the middle of an epoch goes on with them.
        evaluated: likewise, behind the last batch of an evaluation, which leaves those of the training alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.carried: dict[str, tuple[Tensor, ...]] = {}
        self.evaluated: dict[str, tuple[Tensor, ...]] = {}

    def state_before(self, begins: Tensor) -> dict[str, Any]:
        """The states that a batch goes on from; none where there were not as many examples as now, all zeros.

        What is no finite number is zero too: a batch that was skipped for it would spoil all that follow.
        """
        goes_on = (~begins)[None, :, None]
        states = {
            name: [part.where(goes_on & part.isfinite(), 0.0) for part in parts]
            for name, parts in self._fitting(len(begins)).items()
        }
        return {name: parts[0] if len(parts) == 1 else tuple(parts) for name, parts in states.items()}

    def _fitting(self, count: int) -> dict[str, tuple[Tensor, ...]]:
        states = self.carried if self.training else self.evaluated
        return {name: parts for name, parts in states.items() if parts[0].shape[1] == count}

    def take_back(self, states: Mapping[str, Sequence[Tensor]], device: torch.device) -> None:
        """What a checkpoint has of `carried`, brought to the device of the run that goes on."""
        self.carried = {name: tuple(part.to(device) for part in parts) for name, parts in states.items()}

    def carry(self, states: dict[str, Any]) -> None:
        """Keep the states behind a batch, without what led to them."""
        kept = {
            name: tuple(part.detach() for part in (state if isinstance(state, tuple) else (state,)))
            for name, state in states.items()
        }
        if self.training:
            self.carried = kept
        else:
            self.evaluated = kept
