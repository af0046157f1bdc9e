"""From texts of unequal length and their classes to what the engine takes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from runner.data.parts.assemble import Labels, classes_spec, in_parts, missing_classes
from runner.data.parts.split import Parts
from runner.data.text.tokenizer import Tokenizer, of_parts
from runner.engine.data import Data
from runner.engine.spec import PADDING, Field
from runner.engine.split import SequenceSplit, Split


def documents(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    labels: Labels,
    parts: Parts,
    *,
    class_names: Sequence[str],
    fingerprint: str,
    notes: tuple[str, ...] = (),
) -> Data:
    """Texts in memory, of which classes are told.

    Args:
        tokenizer: not fitted.
        texts: all of them ``(N,)``.
        labels: class indices ``(N,)``.
        parts: the split.
        class_names: one per class.
        fingerprint: hash of the raw content.
        notes: passed on.
    """
    tokenizer.fit([texts[row] for row in parts.train])
    told: list[str] = []

    def split(rows: NDArray[np.int64]) -> SequenceSplit:
        values, offsets = tokenizer.inputs(texts[row] for row in rows)
        told.append(tokenizer.told())
        kept = [texts[row] for row in rows] if rows is parts.train else ()  # techniques may write them anew
        return SequenceSplit(values, offsets, torch.from_numpy(labels[rows]), padding=PADDING, texts=kept)

    spec = classes_spec(labels, parts, class_names, tokenizer.field)
    splits = in_parts(parts, split)
    counted = replace(tokenizer.field, counts=_texts_each(tokenizer, splits["train"]))
    spec = replace(spec, inputs=counted, more={"lengths": Field("values", ())})
    notes += (*missing_classes(labels, parts, class_names), *of_parts(splits, told))
    tokenizer.notes.clear()  # what is predicted later is told of anew
    return Data(spec, splits, fingerprint, tokenizer, notes)


def _texts_each(tokenizer: Tokenizer, split: Split) -> tuple[int, ...]:
    """How many texts each entry of the vocabulary is in."""
    assert isinstance(split, SequenceSplit)
    size = len(tokenizer.vocabulary)
    texts = torch.repeat_interleave(torch.arange(len(split)), split.lengths())
    different = torch.unique(texts * size + split.values)
    return tuple((different % size).bincount(minlength=size).tolist())
