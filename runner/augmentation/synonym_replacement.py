"""Words of texts replaced by others that mean the same."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from annotated_types import Gt, Le

from runner.augmentation.text.base import TextTechnique, of_text, share_of
from runner.engine.spec import SPECIAL
from runner.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.fit import Fit


class SynonymReplacement(TextTechnique):
    """Replace as many words of a text as `alpha` of its tokens, at least one, by synonyms, each drawn from its own.

    Synonyms are the other words of all sets of WordNet that a word is in, as far as the vocabulary of the training
    part has them. Words without any, among them those with an ending, stay, and so do stop words (scikit-learn's); of
    a text with too few others all of these are replaced.

    Args:
        alpha: share of the tokens, above 0 and at most 1.
        root: folder with ``data.noun``, ``data.verb``, ``data.adj`` and ``data.adv`` in WordNet's form; None: WordNet
            3.0, fetched where it is not on this machine.

    Source: Wei & Zou 2019, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification
        Tasks", section 2; Miller 1995, "WordNet: A Lexical Database for English".
    """

    whole_words: ClassVar[bool] = True

    def __init__(self, alpha: Annotated[float, Gt(0), Le(1)] = 0.1, root: str | None = None) -> None:
        self.alpha, self.root = alpha, root

    def setup(self, fit: Fit) -> None:
        """Look up the synonyms of all words of the vocabulary.

        Raises:
            ConfigError: tokens are no words, or none has a synonym; WordNet is not where it is said to be.
            RunFailed: WordNet can't be fetched, or is damaged.
        """
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

        from runner.augmentation.text.wordnet import files, synonyms

        vocabulary = (fit.about["transform"] or {}).get("vocabulary")
        if vocabulary is None:
            raise ConfigError(
                "augmentation=synonym_replacement: looks up words, and these tokens have no names. Leave it out."
            )
        found = synonyms(files(self.root), vocabulary)
        for number, word in enumerate(vocabulary):
            if number < len(SPECIAL) or word.lower() in ENGLISH_STOP_WORDS:
                found[number] = []
        self.number = torch.tensor([len(entry) for entry in found], device=fit.device)
        self.first = self.number.cumsum(0) - self.number
        self.synonyms = torch.tensor([other for entry in found for other in entry], device=fit.device)
        self.fingerprint = hashlib.sha256(repr(found).encode()).hexdigest()
        words = sum(map(bool, found))
        if not words:
            raise ConfigError(
                "augmentation=synonym_replacement: no word of the vocabulary has a synonym in it. Expected texts in "
                "the language of WordNet, English; with a larger data.vocabulary there are more."
            )
        fit.progress.message(
            f"synonym_replacement: {words:,} of {len(vocabulary):,} entries of the vocabulary have synonyms in it"
        )

    def apply(self, tokens: Tensor) -> tuple[Tensor, int]:
        """See `TextTechnique.apply`."""
        number = self.number[tokens]
        count, replaceable = of_text(tokens).sum(1, keepdim=True), number > 0
        replaced = share_of(count, self.alpha, replaceable.sum(1, keepdim=True))
        place, which = torch.rand(2, *tokens.shape, device=tokens.device)
        rank = place.where(replaceable, 2.0).argsort(1).argsort(1)
        drawn = self.first[tokens] + (which * number).long().minimum(number - 1).clamp(min=0)
        return self.synonyms[drawn.clamp(max=len(self.synonyms) - 1)].where(rank < replaced, tokens), 0

    def state_dict(self) -> dict[str, Any]:
        """Which synonyms there are, in short: a run goes on with the same ones."""
        return {"synonyms": self.fingerprint}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Compare.

        Raises:
            ConfigError: they were others.
        """
        if state["synonyms"] != self.fingerprint:
            raise ConfigError(
                f"augmentation.synonym_replacement.root={self.root}: the words that mean the same are not those with "
                "which the run began. Put the files of before there, or start a new run."
            )
