"""The tokens of each text, and the class of each of them."""

from typing import Any

import numpy as np

from runner.deploy.standalone.script.main import Example


def answer(outputs: np.ndarray, examples: list[Example], about: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of outputs ``(N, steps, classes)``."""
    names, vocabulary = about["classes"], about["token_names"]
    return [
        {
            "tokens": [vocabulary[token] if vocabulary else str(token) for token in tokens.tolist()],
            "prediction": [names[place] for place in told[: len(tokens)].tolist()],
        }
        for told, (_, _, tokens) in zip(outputs.argmax(axis=2), examples, strict=True)
    ]
