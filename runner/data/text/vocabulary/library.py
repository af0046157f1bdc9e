"""Tokens that the library *tokenizers* finds: pieces of words, learned or from a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from runner.engine.spec import END, PADDING, SPECIAL, START, UNKNOWN

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library

# By which names files have what `SPECIAL` has. Where one entry has two of these parts (GPT-2), it is the first.
_ROLES = {
    PADDING: ("[PAD]", "<pad>", "<|padding|>", "<|pad|>"),
    UNKNOWN: ("[UNK]", "<unk>", "<|unk|>"),
    START: ("[CLS]", "<s>", "<bos>", "[BOS]", "<|begin_of_text|>", "<|startoftext|>", "<|endoftext|>"),
    END: ("[SEP]", "</s>", "<eos>", "[EOS]", "<|end_of_text|>", "<|endoftext|>"),
}


class LibraryVocabulary:
    """Entries of a tokenizer of the library, numbered anew: `SPECIAL` first, then its others in their order.

    Args:
        library: its state as the library writes it (``tokenizer.json``).
        names: of all entries as a person reads them, the first `SPECIAL`.
        between: see `runner.engine.spec.Field`.
        theirs: the number that the library has for each entry, -1 where it has none.

    Attributes:
        names: as above.
        between: as above.
        theirs: as above, for who has weights by the library's numbers.
    """

    def __init__(self, library: str, names: Iterable[str], between: str, theirs: Sequence[int]) -> None:
        from tokenizers import Tokenizer as Library

        self.names, self.between, self.theirs = tuple(names), between, tuple(theirs)
        self._state = library
        self._library = Library.from_str(library)
        self._library.encode_special_tokens = True  # what looks like a special entry is text as any other
        self._ours = {number: own for own, number in reversed(list(enumerate(theirs)))}

    @classmethod
    def of_library(cls, library: Library, unknown: str | None = None) -> LibraryVocabulary:
        """Number the entries of a tokenizer.

        Args:
            library: the tokenizer.
            unknown: its entry for what it does not know, where it has a name of its own.
        """
        library.no_truncation()
        library.no_padding()
        state = json.loads(library.to_str())
        numbers: dict[str, int] = library.get_vocab()
        names = {role: unknown if role == UNKNOWN and unknown else _first(role, numbers) for role in _ROLES}
        special = {name for name in names.values() if name is not None}
        theirs = [-1 if name is None else numbers[name] for name in names.values()]
        own = sorted((number, piece) for piece, number in numbers.items() if piece not in special)
        shown = _reader(state)
        return cls(
            json.dumps(_apart(state), ensure_ascii=False),
            (*SPECIAL, *(shown(piece) for _, piece in own)),
            "##" if state["model"]["type"] == "WordPiece" else "",
            (*theirs, *(number for number, _ in own)),
        )

    def encode(self, text: str) -> list[int]:
        """The tokens of a text."""
        ours = self._ours
        return [ours.get(number, UNKNOWN) for number in self._library.encode(text, add_special_tokens=False).ids]

    def state_dict(self) -> dict[str, Any]:
        """Everything, in plain containers."""
        return {
            "vocabulary": list(self.names),
            "library": self._state,
            "between": self.between,
            "theirs": list(self.theirs),
        }


def _first(role: int, numbers: Mapping[str, int]) -> str | None:
    return next((name for name in _ROLES[role] if name in numbers), None)


def _apart(state: dict[str, Any]) -> dict[str, Any]:
    """Unigram finds its entries anywhere in a text: special ones get names that no text has, as spaces are replaced."""
    if state["model"]["type"] != "Unigram":
        return state
    special = {entry["content"] for entry in state["added_tokens"] if entry["special"]}
    state["added_tokens"] = [entry for entry in state["added_tokens"] if not entry["special"]]
    for entry in state["model"]["vocab"]:
        if entry[0] in special:
            entry[0] = f" {entry[0]}"
    return state


def _reader(state: Mapping[str, Any]) -> Callable[[str], str]:
    """From a piece as the library writes it to what a person reads."""
    stages = {stage["type"]: stage for stage in _stages(state["decoder"])}
    if "ByteLevel" in stages:
        return of_bytes
    if "Metaspace" in stages:
        sign = stages["Metaspace"]["replacement"]
        return lambda piece: piece.replace(sign, " ")
    if "Replace" in stages and "ByteFallback" in stages:  # as converters write Metaspace
        return lambda piece: piece.replace("▁", " ")
    return str


def _stages(decoder: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    if decoder is None:
        return []
    return decoder.get("decoders", [decoder])  # type: ignore[no-any-return]


@cache
def _alphabet() -> dict[str, int]:
    """The byte that each sign of a byte-level vocabulary stands for (Radford et al. 2019)."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [value for value in range(256) if value not in shown]
    return {chr(value): value for value in shown} | {chr(256 + i): value for i, value in enumerate(hidden)}


def of_bytes(piece: str) -> str:
    """A piece of a byte-level vocabulary as text; bytes that are no characters by themselves as ``<0xE2>``."""
    signs = _alphabet()
    if not all(sign in signs for sign in piece):
        return piece
    text = bytes(signs[sign] for sign in piece).decode(errors="surrogateescape")
    return "".join(f"<0x{ord(c) - 0xDC00:02X}>" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in text)
