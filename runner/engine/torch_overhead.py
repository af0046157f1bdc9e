"""Ways around costs of torch's optimizers that a plain training run need not pay.

Torch's optimizers import torch's compiler when they are made and in every step, so that compiled training loops see
their boundaries: over a second at start. Their step runs inside a profiler record and two switches of the gradient
mode: about 20 µs. runner compiles networks, never optimizers, so neither is of use to it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch.optim import Optimizer


def leave_compiler_out() -> None:
    """Let torch's optimizers be made and saved without importing the compiler.

    Each method of theirs that the compiler must not enter looks for its disabled version in an attribute, and imports
    the compiler to make one when there is none. Outside compiled code the method itself does.
    """
    for method in vars(Optimizer).values():
        function = getattr(method, "__wrapped__", None)
        if function is not None and not hasattr(function, "__dynamo_disable"):
            function.__dynamo_disable = function


def bare_step(optimizer: Optimizer) -> Callable[[], object]:
    """The optimizer's update rule without torch's wrappers around it; ``optimizer.step`` where they matter.

    They matter for optimizers that are not torch's own and for those that somebody has hooked into.
    """
    own = type(optimizer).__module__.startswith("torch.optim.") and "step" not in vars(optimizer)
    hooked = optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks
    if not own or hooked or optimizer.defaults.get("differentiable"):
        return optimizer.step
    rule = inspect.unwrap(type(optimizer).step)

    def step() -> None:
        with torch.no_grad():
            rule(optimizer)

    return step
