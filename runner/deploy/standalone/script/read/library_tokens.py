"""Tokens that the library *tokenizers* finds, which is needed besides: pip install tokenizers."""

import json
from collections.abc import Callable
from typing import Any

from tokenizers import Tokenizer


def tokenizer(about: dict[str, Any]) -> Callable[[str], list[int]]:
    """What finds the numbers of a text's tokens: 1 where the vocabulary has none."""
    library = Tokenizer.from_str(json.dumps(about["library"]))
    library.encode_special_tokens = True  # what looks like a special entry is text as any other
    ours = {number: own for own, number in reversed(list(enumerate(about["library_numbers"])))}
    return lambda text: [ours.get(number, 1) for number in library.encode(text, add_special_tokens=False).ids]
