"""The next steps of series in their units, and the quantiles of each where they are told."""

from typing import Any

import numpy as np

from runner.deploy.standalone.script.main import Example


def answer(outputs: np.ndarray, examples: list[Example], about: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of outputs ``(N, horizon * series * quantiles)``."""
    levels, series = about["levels"], about["target_series"]
    told = np.sort(outputs.reshape(len(outputs), -1, series, max(1, len(levels))), axis=-1)
    told = told.astype(np.float64) * np.reshape(about["std"] or [1.0], (-1, 1)) + np.reshape(
        about["mean"] or [0.0], (-1, 1)
    )
    names = [f"{name}_" for name in about["target_names"]] if series > 1 else [""]
    keys = [f"{name}{step + 1}" for step in range(told.shape[1]) for name in names]
    middle = min(range(len(levels)), key=lambda place: abs(levels[place] - 0.5), default=0)
    rows = []
    for one in told:
        row = {f"prediction_{key}": value for key, value in zip(keys, one[..., middle].ravel().tolist(), strict=True)}
        for place, level in enumerate(levels):
            values = one[..., place].ravel().tolist()
            row |= {f"quantile_{level:g}_{key}": value for key, value in zip(keys, values, strict=True)}
        rows.append(row)
    return rows
