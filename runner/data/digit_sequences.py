"""Sequences of digits and their answers."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge

from runner.data.base import DataOption, Scaling
from runner.engine.data import Data
from runner.engine.spec import Field, Spec

if TYPE_CHECKING:
    from runner.data.text.tokenizer import Tokenizer


@dataclass(kw_only=True)
class DigitSequences(DataOption):
    """Sequences of unequal length of the digits 0 to 9, to be turned round or sorted.

    They are drawn once and for all: the same on every machine, none of them twice, so that none is in two parts.

    Attributes:
        answer: the digits ``reversed`` or ``sorted``.
        examples: sequences that are drawn, of which those that come twice are left out.
        longest: digits of a sequence, at most; every length from 1 on is drawn alike.
    """

    batch_size: Annotated[int, Ge(1)] | Literal["full"] = 64
    answer: Literal["reversed", "sorted"] = "reversed"
    examples: Annotated[int, Ge(10)] = 10_000
    longest: Annotated[int, Ge(1)] = 12
    scaling: Scaling = field(default="none", init=False)  # tokens have no scale

    def probe(self) -> Spec:
        """Known beforehand, but for the vocabulary."""
        tokens = Field("tokens", (None,))
        return Spec("sequence", tokens, tokens, {"lengths": Field("values", ()), "decoder_inputs": tokens})

    def transform(self) -> "Tokenizer":
        """See `DataOption.transform`; raw sequences are texts: ``3 1 4``."""
        from runner.data.text.tokenizer import Tokenizer

        return Tokenizer("words")

    def load(self) -> Data:
        """Draw the sequences; see `DataOption.load`."""
        import numpy as np

        from runner.data.parts.assemble import divide
        from runner.data.source.fingerprint import combine
        from runner.data.text.answers import answers

        draws = np.random.PCG64(0).random_raw(self.examples * (self.longest + 1)).reshape(self.examples, -1)
        lengths, digits = draws[:, 0] % self.longest + 1, draws[:, 1:] % 10
        questions = dict.fromkeys(tuple(row[:n].tolist()) for row, n in zip(digits, lengths.tolist(), strict=True))
        turned = [sorted(q) if self.answer == "sorted" else q[::-1] for q in questions]
        pairs = [(_text(q), _text(a)) for q, a in zip(questions, turned, strict=True)]
        return answers(
            self.transform(), pairs, divide(self, len(pairs), None), fingerprint=combine(t for p in pairs for t in p)
        )


def _text(digits: Iterable[int]) -> str:
    return " ".join(map(str, digits))
