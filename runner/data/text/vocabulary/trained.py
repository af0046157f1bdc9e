"""Pieces of words that are learned from texts: byte-level BPE, WordPiece and Unigram."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from runner.data.text.vocabulary.library import LibraryVocabulary
from runner.data.text.vocabulary.sentencepiece import of_model, package
from runner.engine.spec import SPECIAL
from runner.errors import RunFailed, counted

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library

Trained = Literal["bpe", "wordpiece", "unigram"]
# A name that no text has: every tokenizer below takes texts apart at spaces, or replaces them.
_UNKNOWN = " "
_BYTES = 256
# As the library has it: characters beyond the most frequent ones are unknown.
_ALPHABET = 1000
# What is not broken by a space or another sign is taken apart after so many bytes or characters: for each entry that it
# learns, a trainer goes through all of every word that has it, and of a word of millions has one entry after the other.
# Of a word of more than 100 characters WordPiece knows nothing.
_LONGEST = {"bpe": 1000, "wordpiece": 100, "unigram": 1000}


def train(kind: Trained, texts: Sequence[str], limit: int) -> LibraryVocabulary:
    """Learn a vocabulary; the same texts always give the same one.

    Args:
        kind: ``bpe`` on bytes (Sennrich et al. 2016; Radford et al. 2019), ``wordpiece`` (Schuster & Nakajima 2012) or
            ``unigram`` (Kudo 2018).
        texts: of the training part.
        limit: entries, at most.

    A word of more than 1,000 bytes (``bpe``) or 100 characters (``wordpiece``) is read in pieces of so many, and lines
    with one of more than 1,000 characters are learned from (``unigram``) in such pieces.

    Raises:
        RunFailed: the limit is too small for the characters, or there is no text.
    """
    if not any(text and not text.isspace() for text in texts):
        raise RunFailed(f"data.tokenizer={kind}: the training part has no text to learn a vocabulary from.")
    return {"bpe": _bpe, "wordpiece": _wordpiece, "unigram": _unigram}[kind](texts, limit)


def _too_small(limit: int, kind: str, least: int, why: str) -> RunFailed:
    return RunFailed(
        f"data.vocabulary={limit}: data.tokenizer={kind} needs at least {least:,} entries here ({why}). Choose more."
    )


def _bpe(texts: Sequence[str], limit: int) -> LibraryVocabulary:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    if limit < len(SPECIAL) + _BYTES:
        raise _too_small(limit, "bpe", len(SPECIAL) + _BYTES, "one for each byte and the special ones")
    library = Tokenizer(models.BPE())
    apart = [pre_tokenizers.ByteLevel(add_prefix_space=False), pre_tokenizers.FixedLength(_LONGEST["bpe"])]
    library.pre_tokenizer = pre_tokenizers.Sequence(apart)
    library.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    size = limit - len(SPECIAL)
    library.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=size, min_frequency=2, initial_alphabet=alphabet, show_progress=False)
    )
    return LibraryVocabulary.of_library(library)


def _wordpiece(texts: Sequence[str], limit: int) -> LibraryVocabulary:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    signs = sorted((sign for sign in counts if not sign.isspace()), key=lambda sign: (-counts[sign], sign))
    kept = sorted(signs[:_ALPHABET])
    least = len(SPECIAL) + 2 * len(kept)
    if limit < least:
        raise _too_small(limit, "wordpiece", least, f"{counted(len(kept), 'character')}, each inside words too")
    rare = dict.fromkeys(map(ord, signs[_ALPHABET:]), " ")
    # Named beforehand and in order: the library numbers characters inside of words as its hash table has them, which
    # differs from process to process, and with the numbers the vocabulary.
    inside = [_UNKNOWN, *(f"##{sign}" for sign in kept)]
    library = Tokenizer(models.WordPiece(unk_token=_UNKNOWN))
    apart = [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.FixedLength(_LONGEST["wordpiece"])]
    library.pre_tokenizer = pre_tokenizers.Sequence(apart)
    library.decoder = decoders.WordPiece()
    size = limit - len(SPECIAL) + 1  # with the unknown one, which is among the special ones
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, min_frequency=2, special_tokens=inside, initial_alphabet=kept, show_progress=False
    )
    library.train_from_iterator((text.translate(rare) for text in texts), trainer)
    return LibraryVocabulary.of_library(_without_added(library), _UNKNOWN)


def _without_added(library: Library) -> Library:
    """Entries that were named beforehand are pieces as any other, found in words only."""
    state = json.loads(library.to_str())
    state["added_tokens"] = []
    return type(library).from_str(json.dumps(state))


def _lines(texts: Sequence[str]) -> Iterator[str]:
    longest = _LONGEST["unigram"]
    for text in texts:
        for line in text.splitlines(keepends=True):
            if max(map(len, line.split(" "))) <= longest:
                yield line
            else:
                yield from (line[start : start + longest] for start in range(0, len(line), longest))


def _unigram(texts: Sequence[str], limit: int) -> LibraryVocabulary:
    # The library's own trainer adds up in the order of a hash table: another vocabulary in every process.
    sentencepiece, written = package("data.tokenizer=unigram"), io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_lines(texts),
            model_writer=written,
            model_type="unigram",
            vocab_size=limit - len(SPECIAL) + 1,  # with the unknown one, which is among the special ones
            hard_vocab_limit=False,
            byte_fallback=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            add_dummy_prefix=False,
            allow_whitespace_only_pieces=True,
            max_sentence_length=2**30,
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise RunFailed(
            f"data.vocabulary={limit}: data.tokenizer=unigram needs entries for {_BYTES} bytes, the special ones and "
            f"the characters of these texts ({' '.join(str(error).split())}). Choose more."
        ) from error
    return LibraryVocabulary.of_library(of_model(written.getvalue()))
