"""From texts to numbers of tokens, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch

from runner.data.text.reading import read_texts
from runner.data.text.vocabulary.plain import SPLITS, PlainVocabulary
from runner.engine.batch import Batch
from runner.engine.spec import END, PADDING, START, UNKNOWN, Field
from runner.engine.split.sequences import padded, ragged
from runner.engine.transform import Bad, Raw, Transform

if TYPE_CHECKING:
    from torch import Tensor

    from runner.data.text.vocabulary.library import LibraryVocabulary

Kind = Literal["words", "spaced", "characters", "bytes", "bpe", "wordpiece", "unigram"]
# Where nobody says otherwise, of vocabularies that are learned.
_LIMIT = 10_000


@dataclass
class Seen:
    """What was met in some texts.

    Attributes:
        texts: how many.
        cut: how many of them were longer than what is read.
        tokens: that are read.
        unknown: how many of these.
    """

    texts: int = 0
    cut: int = 0
    tokens: int = 0
    unknown: int = 0


def of_parts(parts: Iterable[str], told: Iterable[str]) -> tuple[str, ...]:
    """Notes of what `Tokenizer.told` gave of each part; none of a part where it was nothing."""
    return tuple(f"{part}: {said}" for part, said in zip(parts, told, strict=True) if said)


class Tokenizer(Transform):
    """From texts to tokens: numbers of entries of a vocabulary, which is that of the training part or of a file.

    Args:
        kind: tokens are ``words`` (runs of letters, digits and underscores, and every other sign but space by itself),
            ``spaced`` (whatever stands between spaces), ``characters``, ``bytes`` (of UTF-8), or pieces of words that
            are learned: ``bpe``, ``wordpiece``, ``unigram``; see `runner.data.text.vocabulary.trained`.
        limit: entries of the vocabulary, at most, the most frequent; the rest is `UNKNOWN`. None: no limit, and 10,000
            where they are learned.
        longest: tokens of a text, at most; the rest of it is left out. None: no limit.
        lowercase: take texts in lower case.
        enclosed: put a `START` in front of each text and an `END` behind it; `longest` counts them.
        file: of a vocabulary that is taken as it is; `kind` and `limit` are not looked at. See
            `runner.data.text.vocabulary.loaded`.

    Attributes:
        seen: what was met in the texts since `told`.
    """

    def __init__(
        self,
        kind: Kind,
        limit: int | None = None,
        longest: int | None = None,
        *,
        lowercase: bool = False,
        enclosed: bool = False,
        file: str | None = None,
    ) -> None:
        super().__init__()
        self.kind, self.limit, self.longest = kind, limit, longest
        self.lowercase, self.enclosed, self.file = lowercase, enclosed, file
        self.entries: PlainVocabulary | LibraryVocabulary
        self.seen = Seen()

    def fit(self, raw: Sequence[str]) -> None:
        """Learn the vocabulary of the training texts, or read that of the file."""
        texts = [self._read(text) for text in raw]
        if self.file is not None:
            from runner.data.text.vocabulary.loaded import load

            self.entries = load(self.file, self.lowercase)
        elif self.kind in SPLITS:
            self.entries = PlainVocabulary.of_texts(self.kind, texts, self.limit, self.longest)
        else:
            from runner.data.text.vocabulary.trained import train

            self.entries = train(self.kind, texts, self.limit or _LIMIT)  # type: ignore[arg-type]

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Its entries: `SPECIAL`, then the tokens, of words and characters the most frequent first."""
        return self.entries.names

    def _read(self, text: str) -> str:
        # A single half of a pair, which only an escape in JSON can give, is no character and has no UTF-8.
        text = text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text.lower() if self.lowercase else text

    def encode(self, text: str) -> Tensor:
        """The tokens of one text ``(tokens,)`` int64; none of an empty one, and nothing around them."""
        return torch.tensor(self._tokens(text, self.longest), dtype=torch.int64)

    def _tokens(self, text: str, longest: int | None) -> list[int]:
        numbers = self.entries.encode(self._read(text))
        self.seen.texts += 1
        if longest is not None and len(numbers) > longest:
            numbers = numbers[:longest]
            self.seen.cut += 1
            self.notes[f"of texts of more than {self.longest:,} tokens the first {self.longest:,} are read"] = None
        self.seen.tokens += len(numbers)
        if unknown := numbers.count(UNKNOWN):
            self.seen.unknown += unknown
            had = "the vocabulary" if self.file else "training"
            self.notes[f"{self.what} that {had} had not are read as unknown"] = None
        return numbers

    @property
    def what(self) -> str:
        """What its tokens are, in a word."""
        return self.kind if self.kind in SPLITS and not self.file else "tokens"

    def told(self) -> str:
        """What is to be told of the texts since the last time, in words; empty where it is nothing."""
        seen, self.seen = self.seen, Seen()
        said = []
        if seen.cut:
            said.append(f"of {seen.cut:,} of {seen.texts:,} texts only the first {self.longest:,} tokens are read")
        if seen.unknown:
            said.append(f"{100 * seen.unknown / seen.tokens:.2g} % of the tokens are unknown")
        return "; ".join(said)

    def decode(self, tokens: Iterable[int]) -> str:
        """The text that tokens stand for: `runner.engine.spec.Field.text`.

        It is the text that was encoded, wherever that is whole and has no unknown ones: of ``characters``, ``bytes``,
        ``bpe`` and ``unigram``, but for the sign ▁ in the last, which is read as a space. Words and WordPiece know
        nothing of spaces: there is one between words.
        """
        return self.named.text(tokens)

    def inputs(self, texts: Iterable[str]) -> tuple[Tensor, Tensor]:
        """Texts as a network is given them, `ragged`; an empty one is a `START` alone."""
        return ragged([self._around(text) for text in texts])

    def _around(self, text: str) -> Tensor:
        if self.enclosed:
            room = None if self.longest is None else max(0, self.longest - 2)
            return torch.tensor([START, *self._tokens(text, room), END])
        return torch.tensor(self._tokens(text, self.longest) or [START])

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

    def undo(self, inputs: Tensor) -> list[dict[str, Any]]:
        """The texts of some tokens ``(N, tokens)``; see `decode`."""
        return [{"text": self.decode(tokens)} for tokens in inputs.tolist()]

    @property
    def field(self) -> Field:
        """The inputs that it gives."""
        return Field("tokens", (None,), len(self.vocabulary), between=self.entries.between)

    @property
    def named(self) -> Field:
        """The same with the names of the entries: what targets are, of which texts are made."""
        return Field("tokens", (None,), len(self.vocabulary), self.vocabulary, between=self.entries.between)

    @property
    def tokens(self) -> tuple[str, ...]:
        """See `Transform.tokens`."""
        return self.vocabulary

    @property
    def vocabulary_numbers(self) -> tuple[int, ...]:
        """See `Transform.vocabulary_numbers`."""
        return self.entries.theirs if self.file else ()

    def state_dict(self) -> dict[str, Any]:
        """The vocabulary; that of a file too, which is not read again."""
        return self.entries.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave.

        Raises:
            RunFailed: an entry of the vocabulary is no text.
        """
        from runner.data.text.vocabulary.saved import from_state

        self.entries = from_state(state, self.kind)
