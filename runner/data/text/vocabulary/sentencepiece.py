"""Models of SentencePiece, read into the library *tokenizers*."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from runner.errors import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library

_UNIGRAM, _BPE = 1, 2
_UNKNOWN, _CONTROL, _USER = 2, 3, 4  # types of pieces


def package(asked: str) -> Any:
    """The package.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module("sentencepiece")
    except ImportError as error:
        raise ConfigError(
            f"{asked}: sentencepiece is not installed. Run `pip install 'runner[sentencepiece]'`."
        ) from error


def of_model(content: bytes) -> Library:
    """A model, Unigram or BPE, that gives the same pieces as SentencePiece does.

    Args:
        content: of its file.

    Raises:
        ValueError: it is a model of another kind.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    package("data.tokenizer_file")
    messages = importlib.import_module("sentencepiece.sentencepiece_model_pb2")
    model = messages.ModelProto.FromString(content)
    how, trainer = model.normalizer_spec, model.trainer_spec
    pieces = [(piece.piece, piece.score) for piece in model.pieces]
    unknown = next((number for number, piece in enumerate(model.pieces) if piece.type == _UNKNOWN), None)
    if unknown is None or trainer.model_type not in (_UNIGRAM, _BPE):
        raise ValueError("it is no unigram or bpe model of SentencePiece")
    if trainer.model_type == _UNIGRAM:
        library = Tokenizer(models.Unigram(pieces, unknown, trainer.byte_fallback))
    else:
        numbers = {piece: number for number, (piece, _) in enumerate(pieces)}
        library = Tokenizer(
            models.BPE(
                numbers,
                _merges(dict(pieces), numbers),
                unk_token=pieces[unknown][0],
                fuse_unk=True,
                byte_fallback=trainer.byte_fallback,
            )
        )
    steps: list[Any] = [normalizers.Precompiled(how.precompiled_charsmap)] if how.precompiled_charsmap else []
    if how.remove_extra_whitespaces:
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    if steps:
        library.normalizer = normalizers.Sequence(steps)
    prepend = "always" if how.add_dummy_prefix else "never"
    library.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=prepend, split=False)
    decoder = decoders.Metaspace(prepend_scheme=prepend)
    library.decoder = decoders.Sequence([decoders.ByteFallback(), decoder]) if trainer.byte_fallback else decoder
    special = [piece.piece for piece in model.pieces if piece.type in (_UNKNOWN, _CONTROL)]
    library.add_special_tokens(special)
    library.add_tokens([AddedToken(piece.piece, normalized=False) for piece in model.pieces if piece.type == _USER])
    return library


def _merges(scores: dict[str, float], numbers: dict[str, int]) -> list[tuple[str, str]]:
    """What is put together, in the order of the scores of what comes out."""
    found = []
    for piece, score in scores.items():
        halves = [(piece[:i], piece[i:]) for i in range(1, len(piece))]
        known = [(left, right) for left, right in halves if left in numbers and right in numbers]
        found += [(-score, numbers[left], numbers[right], left, right) for left, right in known]
    return [(left, right) for *_, left, right in sorted(found)]
