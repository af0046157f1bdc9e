"""One or several numbers for each node of a graph."""

from __future__ import annotations

from runner.task.regression import Regression


class NodeRegression(Regression):
    """One or several numbers, as of examples, only that the examples of a batch are nodes of one graph."""
