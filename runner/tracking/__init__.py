"""Trackers: who else is told of a run, beside TensorBoard and the run folder."""
