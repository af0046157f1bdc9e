"""The labels that hold, and the probability of each."""

from typing import Any

import numpy as np

from runner.deploy.standalone.script.main import Example


def answer(outputs: np.ndarray, examples: list[Example], about: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of logits ``(N, labels)``."""
    names = about["classes"]
    shares = 1 / (1 + np.exp(-outputs))
    return [
        {
            "prediction": ";".join(name for name, share in zip(names, row, strict=True) if share >= about["threshold"]),
            **{f"probability_{name}": share for name, share in zip(names, row, strict=True)},
        }
        for row in shares.tolist()
    ]
