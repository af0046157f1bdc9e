"""What stands between raw examples and the network: fitted once, kept in every checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


class Transform:
    """From raw examples to what a network takes.

    A data option makes one from its settings, fits it on the training part and applies it to all parts. Its state goes
    into every checkpoint, so that a trained network can be given raw examples when the data are gone. Settings are
    arguments of ``__init__``; what was fitted is in `state_dict`.

    Attributes:
        notes: what raw examples had that the training part had not (an unseen category), in words; each is said once.
    """

    def __init__(self) -> None:
        self.notes: dict[str, None] = {}  # in the order in which they were met

    def fit(self, raw: Any) -> None:
        """Learn from the raw examples of the training part. For transforms that learn nothing it does nothing."""

    def __call__(self, raw: Any) -> Tensor:
        """Apply to raw examples, of any part or never seen: inputs ``(N, ...)``."""
        raise NotImplementedError

    def module(self) -> nn.Module | None:
        """The same from raw numbers to inputs as a module that an export can hold; None where it can't be one."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """What was fitted, in plain containers and tensors."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
