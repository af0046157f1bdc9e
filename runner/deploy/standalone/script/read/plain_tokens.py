"""Tokens that need no library: words, characters and bytes."""

import re
from collections.abc import Callable
from typing import Any

SPLITS: dict[str, Callable[[str], list[str]]] = {
    "words": re.compile(r"\w+|[^\w\s]").findall,
    "spaced": re.compile(r"\S+", re.ASCII).findall,
    "characters": list,
    "bytes": lambda text: [chr(value) if value < 128 else f"<0x{value:02X}>" for value in text.encode()],
}


def tokenizer(about: dict[str, Any]) -> Callable[[str], list[int]]:
    """What finds the numbers of a text's tokens: 1 where the vocabulary has none."""
    split, numbers = SPLITS[about["tokens"]], {name: number for number, name in enumerate(about["token_names"])}
    return lambda text: [numbers.get(token, 1) for token in split(text)]
