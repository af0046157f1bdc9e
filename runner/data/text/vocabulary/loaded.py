"""Vocabularies from files that other programs wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from runner.data.text.vocabulary.library import LibraryVocabulary
from runner.data.text.vocabulary.saved import of_run
from runner.data.text.vocabulary.sentencepiece import of_model
from runner.engine import checkpoint
from runner.errors import ConfigError, RunFailed, no_file
from runner.fetch.fetching import ready
from runner.fetch.published import Published
from runner.fetch.sets import all_sets

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library

    from runner.data.text.vocabulary.plain import PlainVocabulary

# In a folder they are looked for in this order.
_FILES = ("tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")

# What files of one vocabulary may read differently: cases, accents, signs.
_PROBE = "Naïve Ünïcode, won't 42! 東京"


def published(name: str) -> Published | None:
    """The weights of this name that are published with their vocabulary, such as ``minilm``; None if there are none."""
    weights = all_sets().get(name)
    return weights if weights and _FILES[0] in weights.files else None


def found(path: str) -> Path:
    """The file of a vocabulary.

    Args:
        path: of the file, or of a folder that has one; of a run or a checkpoint; or the name of published weights,
            which are fetched.

    Raises:
        ConfigError: there is none, or one of a form that is not known.
    """
    if weights := published(path):
        paths, _ = ready(weights)
        return paths[_FILES[0]]
    file = Path(path).expanduser()
    if file.suffix == ".pt" or (file / "checkpoints").is_dir():
        return checkpoint.meant_by(path, "data.tokenizer_file")
    if file.is_dir():
        inside = [file / name for name in _FILES if (file / name).is_file()]
        if not inside:
            raise ConfigError(
                f"data.tokenizer_file={path}: this folder has none of {', '.join(_FILES)}, and is no run's."
            )
        return inside[0]
    if not file.is_file():
        raise ConfigError(f"data.tokenizer_file={path}: {no_file(file)}")
    if file.suffix not in (".json", ".txt", ".model"):
        raise ConfigError(
            f"data.tokenizer_file={path}: expected a tokenizer.json, a vocab.txt (WordPiece), a .model "
            "(SentencePiece), a vocab.json with merges.txt beside it (BPE), a folder with one of them, or a run's."
        )
    return file


def load(path: str, lowercase: bool) -> PlainVocabulary | LibraryVocabulary:
    """The vocabulary of a file; see `found`.

    Args:
        path: of the file, or of its folder.
        lowercase: whether a ``vocab.txt`` is one of lower case without accents, which it does not tell; that of a run
            must have been.

    Raises:
        ConfigError: see `found`.
        RunFailed: it can't be read.
    """
    file = found(path)
    try:
        if file.suffix == ".pt":
            return of_run(file, lowercase)
        return LibraryVocabulary.of_library(_read(file, lowercase))
    except (ConfigError, RunFailed):
        raise
    except Exception as error:  # the library raises Exception itself
        raise RunFailed(f"data.tokenizer_file={path}: {file.name} can't be read ({error}).") from error


def same(one: str, other: str, lowercase: bool) -> bool:
    """Whether two vocabularies are one, in files of whatever form; see `load`."""
    if one == other or found(one) == found(other):
        return True
    a, b = load(one, lowercase), load(other, lowercase)
    return (a.names, a.theirs, a.encode(_PROBE)) == (b.names, b.theirs, b.encode(_PROBE))


def _read(file: Path, lowercase: bool) -> Library:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    if file.suffix == ".model":
        return of_model(file.read_bytes())
    if file.name in ("vocab.json", "merges.txt"):
        merges = file.with_name("merges.txt")
        library = Tokenizer(models.BPE.from_file(str(file.with_name("vocab.json")), str(merges)))
        library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        library.decoder = decoders.ByteLevel()
        return library
    if file.suffix == ".txt":
        return _wordpiece(file, lowercase)
    return Tokenizer.from_str(json.dumps(json.loads(file.read_text(encoding="utf-8"))))


def _wordpiece(file: Path, lowercase: bool) -> Library:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    pieces = file.read_text(encoding="utf-8").splitlines()
    if "[UNK]" not in pieces:
        raise RunFailed(
            f"data.tokenizer_file={file}: no line is [UNK]. Expected the pieces of a WordPiece, one a line."
        )
    library = Tokenizer(models.WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
    library.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    library.decoder = decoders.WordPiece()
    return library
