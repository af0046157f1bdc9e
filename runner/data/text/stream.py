"""From texts to one long stream of tokens, of which the next is told."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runner.data.parts.assemble import in_parts
from runner.data.parts.split import Parts
from runner.data.text.tokenizer import Tokenizer, of_parts
from runner.engine.data import Data
from runner.engine.spec import PADDING, START, Field, Spec
from runner.engine.split import LaneSplit, SequenceSplit, Split, WindowSplit
from runner.errors import RunFailed, counted


def stream(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    parts: Parts,
    length: int,
    *,
    fingerprint: str,
    crossing: bool = True,
    stateful: bool = False,
    notes: tuple[str, ...] = (),
) -> Data:
    """Texts for a language model.

    Args:
        tokenizer: not fitted.
        texts: all of them.
        parts: which text is in which part.
        length: tokens of an example; the next one begins where it ends.
        fingerprint: hash of the raw content.
        crossing: whether an example may go on into the next text. Then those of a part stand one behind the other, each
            behind a `START`, and what is left at the end is not used. Else each text ends with a shorter example.
        stateful: whether a batch goes on where the one before ended.
        notes: passed on.

    Raises:
        RunFailed: a part has not enough tokens for one example.
    """
    tokenizer.fit([texts[row] for row in parts.train])
    start = torch.tensor([START])

    sizes: list[str] = []
    told: list[str] = []

    def split(rows: NDArray[np.int64]) -> Split:
        encoded = [torch.cat((start, tokenizer.encode(texts[row]))) for row in rows]
        told.append(tokenizer.told())
        sizes.append(f"{sum(map(len, encoded)):,}")
        if not crossing:
            return _pieces(encoded, length)
        tokens = torch.cat(encoded)
        if len(tokens) <= length:
            raise RunFailed(
                f"data.length={length}: a part of these data has only {counted(len(tokens), 'token')}, and an example "
                "and what is behind it need one more than the length. Choose a smaller one, or give more text."
            )
        windows = WindowSplit(tokens, length, stride=length)
        return LaneSplit(windows) if stateful else windows

    splits = in_parts(parts, split)
    more = {} if crossing else {"lengths": Field("values", ())}
    spec = Spec("tokens", tokenizer.field, tokenizer.named, more, len(tokenizer.vocabulary))
    note = f"{' + '.join(sizes)} {tokenizer.what} in {' + '.join(splits)}"
    tokenizer.notes.clear()  # what is predicted later is told of anew
    return Data(spec, splits, fingerprint, tokenizer, (*notes, note, *of_parts(splits, told)))


def _pieces(encoded: Sequence[Tensor], length: int) -> SequenceSplit:
    """Each text by itself in examples of so many tokens, the last of them shorter; every token is told once."""
    lengths = [min(length, len(tokens) - 1 - i) for tokens in encoded for i in range(0, len(tokens) - 1, length)]
    offsets = torch.tensor([0, *lengths]).cumsum(0)
    values = torch.cat([tokens[:-1] for tokens in encoded])
    return SequenceSplit(values, offsets, torch.cat([tokens[1:] for tokens in encoded]), offsets, PADDING)
