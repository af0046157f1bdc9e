"""A sweep: its values trial by trial, and what mattered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import ConfigError
from runner.sweep.listing import read_settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from runner.sweep.plots import Picture


def history(folder: Path) -> Figure | None:
    """The objective of each point in the order of the search, the best so far, and which were pruned or failed.

    Args:
        folder: of the sweep.

    Raises:
        ConfigError: it is no sweep's, or damaged.
    """
    from runner.sweep.plots import history as draw

    return _drawn(folder, draw)


def importance(folder: Path) -> Figure | None:
    """The share of the objective's variance that each searched key explains by itself (fANOVA, Hutter et al. 2014).

    Args:
        folder: of the sweep.

    Raises:
        ConfigError: it is no sweep's, or damaged.
    """
    from runner.sweep.plots import importance as draw

    return _drawn(folder, draw)


def _drawn(folder: Path, draw: Callable[[Picture, Figure], bool]) -> Figure | None:
    from matplotlib.figure import Figure

    from runner.sweep.plots import SIZE, Picture

    read_settings(folder)
    figure = Figure(figsize=SIZE, layout="constrained")
    try:
        return figure if draw(Picture(folder), figure) else None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ConfigError(f"{folder}: its trials can't be drawn ({type(error).__name__}).") from None
