"""Texts and their translations: read from a file of a user, and divided."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge

from runner.data.base import DataOption
from runner.data.text.option import DocumentOption
from runner.engine.spec import Field, Spec
from runner.errors import RunFailed, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.data.parts.split import Parts

Pair = tuple[str, str]


@dataclass(kw_only=True)
class PairsOption(DocumentOption):
    """Texts, each with one that answers it.

    Both sides have one vocabulary, that of the training part: names, numbers and placeholders are then the same token
    on both, which a network learns to copy, and pieces of words that two languages share are learnt once (Sennrich et
    al. 2016, "Neural Machine Translation of Rare Words with Subword Units", section 3.2, for joint vocabularies).

    Attributes:
        longest_text: characters of a text, at most; pairs with a longer side are left out and counted.
    """

    batch_size: Annotated[int, Ge(1)] | Literal["full"] = 64
    longest_text: Annotated[int, Ge(1)] = 200

    def probe(self) -> Spec:
        """Known beforehand, but for the vocabulary.

        Raises:
            ConfigError: see `TextOption.check_tokenizer`.
        """
        self.check_tokenizer()
        tokens = Field("tokens", (None,))
        return Spec("sequence", tokens, tokens, {"lengths": Field("values", ()), "decoder_inputs": tokens})


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a file: a line each, source, tab, target; what is behind a second tab is ignored.

    Args:
        path: the file, in UTF-8.

    Raises:
        RunFailed: it can't be read, or a line has no tab or is not UTF-8, which is named by its number.
    """
    pairs = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    columns = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n").split("\t")
                except UnicodeDecodeError as error:
                    raise RunFailed(
                        f"{path}:{number}: this line is not in UTF-8 ({error.reason} at byte {error.start} of it). "
                        "Save the file as UTF-8, or convert it with `iconv -f latin1 -t utf-8`."
                    ) from error
                if len(columns) > 1:
                    pairs.append((columns[0].strip(), columns[1].strip()))
                elif columns[0].strip():
                    raise RunFailed(
                        f"{path}:{number}: this line has no tab. Expected a source and its target with a tab between; "
                        "further columns are ignored."
                    )
    except OSError as error:
        raise RunFailed(f"{path} can't be read ({error.strerror}).") from error
    return pairs


def kept_pairs(pairs: Sequence[Pair], longest: int, where: str) -> tuple[list[Pair], tuple[str, ...]]:
    """Pairs to learn from: each once, none with an empty or a very long side.

    Args:
        pairs: all of them.
        longest: characters of a side, at most.
        where: what they are from, for messages.

    Returns:
        The pairs in their order, and notes on what was left out.

    Raises:
        RunFailed: none is left.
    """
    whole = [pair for pair in pairs if all(pair)]
    short = [pair for pair in whole if max(map(len, pair)) <= longest]
    kept = list(dict.fromkeys(short))
    reasons = {
        "with an empty side": len(pairs) - len(whole),
        f"with a side of more than {counted(longest, 'character')} (data.longest_text)": len(whole) - len(short),
        "that stand there twice": len(short) - len(kept),
    }
    left_out = [f"{number:,} {reason}" for reason, number in reasons.items() if number]
    if not kept:
        told = f": {', '.join(left_out)}" if left_out else ""
        raise RunFailed(f"{where} has no pair to learn from{told}. Expected a source and its target.")
    return kept, (f"pairs of {where} that are left out: {', '.join(left_out)}",) if left_out else ()


def divided(option: DataOption, pairs: Sequence[Pair], test: int | None = None) -> Parts:
    """A random split in which all translations of one source are in one part.

    Args:
        option: gives the shares.
        pairs: all of them.
        test: how many at the end are the test part, whatever their sources; None: a share of all.
    """
    import numpy as np

    from runner.data.parts.assemble import finish
    from runner.data.parts.split import Parts, plain

    rest = len(pairs) - (test or 0)
    numbers: dict[str, int] = {}
    sources = np.array([numbers.setdefault(source, len(numbers)) for source, _ in pairs[:rest]], np.int64)
    train, val, _ = option.split
    shares = option.split if test is None else (train / (train + val), val / (train + val), 0.0)
    part_of_source = np.zeros(len(numbers), np.int64)
    for number, rows in enumerate(plain(len(numbers), shares, option.split_seed)):
        part_of_source[rows] = number
    parts = Parts(*(np.flatnonzero(part_of_source[sources] == number) for number in range(3)))
    if test is not None:
        parts = parts._replace(test=np.arange(rest, len(pairs)))
        sources = np.concatenate([sources, np.arange(len(numbers), len(numbers) + test)])
    return finish(option, parts, None, sources)
