"""The one table of the groups whose options are called: what they hold, and in which order they are checked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """A group of the configuration.

    Attributes:
        name: its key; ``optimizer.wrapper`` stands inside of another.
        base: what the class of an option must descend from: ``module.Class``.
        many: takes a list of options, each under its own name.
        optional: may be left empty.
        technique: its options are techniques of the training loop.
        prepares: its options change the data before anything is trained, in the order of this table.
        light: its options can be checked without torch, whose import takes most of the time of a check.
    """

    name: str
    base: str
    many: bool = False
    optional: bool = False
    technique: bool = False
    prepares: bool = False
    light: bool = False


_TECHNIQUE = "runner.engine.technique.Technique"

# Those that need no torch come first.
GROUPS = (
    Group("trainer", "runner.engine.settings.Trainer", light=True),
    Group("data", "runner.data.base.DataOption", light=True),
    Group("scheduler", "runner.engine.schedule.Schedule", light=True),
    Group("tracking", "runner.tracking.base.Tracker", many=True, optional=True, light=True),
    Group("cleaning", "runner.cleaning.base.Cleaning", many=True, optional=True, prepares=True),
    Group("features", "runner.features.base.Features", many=True, optional=True, prepares=True),
    Group("balance", "runner.balance.base.Balance", optional=True, prepares=True),
    Group("model", "torch.nn.Module"),
    Group("init", "runner.init.base.Init"),
    Group("adapter", "runner.adapter.base.Adapter", optional=True),
    Group("loss", "runner.engine.loss.Loss"),
    Group("task", "runner.engine.task.Task", optional=True),
    Group("metric", "runner.engine.metric.Metric", many=True, optional=True),
    Group("optimizer", "torch.optim.Optimizer"),
    Group("optimizer.wrapper", _TECHNIQUE, optional=True, technique=True),
    Group("warmup", "runner.engine.schedule.Warmup", optional=True),
    Group("batch_growth", _TECHNIQUE, optional=True, technique=True),
    Group("augmentation", _TECHNIQUE, many=True, optional=True, technique=True),
    Group("regularization", _TECHNIQUE, many=True, optional=True, technique=True),
    Group("compression", _TECHNIQUE, many=True, optional=True, technique=True),
    Group("diagnostics", _TECHNIQUE, many=True, optional=True, technique=True),
)
BY_NAME = {group.name: group for group in GROUPS}

# A second option of any other group would silently overwrite the first.
LISTS = tuple(group.name for group in GROUPS if group.many)
