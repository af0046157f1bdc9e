"""The learning rate of a whole run behind a warm-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.plots import Facts, scheduler

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def picture(name: str, overrides: list[str], config_dir: str | None) -> tuple[Figure, Facts]:
    """The curve of the run that the command stands for; see `runner.plots.scheduler.picture`."""
    return scheduler.picture(name, overrides, config_dir, "warmup")
