"""Numbers in their units."""

from typing import Any

import numpy as np

from runner.deploy.standalone.script.main import Example


def answer(outputs: np.ndarray, examples: list[Example], about: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of outputs ``(N, targets)``, which were scaled as the targets were."""
    values = outputs.astype(np.float64) * (about["std"] or 1.0) + (about["mean"] or 0.0)
    names = about["target_names"]
    if len(names) < 2 or len(names) != values.shape[1]:
        names = [""] if values.shape[1] == 1 else [str(place) for place in range(values.shape[1])]
    keys = ["_".join(filter(None, ("prediction", name))) for name in names]
    return [dict(zip(keys, row, strict=True)) for row in values.tolist()]
