"""From sentences, each word of which has a tag, to what the engine takes."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from runner.data.parts.assemble import in_parts
from runner.data.parts.split import Parts
from runner.data.text.tokenizer import Tokenizer, of_parts
from runner.engine.data import Data
from runner.engine.spec import PADDING, Field, Spec
from runner.engine.split import SequenceSplit
from runner.engine.split.sequences import ragged


def tagged(
    tokenizer: Tokenizer,
    sentences: Sequence[Sequence[str]],
    tags: Sequence[Sequence[int]],
    parts: Parts,
    *,
    class_names: Sequence[str],
    fingerprint: str,
    notes: tuple[str, ...] = (),
) -> Data:
    """Sentences in memory, of which the tag of each word is told.

    Args:
        tokenizer: not fitted, of the kind ``spaced``: a token is a word as it was told apart already.
        sentences: all of them, none without words; no word has a space of ASCII in it.
        tags: class indices, as many as words.
        parts: which sentence is in which part.
        class_names: one per class.
        fingerprint: hash of the raw content.
        notes: passed on.
    """
    texts = [" ".join(words) for words in sentences]
    tokenizer.fit([texts[row] for row in parts.train])
    told: list[str] = []

    def split(rows: NDArray[np.int64]) -> SequenceSplit:
        values, offsets = tokenizer.inputs(texts[row] for row in rows)
        targets, target_offsets = ragged([torch.tensor(tags[row][: tokenizer.longest]) for row in rows])
        told.append(tokenizer.told())
        return SequenceSplit(values, offsets, targets, target_offsets, PADDING)

    splits = in_parts(parts, split)
    counts = np.bincount([tag for row in parts.train for tag in tags[row]], minlength=len(class_names))
    targets = Field("tags", (None,), len(class_names), tuple(class_names), tuple(counts.tolist()))
    spec = Spec("tagging", tokenizer.named, targets, {"lengths": Field("values", ())}, len(class_names))
    tokenizer.notes.clear()  # what is predicted later is told of anew
    return Data(spec, splits, fingerprint, tokenizer, (*notes, *of_parts(splits, told)))
