"""Tokens that are found without a library: words, characters and bytes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Literal

from runner.engine.spec import SPECIAL, UNKNOWN

Plain = Literal["words", "characters", "bytes"]
_WORD = re.compile(r"\w+|[^\w\s]")
_SPACED = re.compile(r"\S+", re.ASCII)  # a no-break space is inside of a word


def _byte(value: int) -> str:
    return chr(value) if value < 0x80 else f"<0x{value:02X}>"


def _bytes(text: str) -> list[str]:
    return [_byte(value) for value in text.encode()]


SPLITS: dict[str, Callable[[str], Sequence[str]]] = {
    "words": _WORD.findall,
    "spaced": _SPACED.findall,
    "characters": str,
    "bytes": _bytes,
}


class PlainVocabulary:
    """Entries and the way to find them.

    Args:
        kind: of tokens.
        names: all entries, the first of them `SPECIAL`.

    Attributes:
        kind: the same.
        names: the same.
        between: see `runner.engine.spec.Field`.
        theirs: empty, as no other program has numbers for them.
    """

    theirs: ClassVar[tuple[int, ...]] = ()

    def __init__(self, kind: str, names: Iterable[str]) -> None:
        self.kind, self.split, self.names = kind, SPLITS[kind], tuple(names)
        self.between = " " if kind in ("words", "spaced") else ""
        self._numbers = {name: number for number, name in enumerate(self.names)}

    @classmethod
    def of_texts(cls, kind: str, texts: Iterable[str], limit: int | None, longest: int | None) -> PlainVocabulary:
        """The most frequent tokens of some texts, those as frequent by their spelling; of bytes all there are.

        Args:
            kind: of tokens.
            texts: of the training part.
            limit: entries, at most.
            longest: tokens of a text that are looked at.
        """
        if kind == "bytes":
            return cls(kind, (*SPECIAL, *map(_byte, range(256))))
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(SPLITS[kind](text)[:longest])
        tokens = sorted(counts, key=lambda token: (-counts[token], token))
        return cls(kind, (*SPECIAL, *tokens)[:limit])

    def encode(self, text: str) -> list[int]:
        """The tokens of a text."""
        return [self._numbers.get(token, UNKNOWN) for token in self.split(text)]

    def state_dict(self) -> dict[str, Any]:
        """Everything, in plain containers."""
        return {"vocabulary": list(self.names), "kind": self.kind}
