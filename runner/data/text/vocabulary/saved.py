"""Vocabularies out of what a run left of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.data.text.vocabulary.library import LibraryVocabulary
from runner.data.text.vocabulary.plain import PlainVocabulary
from runner.engine import checkpoint
from runner.errors import ConfigError, RunFailed


def from_state(state: Mapping[str, Any], kind: str) -> PlainVocabulary | LibraryVocabulary:
    """The vocabulary of which this is the state.

    Args:
        state: see `PlainVocabulary.state_dict` and `LibraryVocabulary.state_dict`.
        kind: of its tokens, where the state does not tell.

    Raises:
        RunFailed: an entry is no text.
    """
    names = state["vocabulary"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RunFailed("The vocabulary in the checkpoint is damaged: an entry of it is no text.")
    if "library" in state:
        return LibraryVocabulary(state["library"], names, state["between"], state["theirs"])
    return PlainVocabulary(state.get("kind", kind), names)


def of_run(file: Path, lowercase: bool) -> PlainVocabulary | LibraryVocabulary:
    """The vocabulary in a checkpoint.

    Args:
        file: the checkpoint.
        lowercase: whether texts are to be taken in lower case.

    Raises:
        ConfigError: it has none, or one of texts that were taken otherwise.
        RunFailed: the file is damaged.
    """
    content = checkpoint.load(file)
    state, settings = content["transform"] or {}, content["config"]["data"]
    if "tokenizer" not in settings:
        raise ConfigError(f"data.tokenizer_file={file}: is of a run without texts of one's own. Expected one of texts.")
    if settings["lowercase"] != lowercase:
        taken = "in lower case" if settings["lowercase"] else "as they are"
        raise ConfigError(
            f"data.lowercase={str(lowercase).lower()}: the texts of the vocabulary in {file} were taken {taken}. Give "
            f"data.lowercase={str(settings['lowercase']).lower()}."
        )
    return from_state(state, settings["tokenizer"])
