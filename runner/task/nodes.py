"""One class of several for each node of a graph."""

from __future__ import annotations

from runner.task.classification import Classification


class Nodes(Classification):
    """Which class a node belongs to: that of examples, only that the examples of a batch are nodes of one graph."""
