"""Texts as numbers of tokens: from files with a text in each line, of JSON lines, and from folders of .txt files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from runner.deploy.standalone.script.main import Example, Refused
from runner.deploy.standalone.script.read.plain_tokens import tokenizer

START, END = 2, 3  # entries of every vocabulary


def read(path: str, about: dict[str, Any]) -> Iterator[Example]:
    """The texts of a file or folder."""
    encode = tokenizer(about)
    longest = about["longest"]
    for place, content in contents(path):
        try:
            text = content.decode("utf-8-sig")
            if path.endswith((".jsonl", ".ndjson", ".json")):
                text = json.loads(text)["text"]
                text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(f'{place}: it is neither UTF-8 nor JSON such as {{"text": "..."}} ({error}).') from None
        tokens = encode(text.lower() if about["lowercase"] else text)
        if about["enclosed"]:
            tokens = [START, *tokens[: None if longest is None else max(0, longest - 2)], END]
        yield place, {}, np.array(tokens[:longest] or [START], np.int64)


def contents(path: str) -> Iterator[tuple[str, bytes]]:
    """Texts with their places."""
    if Path(path).is_dir():
        for file in sorted(Path(path).rglob("*.txt")):
            yield str(file), file.read_bytes()
    else:
        with open(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                yield f"{path}:{number}", line.rstrip(b"\r\n")
