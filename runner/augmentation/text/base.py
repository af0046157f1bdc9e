"""The base of augmentations of texts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from runner.engine.spec import SPECIAL, UNKNOWN, Kind
from runner.engine.technique import Slot, Technique

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.batch import Batch

_AT_EACH = "what is told stands at the places of the tokens, which this changes"


class TextTechnique(Technique):
    """An augmentation that needs texts as tokens, of each of which something is told as a whole.

    A subclass implements `apply`: what happens to each text, from the device's default generator, to the whole batch in
    few operations on its device, none of which waits for it. Padding, start and end of a text are left as they are.
    """

    slot: ClassVar[Slot] = Slot.GEOMETRY
    takes: ClassVar[tuple[Kind, ...]] = ("tokens",)
    not_for: ClassVar[dict[str, str]] = {
        "tokens": "what is learned is which token comes next, and this changes it",
        "masked": _AT_EACH,
        "tagging": _AT_EACH,
        "sequence": "the answer goes with the wording, which this changes",
    }

    def on_batch(self, batch: Batch) -> Batch:
        """Change tokens ``(N, T)`` and, beside them, their `lengths`; the targets stay."""
        tokens, longer = self.apply(batch.inputs)
        more = {name: value + longer if name == "lengths" else value for name, value in batch.more.items()}
        return replace(batch, inputs=tokens, more=more)

    def apply(self, tokens: Tensor) -> tuple[Tensor, Tensor | int]:
        """Changed texts of the tokens ``(N, T)``, and by how many tokens each is longer now ``(N,)``."""
        raise NotImplementedError


def of_text(tokens: Tensor) -> Tensor:
    """Which tokens ``(N, T)`` stand for text: all but padding, start and end."""
    return (tokens >= len(SPECIAL)) | (tokens == UNKNOWN)


def share_of(count: Tensor, alpha: float, most: Tensor) -> Tensor:
    """How many tokens are changed: ``min(max(1, floor(alpha l)), most)`` of l.

    Args:
        count: tokens of each text ``(N, 1)``.
        alpha: share of them.
        most: at most ``(N, 1)``.
    """
    return (alpha * count).floor().long().clamp(min=1).minimum(most)
