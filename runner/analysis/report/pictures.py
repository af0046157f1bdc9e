"""The figures of a report, each with what is to be seen in it; none where there is nothing to draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.analysis.figures.ablation import paired_dots
from runner.analysis.figures.across import differences_by_data_set
from runner.analysis.figures.groups import means
from runner.analysis.figures.learning_curves import learning_curves
from runner.analysis.figures.sweep import history
from runner.analysis.report.document import Picture
from runner.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from runner.analysis.compared import Compared
    from runner.analysis.run import Run
    from runner.engine.metric import Direction


def arms_drawn(record: Mapping[str, Any]) -> list[Picture]:
    """The runs of each arm, and its difference from the baseline."""
    return _picture(
        "arms",
        lambda: paired_dots(record),
        "Left, every run, those with the same seed joined, and the mean of each arm; right, the difference of each arm "
        "from the baseline with its interval. The baseline, and what is not decided, are open circles.",
        "Dots for the runs of each arm and intervals for its difference from the baseline; the table has the numbers",
    )


def differences_drawn(record: Mapping[str, Any]) -> list[Picture]:
    """The difference of each arm from the baseline on each data set."""
    return _picture(
        "differences",
        lambda: differences_by_data_set(record),
        "The difference of each arm from the baseline on each data set, with its interval. What is not decided is an "
        "open circle",
        "Intervals for the difference of each arm from the baseline, by data set; the table has the numbers",
    )


def curves_of_arms(arms: Mapping[str, Sequence[Run]], score: str) -> list[Picture]:
    """Training beside validation, of each arm."""
    return _picture(
        "learning_curves",
        lambda: learning_curves(arms, score),
        f"{score} by epoch on the training and the validation split: the mean of an arm's runs, and their range",
        f"Curves of {score} by epoch, a panel for each arm",
    )


def curves_of_run(run: Run) -> list[Picture]:
    """Training beside validation."""
    return _picture(
        "learning_curves",
        lambda: learning_curves({"": [run]}),
        "Scores by epoch on the training and the validation split",
        "Curves of each score by epoch; the table of epochs has the numbers",
    )


def history_drawn(folder: Path) -> list[Picture]:
    """A sweep, trial by trial."""
    return _picture(
        "history",
        lambda: history(folder),
        "Every point in the order of the search, and the best so far",
        "The objective of each point in the order of the search; the table of trials has the numbers",
    )


def means_drawn(compared: Compared, score: str, direction: Direction | None) -> list[Picture]:
    """Configurations beside each other."""
    return _picture(
        "means",
        lambda: means(compared, score, direction),
        "Every run, and the mean of each configuration in its 95 % interval",
        f"Dots for the runs of each configuration, their mean and its interval by {score}; the table has the numbers",
    )


def _picture(name: str, draw: Callable[[], Figure | None], caption: str, alt: str) -> list[Picture]:
    try:
        figure = draw()
    except (ConfigError, ValueError, TypeError, KeyError, AttributeError):  # a folder of somebody else's making
        return []
    return [Picture(name, figure, caption, alt)] if figure is not None else []
