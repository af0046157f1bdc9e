"""From texts and the texts that answer them to what the engine takes."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from runner.data.parts.assemble import in_parts
from runner.data.parts.split import Parts
from runner.data.text.tokenizer import Tokenizer, of_parts
from runner.engine.data import Data
from runner.engine.spec import END, PADDING, START, Field, Spec
from runner.engine.split import SequenceSplit
from runner.engine.split.sequences import ragged


def answers(
    tokenizer: Tokenizer,
    pairs: Sequence[tuple[str, str]],
    parts: Parts,
    *,
    fingerprint: str,
    notes: tuple[str, ...] = (),
) -> Data:
    """Texts in memory, each with one that answers it; both have one vocabulary.

    Args:
        tokenizer: not fitted.
        pairs: texts and answers.
        parts: the split.
        fingerprint: hash of the raw content.
        notes: passed on.
    """
    tokenizer.fit([text for row in parts.train for text in pairs[row]])
    end = torch.tensor([END])

    told: list[str] = []

    def split(rows: NDArray[np.int64]) -> SequenceSplit:
        values, offsets = tokenizer.inputs(pairs[row][0] for row in rows)
        targets, target_offsets = ragged([torch.cat((tokenizer.encode(pairs[row][1]), end)) for row in rows])
        told.append(tokenizer.told())
        return SequenceSplit(values, offsets, targets, target_offsets, PADDING, START)

    inputs = tokenizer.field
    targets = tokenizer.named
    more = {"lengths": Field("values", ()), "decoder_inputs": inputs}
    spec = Spec("sequence", inputs, targets, more, num_outputs=len(tokenizer.vocabulary))
    splits = in_parts(parts, split)
    tokenizer.notes.clear()  # what is predicted later is told of anew
    return Data(spec, splits, fingerprint, tokenizer, (*notes, *of_parts(splits, told)))
