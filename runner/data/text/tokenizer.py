"""From texts to numbers of tokens."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch

from runner.data.text.reading import read_texts
from runner.engine.batch import Batch
from runner.engine.spec import PADDING, SPECIAL, START, UNKNOWN, Field
from runner.engine.split.sequences import padded, ragged
from runner.engine.transform import Bad, Raw, Transform

if TYPE_CHECKING:
    from torch import Tensor

Level = Literal["words", "characters"]
_WORD = re.compile(r"\w+|[^\w\s]")


class Tokenizer(Transform):
    """From texts to tokens: numbers of entries of a vocabulary, which is that of the training part.

    Args:
        level: tokens are ``words`` (runs of letters, digits and underscores, and every other sign but space by itself)
            or ``characters``.
        limit: entries of the vocabulary, at most, the most frequent; the rest is `UNKNOWN`. None: no limit.
        longest: tokens of a text, at most; the rest of it is left out. None: no limit.

    Attributes:
        vocabulary: `SPECIAL` entries, then the tokens from the most frequent on, those as frequent by their spelling.
    """

    vocabulary: tuple[str, ...]

    def __init__(self, level: Level, limit: int | None = None, longest: int | None = None) -> None:
        super().__init__()
        self.level, self.limit, self.longest = level, limit, longest

    def fit(self, raw: Sequence[str]) -> None:
        """Learn the vocabulary of the training texts."""
        counts: Counter[str] = Counter()
        for text in raw:
            counts.update(self._split(text)[: self.longest])
        tokens = sorted(counts, key=lambda token: (-counts[token], token))
        self._take((*SPECIAL, *tokens)[: self.limit])

    def _take(self, vocabulary: tuple[str, ...]) -> None:
        self.vocabulary = vocabulary
        self._numbers = {token: number for number, token in enumerate(vocabulary)}

    def _split(self, text: str) -> Sequence[str]:
        return _WORD.findall(text) if self.level == "words" else text

    def encode(self, text: str) -> Tensor:
        """The tokens of one text ``(tokens,)`` int64; none of an empty one."""
        tokens = self._split(text)
        if self.longest is not None and len(tokens) > self.longest:
            tokens = tokens[: self.longest]
            self.notes[f"of texts of more than {self.longest:,} tokens the first {self.longest:,} are read"] = None
        numbers = [self._numbers.get(token, UNKNOWN) for token in tokens]
        if UNKNOWN in numbers:
            self.notes[f"{self.level} that training had not are read as unknown"] = None
        return torch.tensor(numbers, dtype=torch.int64)

    def inputs(self, texts: Iterable[str]) -> tuple[Tensor, Tensor]:
        """Texts as a network is given them, `ragged`; an empty one is a `START` alone."""
        start = torch.tensor([START])
        encoded = (self.encode(text) for text in texts)
        return ragged([tokens if len(tokens) else start for tokens in encoded])

    def __call__(self, raw: Sequence[str]) -> Tensor:
        """Tokens of texts ``(N, longest of these)``, padded."""
        return self.batch(raw).inputs

    def batch(self, raw: Sequence[str]) -> Batch:
        """Texts as a batch without targets, with their `lengths` beside."""
        values, offsets = self.inputs(raw)
        inputs, lengths = padded(values, offsets, torch.arange(len(raw)), PADDING)
        return Batch(inputs, inputs.new_empty(0), {"lengths": lengths}, len(raw))

    def read(self, sources: Sequence[str], size: int) -> Iterator[Raw | Bad]:
        """See `Transform.read` and `read_texts`."""
        return read_texts(sources, size)

    @property
    def field(self) -> Field:
        """The inputs that it gives."""
        return Field("tokens", (None,), len(self.vocabulary))

    def state_dict(self) -> dict[str, Any]:
        """The vocabulary."""
        return {"vocabulary": list(self.vocabulary)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self._take(tuple(state["vocabulary"]))
