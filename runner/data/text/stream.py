"""From texts to one long stream of tokens, of which the next is told."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from runner.data.parts.assemble import in_parts
from runner.data.parts.split import Parts
from runner.data.text.tokenizer import Tokenizer, of_parts
from runner.engine.data import Data
from runner.engine.spec import START, Spec
from runner.engine.split import LaneSplit, Split, WindowSplit
from runner.errors import RunFailed, counted


def stream(
    tokenizer: Tokenizer, texts: Sequence[str], parts: Parts, length: int, *, fingerprint: str, stateful: bool = False
) -> Data:
    """Texts for a language model.

    Args:
        tokenizer: not fitted.
        texts: all of them; those of a part stand one behind the other, each behind a `START`.
        parts: which text is in which part.
        length: tokens of an example; the next one begins where it ends. What is left at the end is not used.
        fingerprint: hash of the raw content.
        stateful: whether a batch goes on where the one before ended.

    Raises:
        RunFailed: a part has not enough tokens for one example.
    """
    tokenizer.fit([texts[row] for row in parts.train])
    start = torch.tensor([START])

    notes: list[str] = []
    told: list[str] = []

    def split(rows: NDArray[np.int64]) -> Split:
        tokens = torch.cat([piece for row in rows for piece in (start, tokenizer.encode(texts[row]))])
        if len(tokens) <= length:
            raise RunFailed(
                f"data.length={length}: a part of these data has only {counted(len(tokens), 'token')}, and an example "
                "and what is behind it need one more than the length. Choose a smaller one, or give more text."
            )
        notes.append(f"{len(tokens):,}")
        told.append(tokenizer.told())
        windows = WindowSplit(tokens, length, stride=length)
        return LaneSplit(windows) if stateful else windows

    splits = in_parts(parts, split)
    spec = Spec("tokens", tokenizer.field, tokenizer.named, num_outputs=len(tokenizer.vocabulary))
    note = f"{' + '.join(notes)} {tokenizer.what} in {' + '.join(splits)}"
    tokenizer.notes.clear()  # what is predicted later is told of anew
    return Data(spec, splits, fingerprint, tokenizer, (note, *of_parts(splits, told)))
