import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LRScheduler

from runner.engine.schedule import Schedule

BASE_LRS = (0.1, 0.02)


@pytest.fixture
def same_curve() -> Callable[..., None]:
    """Compare a schedule with torch's over `steps` positions, for two parameter groups, in float64."""

    def check(schedule: Schedule, theirs: Callable[[Optimizer], LRScheduler], steps: int, total: int) -> None:
        parameters = [torch.nn.Parameter(torch.zeros(1, dtype=torch.float64)) for _ in BASE_LRS]
        groups: list[dict[str, Any]] = [{"params": [p], "lr": lr} for p, lr in zip(parameters, BASE_LRS, strict=True)]
        optimizer = SGD(groups, lr=BASE_LRS[0], momentum=0.9)
        reference = theirs(optimizer)
        schedule.bind(total, BASE_LRS[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch: step() of the optimizer should come first
            for t in range(steps):
                ours = [schedule.lr(t, lr) for lr in BASE_LRS]
                assert ours == pytest.approx([g["lr"] for g in optimizer.param_groups], rel=1e-9, abs=1e-16), t
                if schedule.cycle_momentum:
                    assert schedule.momentum(t) == pytest.approx(optimizer.param_groups[0]["momentum"], rel=1e-9), t
                if t + 1 < steps:
                    reference.step()

    return check
