"""The most probable class, and the probability of each."""

from typing import Any

import numpy as np

from runner.deploy.standalone.script.main import Example


def answer(outputs: np.ndarray, examples: list[Example], about: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of outputs ``(N, classes)``, or of a single one, the logit of the second of two classes."""
    names, link = about["classes"], about["link"]
    if outputs.shape[1] == 1:
        shares = 1 / (1 + np.exp(np.concatenate((outputs, -outputs), axis=1)))
        told = (outputs[:, 0] > 0).astype(int)
    else:
        told = outputs.argmax(axis=1)
        logs = -np.logaddexp(np.float32(0), -outputs) if link == "sigmoid" else outputs
        shares = logs if link == "identity" else np.exp(logs) if link == "log" else softmax(logs)
    probabilities = [f"probability_{name}" for name in names]
    return [
        {"prediction": names[place], **dict(zip(probabilities, row, strict=True))}
        for place, row in zip(told, shares.tolist(), strict=True)
    ]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities ``(N, classes)``."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]
